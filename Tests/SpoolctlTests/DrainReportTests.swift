import SQLiteSpool
@testable import spoolctl
import Testing

@Suite struct DrainReportTests {
    private func report(_ ending: DrainReport.Ending, left: Int = 0, deadLetters: Int = 0) -> DrainReport {
        DrainReport(
            ending: ending,
            spool: "/s",
            destination: SpoolDestination(database: "d", table: "t"),
            guarantee: nil,
            delivered: 3_000,
            pending: left - left / 2,
            inFlight: left / 2,
            deadLetters: deadLetters,
            elapsed: .milliseconds(1_500)
        )
    }

    @Test(arguments: [
        (DrainReport.Ending.emptied, 0, 0, 0 as Int32), (.emptied, 0, 1, 2), (.held(reason: "r"), 4, 1, 1),
        (.refused(reason: "r"), 1, 0, 1),
        (.gaveUp(reason: "r"), 4, 0, 1), (.interrupted(signal: 2), 4, 0, 130), (.interrupted(signal: 15), 4, 0, 143),
    ])
    func `only an empty spool is a success`(ending: DrainReport.Ending, left: Int, deadLetters: Int, code: Int32) {
        #expect(report(ending, left: left, deadLetters: deadLetters).exitCode.rawValue == code)
    }

    @Test func `it says what is left and what to do`() {
        #expect(
            report(.held(reason: "no table"), left: 9, deadLetters: 2).text == """
                delivered 3,000 records to d.t in 2 s, 2,000 a second
                held: no table
                9 records (4 in batches that were begun) are left in the spool /s; mend that, and run this again
                2 dead letters, refused by ClickHouse: spoolctl dead-letters list /s
                """
        )
        #expect(report(.emptied).text.hasSuffix("\nthe spool is empty: nothing is pending, and nothing in flight"))
        #expect(
            report(.interrupted(signal: 2), left: 1).text
                .hasSuffix("\ninterrupted: 1 record is left in the spool /s; run this again to go on")
        )
    }

    @Test func `the JSON has every key`() throws {
        #expect(
            try report(.emptied).jsonLine
                == #"{"database":"d","dead_letters":0,"delivered":3000,"guarantee":null,"in_flight":0,"#
                + #""outcome":"emptied","pending":0,"reason":null,"records_per_second":2000,"seconds":1.5,"#
                + #""spool":"/s","table":"t"}"#
        )
    }
}
