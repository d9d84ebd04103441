import Foundation
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The program of the page Getting started, run as the page runs it.
@Suite(.startsProcesses) struct GettingStartedTests {
    private func runVisits(in directory: String, url: String, closingIn limit: String) async throws -> String {
        let result = try await Subprocess.run(
            .path(FilePath(builtProduct("GettingStarted"))),
            environment: .inherit.updating([
                "CLICKHOUSE_URL": url, "CLICKHOUSE_SHUTDOWN_TIMEOUT": .some(limit),
                "CLICKHOUSE_MIN_RETRY_DELAY": "10ms",
            ]),
            workingDirectory: FilePath(directory),
            input: .none,
            output: .string(limit: 1_000),
            error: .discarded
        )
        #expect(result.terminationStatus == .exited(0))
        return result.standardOutput
    }

    @Test func `what is written while ClickHouse is down is delivered by the next start`() async throws {
        try await withTemporaryDirectory { directory in
            #expect(
                try await runVisits(in: directory, url: "http://127.0.0.1:1", closingIn: "1s")
                    == "delivered 0, left in the spool 2\n"
            )
            try await withStandIn(in: directory) { standIn in
                #expect(
                    try await runVisits(in: directory, url: standIn.url, closingIn: "60s")
                        == "delivered 4, left in the spool 0\n"
                )
                let rows = try await standIn.store.rows(database: "default", table: "visits")
                #expect(rows.count { $0.contains(#""url":"/absent","status":404"#) } == 2)
                #expect(rows.count == 4)
            }
        }
    }
}
