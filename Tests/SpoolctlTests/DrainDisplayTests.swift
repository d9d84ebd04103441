@testable import spoolctl
import Synchronization
import Testing

@Suite struct DrainDisplayTests {
    @Test func `where nothing can be redrawn there is a line every few seconds, and a reason once`() async {
        let lines = Mutex<[String]>([])
        let start = DrainDisplay.State(undelivered: 100, deadLetters: 3)
        let display = DrainDisplay(start, terminal: .none) { text in lines.withLock { $0.append(text) } }
        for tick in 1...60 {
            let time = Duration.milliseconds(tick * 200)
            if tick % 10 == 0 { await display.wait(for: "no route", nextAttempt: time + .seconds(3)) }
            await display.show(DrainDisplay.State(undelivered: 90, deadLetters: 4), at: time)
        }
        #expect(
            lines.withLock { $0 } == [
                "waiting until it works, Ctrl-C ends it: no route\n",
                "10 of 100 records (10 %), waits, next attempt in 2 s, 1 dead letter\n",
                "10 of 100 records (10 %), waits, next attempt in 3 s, 1 dead letter\n",
            ]
        )
        // It went on in between, so it is news.
        await display.show(DrainDisplay.State(undelivered: 80, deadLetters: 4), at: .seconds(13))
        await display.wait(for: "no route", nextAttempt: .seconds(14))
        #expect(lines.withLock(\.count) == 4)
    }
}
