import Foundation
import SQLiteSpool
import TestSupport
import Testing

/// The real binary.
@Suite(.startsProcesses) struct StatusCommandTests {
    @Test func `the exit code says whether somebody has to do something`() async throws {
        try await withLivingSpool { spool, path in
            try await spool.append(Array("{}".utf8))
            let well = try await SpoolctlUnderTest.run(["status", path])
            #expect(well.status == .exited(0))
            #expect(well.output.hasPrefix("delivery      fine\nowner         process "))
            try await spool.report(DeliveryReport(state: .held, reason: "no such table"))
            let held = try await SpoolctlUnderTest.run(["status", "--json", path])
            #expect(held.status == .exited(2))
            #expect(held.output.contains(#""needs_person":true"#))
            await spool.close()
            let left = try await SpoolctlUnderTest.run(["status", path])
            #expect(left.status == .exited(2))
            #expect(left.output.contains("No process here delivers, and 1 record waits."))
        }
        try await withTemporaryDirectory { directory in
            let missing = try await SpoolctlUnderTest.run(["status", directory + "/s"])
            #expect(missing.status == .exited(1))
            #expect(missing.messages.contains("there is no file \(directory)/s"))
        }
    }

    @Test func `a delivered spool whose owner has ended needs nobody`() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s", durability: .processCrash))
            try await spool.append(Array("{}".utf8))
            let batch = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
            try await spool.acknowledge(batch)
            await spool.close()
            let outcome = try await SpoolctlUnderTest.run(["status", directory + "/s"])
            #expect(outcome.status == .exited(0))
            #expect(outcome.output.contains("owner         none; the last one was process"))
        }
    }

    @Test func `watch writes a line a sample where there is no terminal`() async throws {
        try await withLivingSpool { spool, path in
            try await spool.append(Array("{}".utf8))
            let outcome = try await SpoolctlUnderTest.run(["watch", path, "--count", "2", "--interval", "100ms"])
            #expect(outcome.status == .exited(0))
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count == 2)
            #expect(lines.last?.contains("  fine  pending 1  in flight 0  writes/s 0  delivered/s 0  ") == true)
        }
    }
}
