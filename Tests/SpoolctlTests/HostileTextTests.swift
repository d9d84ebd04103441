import SQLiteSpool
@testable import spoolctl
import Synchronization
import Testing

/// ClickHouse's words, and a spool's, quote what others wrote: none of it may act on the operator's terminal.
@Suite struct HostileTextTests {
    /// Erases the screen, goes back to the line's start, sets the colour by a C1 control, and turns the text's direction.
    private static let reason = "no \u{1b}[2Jtable\r\nd.t \u{9b}31m\u{202e}gone"
    private static let shown = #"no \u{1B}[2Jtable\r d.t \u{9B}31m\u{202E}gone"#

    @Test func `a drain's lines show a reason with its escape sequences as text`() async {
        let written = Mutex("")
        let start = DrainDisplay.State(undelivered: 1, deadLetters: 0)
        let display = DrainDisplay(start, terminal: .none) { text in written.withLock { $0 += text } }
        await display.wait(for: Self.reason, nextAttempt: .seconds(1))
        await display.show(DrainDisplay.State(undelivered: 1, deadLetters: 0, guarantee: "a\u{1b}c"), at: .seconds(1))
        #expect(
            written.withLock { $0 } == """
                waiting until it works, Ctrl-C ends it: \(Self.shown)
                ClickHouse answers, the table's guarantee is: a\\u{1B}c

                """
        )
    }

    @Test func `a drain's report shows its reason and its table so, and its JSON has them escaped`() throws {
        let report = DrainReport(
            ending: .held(reason: Self.reason),
            spool: "/s",
            destination: SpoolDestination(database: "d", table: "t\u{1b}"),
            guarantee: nil,
            delivered: 1,
            pending: 1,
            inFlight: 0,
            deadLetters: 0,
            elapsed: .seconds(1)
        )
        #expect(report.text.contains(#"to d.t\u{1B} in 1 s"#))
        #expect(report.text.contains("\nheld: \(Self.shown)\n"))
        let line = try report.jsonLine
        #expect(line.contains(#""reason":"no \u001b[2Jtable\r\nd.t \u009b31m\u202egone""#))
        #expect(line.contains(#""table":"t\u001b""#))
    }

    @Test func `a refusal shows the table that the spool names with its escape sequences as text`() {
        let recorded = SpoolDestination(database: "d", table: "t\u{1b}[2J")
        let refusal = #expect(throws: DrainTarget.Refusal.self) {
            try DrainTarget.decide(DrainTarget.Finding(destination: recorded), DrainTarget.Request(table: "u"))
        }
        #expect(refusal?.description.contains(#"go to d.t\u{1B}[2J, and d.u"#) == true)
    }

    @Test func `JSON that is built by hand escapes them, too, and leaves other text as it is`() {
        var object = JSONObject()
        object.add("k\u{7f}", "\u{1b}\r\u{9b}\u{2028}\u{e0001} \"\\ é 日 👍")
        let line = String(decoding: object.line, as: UTF8.self)
        #expect(line == #"{"k\u007f":"\u001b\u000d\u009b\u2028\udb40\udc01 \"\\ é 日 👍"}"#)
    }
}
