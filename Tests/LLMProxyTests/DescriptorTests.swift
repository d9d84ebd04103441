import Foundation
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

/// What clients can take from the process through the real binary, and must not take from the traces.
@Suite(.startsProcesses) struct DescriptorTests {
    @Test func `a process without a free descriptor does not take its disk for full`() async throws {
        try await withTemporaryDirectory { directory in
            let count = 4
            let outcome = try await ProxyUnderTest.run(
                in: directory,
                // Nothing answers there, so all traces stay in the spool.
                ["--clickhouse-url", "http://127.0.0.1:9"],
                environment: ["CLICKHOUSE_SHUTDOWN_TIMEOUT": "1s"]
            ) { proxy in
                for index in 0..<count {
                    #expect(try await proxy.chat("\(index)").status == 200)
                    // Then the WAL has been moved into the database, and is to get its place on the disk anew.
                    try await waitUntil { try await recordsInDatabase(directory + "/traces.spool") == index + 1 }
                    if index == 0 { try await refuseDescriptors(to: proxy) }
                }
            }
            #expect(outcome.status == .exited(0))
            #expect(!outcome.log.contains("no room"), "\(outcome.log)")
            #expect(try SpoolStatus(readingSpoolAt: directory + "/traces.spool").undelivered == count)
        }
    }

    /// Without what is only in the WAL.
    private func recordsInDatabase(_ path: String) async throws -> Int? {
        let result = try await run(
            .name("sqlite3"),
            arguments: ["file:\(path)?immutable=1", "SELECT count(*) FROM records"],
            output: .string(limit: 1 << 10),
            error: .discarded
        )
        return Int(result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// What is open stays open, as the connection of these tests.
    private func refuseDescriptors(to proxy: ProxyUnderTest) async throws {
        let result = try await run(
            .name("prlimit"),
            arguments: ["--pid", "\(proxy.processID)", "--nofile=3:3"],
            output: .discarded
        )
        #expect(result.terminationStatus == .exited(0))
    }
}
