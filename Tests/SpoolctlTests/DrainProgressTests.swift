@testable import spoolctl
import Testing

@Suite struct DrainProgressTests {
    /// Of 1,000 records, observed at the given seconds.
    private func progress(
        _ observations: [(seconds: Double, left: Int)],
        deadLetters: Int = 0
    ) -> DrainProgress {
        var progress = DrainProgress(total: 1_000)
        for (seconds, left) in observations {
            progress.observe(left: left, deadLetters: deadLetters, at: .seconds(seconds))
        }
        return progress
    }

    @Test(
        arguments: [
            ([], nil, nil, "0 of 1,000 records (0 %), starting"),
            ([(1, 1_000)], 0, nil, "0 of 1,000 records (0 %), 0 a second"),
            ([(2, 800)], 100, 8, "200 of 1,000 records (20 %), 100 a second, 8 s left"),
            ([(1, 1)], 999, 1, "999 of 1,000 records (99 %), 999 a second, 1 s left"),
            ([(4, 0)], 250, 0, "1,000 of 1,000 records (100 %), 250 a second"),
            // What an outage cost is forgotten after ten seconds.
            ([(60, 1_000), (65, 500), (70, 0)], 100, 0, "1,000 of 1,000 records (100 %), 100 a second"),
        ] as [([(seconds: Double, left: Int)], Int?, Int?, String)]
    )
    func `rate and rest are those of the latest ten seconds`(
        observations: [(seconds: Double, left: Int)],
        rate: Int?,
        secondsLeft: Int?,
        line: String
    ) {
        let progress = progress(observations)
        #expect(progress.rate == rate)
        #expect(progress.secondsLeft == secondsLeft)
        #expect(progress.line == line)
    }

    @Test func `a wait says how long it is, and not how fast it goes`() {
        var progress = progress([(2, 800)], deadLetters: 1)
        progress.nextAttempt = .seconds(6.2)
        #expect(progress.line == "200 of 1,000 records (20 %), waits, next attempt in 5 s, 1 dead letter")
        progress.nextAttempt = .seconds(1)
        #expect(progress.line == "200 of 1,000 records (20 %), trying again, 1 dead letter")
    }

    @Test(arguments: [
        (100, "[=======>                                ] 200 of 1,000 records (20 %), 100 a second, 8 s left"),
        (64, "[=>        ] 200 of 1,000 records (20 %), 100 a second, 8 s left"),
        (60, "200 of 1,000 records (20 %), 100 a second, 8 s left"),
        (20, "200 of 1,000 records"),
        (0, ""),
    ])
    func `the bar fits the width`(width: Int, bar: String) {
        #expect(progress([(2, 800)]).bar(width: width) == bar)
    }

    @Test func `the bar is full at the end, and where nothing was to be done`() {
        #expect(progress([(4, 0)]).bar(width: 200).hasPrefix("[\(String(repeating: "=", count: 40))] "))
        #expect(DrainProgress(total: 0).bar(width: 200).hasPrefix("[\(String(repeating: "=", count: 40))] 0 of 0"))
    }
}
