import ClickHouseStandIn
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

/// Whatever ends a writer or a drain, the next drain goes on.
@Suite(.startsProcesses) struct DrainInterruptionTests {
    /// With tokens, and where the table has to be asked instead.
    @Test(arguments: [true, false])
    func `what a killed writer left is delivered, and nothing is stored twice though its replies were lost`(
        deduplicates: Bool
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: deduplicates) { server in
                let path = directory + "/s"
                server.faults.setStanding(.dropAfterProcessing)
                let writer = CrashingWriter(spool: path, url: server.url, database: "d")
                let killed = try await writer.run(from: 0, killAfter: 200)
                #expect(killed.wasKilled)
                server.faults.clear()

                let outcome = try await drain(path, server)
                #expect(outcome.status == .exited(0))
                #expect(outcome.output.contains("to d.crash in "))
                #expect(outcome.output.hasSuffix("the spool is empty: nothing is pending, and nothing in flight\n"))
                let rows = try await server.store.rows(database: "d", table: "crash")
                #expect(Set(rows).count == rows.count)
                #expect(Set(rows).isSuperset(of: killed.acknowledged.map { "{\"n\":\($0)}" }))
            }
        }
    }

    @Test func `a batch whose reply was lost goes on under its token and with its rows, whatever the batch size`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                // Records without an id cannot be asked for.
                try await makeKilledSpool(at: path, rows: numbers(0..<100), idColumn: nil)
                server.faults.setStanding(.dropAfterProcessing)
                let killed = try await SpoolctlUnderTest.run(
                    ["drain", path, "--url", server.url, "--give-up-after", "60s", "--batch-size", "20"]
                ) { $0.contains("waiting until") ? .kill : nil }
                #expect(killed.status == .signaled(9))
                server.faults.clear()
                let lost = try #require(server.journal.inserts.last)
                let attempts = server.journal.inserts.count
                #expect(try await drain(path, server).status == .exited(0))
                let resent = try #require(server.journal.inserts.dropFirst(attempts).first)
                #expect(resent.token == lost.token)
                #expect(resent.body == lost.body)
                #expect(server.journal.inserts.last?.body == numbers(20..<100).map { $0 + "\n" }.joined())
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<100))
            }
        }
    }

    @Test func `where the table knows no tokens it is asked for what a lost reply may have left`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: false) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<100))
                server.faults.add(.dropAfterProcessing)
                server.faults.setStanding(.hang)
                let killed = try await SpoolctlUnderTest.run(
                    ["drain", path, "--url", server.url, "--give-up-after", "60s", "--batch-size", "20"]
                ) { $0.contains("waiting until") ? .kill : nil }
                #expect(killed.status == .signaled(9))
                server.faults.clear()
                let outcome = try await drain(path, server)
                #expect(outcome.status == .exited(0))
                #expect(outcome.messages.contains("effectively-once by reconciliation"))
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<100))
            }
        }
    }

    @Test func `a signal lets the request be answered and leaves the rest, and nothing comes twice`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<1_000))
                server.faults.setStanding(.delay(.milliseconds(100)))
                let options = ["drain", path, "--url", server.url, "--give-up-after", "60s", "--batch-size", "10"]
                let ended = try await SpoolctlUnderTest.run(options) {
                    $0.contains("ClickHouse answers") ? .interrupt : nil
                }
                #expect(ended.status == .exited(130))
                #expect(ended.output.contains("interrupted: "))
                let status = try SpoolStatus(readingSpoolAt: path)
                #expect(status.pending > 0)
                #expect(status.inFlight == 0)
                server.faults.clear()
                #expect(try await SpoolctlUnderTest.run(options).status == .exited(0))
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<1_000))
            }
        }
    }

    @Test func `a second signal ends it at once, and nothing comes twice`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<100))
                server.faults.setStanding(.hang)
                let options = ["drain", path, "--url", server.url, "--give-up-after", "60s", "--batch-size", "10"]
                let killed = try await SpoolctlUnderTest.run(options) {
                    $0.contains("ClickHouse answers") || $0.contains("again to end at once") ? .terminate : nil
                }
                #expect(killed.status == .exited(143))
                server.faults.clear()
                #expect(try await SpoolctlUnderTest.run(options).status == .exited(0))
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<100))
            }
        }
    }
}
