import ClickHouseStandIn
import Foundation
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

@Suite(.startsProcesses) struct DrainTests {
    @Test func `the JSON says what was done, and the batches are as large as was asked for`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<250))
                let outcome = try await drain(path, server, ["--batch-size", "100", "--json"])
                #expect(outcome.status == .exited(0))
                #expect(outcome.output.contains(#""dead_letters":0,"delivered":250,"#))
                #expect(outcome.messages.contains("250 records for d.t at \(server.url)"))
                #expect(server.journal.inserts.map { $0.body.split(separator: "\n").count } == [100, 100, 50])
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<250))
            }
        }
    }

    @Test func `where somebody has to mend something it ends, and the next one goes on`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, requiredUser: "writer") { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<5))
                let held = try await drain(path, server)
                #expect(held.status == .exited(1))
                #expect(held.output.contains("held: destination (code 516)"))
                #expect(held.output.contains("5 records are left in the spool \(path)"))
                let mended = try await drain(path, server, ["--user", "writer"])
                #expect(mended.status == .exited(0))
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<5))
            }
        }
    }

    @Test func `what may pass is waited out, and said once`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<5))
                let busy = Fault.error(status: 500, code: 241, message: "Memory limit exceeded")
                server.faults.add(busy, busy, busy)
                let outcome = try await SpoolctlUnderTest.run(
                    ["drain", path, "--url", server.url, "--give-up-after", "60s"],
                    environment: ["CLICKHOUSE_MIN_RETRY_DELAY": "200ms"]
                )
                #expect(outcome.status == .exited(0))
                #expect(outcome.messages.ranges(of: "Ctrl-C ends it: transient (code 241)").count == 1)
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<5))
            }
        }
    }

    @Test func `a batch that takes too much memory is cut, and the next ones are smaller`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<1_000))
                server.faults.add(.error(status: 500, code: 241, message: "Memory limit exceeded"))
                let outcome = try await drain(path, server, ["--batch-size", "800"])
                #expect(outcome.status == .exited(0))
                #expect(server.journal.inserts.map { $0.body.split(separator: "\n").count } == [800, 400, 400, 200])
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(0..<1_000))
            }
        }
    }

    @Test func `it gives up when it was asked to, and nothing is lost`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, rows: numbers(0..<5))
            let outcome = try await SpoolctlUnderTest.run(
                ["drain", path, "--url", "http://127.0.0.1:1", "--give-up-after", "50ms"]
            )
            #expect(outcome.status == .exited(1))
            #expect(outcome.output.contains("gave up: transient: cannot connect"))
            #expect(try SpoolStatus(readingSpoolAt: path).pending == 5)
        }
    }

    @Test func `what ClickHouse refuses is a dead letter, and somebody has to look at it`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<5) + ["7"] + numbers(5..<9))
                let outcome = try await drain(path, server)
                #expect(outcome.status == .exited(2))
                #expect(
                    outcome.output.hasSuffix(
                        "1 dead letter, refused by ClickHouse: spoolctl dead-letters list \(path)\n"
                    )
                )
                #expect(try await server.store.rows(database: "d", table: "t").sorted() == numbers(0..<9))
            }
        }
    }

    @Test func `what is refused with no other record to compare is kept, and why is said`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: ["7"])
                let outcome = try await drain(path, server)
                #expect(outcome.status == .exited(1))
                #expect(outcome.output.contains("refused: data (code 27)"))
                let status = try SpoolStatus(readingSpoolAt: path)
                #expect(status.inFlight == 1)
                #expect(status.deadLetters == 0)
            }
        }
    }

    @Test func `a spool whose owner lives is refused, and its owner named`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
                let destination = SpoolDestination(database: "d", table: "t")
                try await spool.report(DeliveryReport(state: .fine, destination: destination))
                try await spool.append(Array("{}".utf8))
                let outcome = try await drain(path, server)
                #expect(outcome.status == .exited(1))
                #expect(outcome.messages.contains("is in use by process \(ProcessInfo.processInfo.processIdentifier)"))
                #expect(server.journal.inserts.isEmpty)
                await spool.close()
            }
        }
    }

    @Test(arguments: 1...3)
    func `a spool of an older version needs to be told its table, and is brought up to date`(
        version: Int
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                let fixture = URL(filePath: #filePath).deletingLastPathComponent()
                    .appending(path: "../SQLiteSpoolTests/Fixtures/version-\(version).spool")
                try Data(contentsOf: fixture).write(to: URL(filePath: path))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                let refused = try await drain(path, server, ["--table", "t"])
                #expect(refused.status == .exited(1))
                #expect(refused.messages.contains("give --database and --table"))
                #expect(refused.messages.contains("--id-column"))
                let doubtful = try await drain(path, server, ["--table", "t", "--database", "d"])
                #expect(doubtful.status == .exited(1))
                #expect(doubtful.messages.contains("records in batches that were begun"))
                #expect(server.journal.inserts.isEmpty)
                #expect(try SpoolHeader(readingSpoolAt: path).schemaVersion == version)

                let outcome = try await drain(path, server, ["--table", "t", "--database", "d", "--id-column", "n"])
                #expect(outcome.status == .exited(0))
                #expect(outcome.messages.contains("had schema version \(version)"))
                #expect(server.journal.inserts.first?.token.hasSuffix("-11-20") == true)
                #expect(try await server.store.rows(database: "d", table: "t") == numbers(10..<41))
                let header = try SpoolHeader(readingSpoolAt: path)
                #expect(header.destination == SpoolDestination(database: "d", table: "t", idColumn: "n"))
            }
        }
    }

    @Test func `a damaged spool is salvaged, and that is said`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<100))
                var log = try Data(contentsOf: URL(filePath: path + "-wal"))
                // In its first frame: behind the last one are some of before the latest checkpoint.
                log[200] ^= 4
                try log.write(to: URL(filePath: path + "-wal"))
                let outcome = try await drain(path, server, ["--database", "d", "--table", "t", "--id-column", "n"])
                #expect(outcome.messages.contains("the spool was damaged"))
                let rows = try await server.store.rows(database: "d", table: "t")
                #expect(Set(rows).count == rows.count)
                #expect(Set(rows).isSubset(of: numbers(0..<100)))
            }
        }
    }

    @Test func `where nobody can read what it says of itself it needs to be told, and is not called old`() async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let fixture = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../SQLiteSpoolTests/Fixtures/version-4.spool")
            var file = try Data(contentsOf: fixture)
            // The first page's list of tables.
            file.replaceSubrange(100..<4_096, with: Data(repeating: 0xff, count: 3_996))
            try file.write(to: URL(filePath: path))
            let options = ["drain", path, "--url", "http://127.0.0.1:1"]
            let refused = try await SpoolctlUnderTest.run(options)
            #expect(refused.status == .exited(1))
            #expect(
                refused.messages.contains("the spool is damaged where it says where its records go; give --database")
            )
            let doubtful = try await SpoolctlUnderTest.run(options + ["--database", "d", "--table", "t"])
            #expect(doubtful.messages.contains("batches may have been begun"))
            #expect(try Data(contentsOf: URL(filePath: path)) == file)
        }
    }

    @Test func `what is no spool is refused`() async throws {
        try await withTemporaryDirectory { directory in
            let outcome = try await SpoolctlUnderTest.run(
                ["drain", directory + "/none", "--url", "http://127.0.0.1:1", "--database", "d", "--table", "t"]
            )
            #expect(outcome.status == .exited(1))
            #expect(outcome.messages.contains("there is no file"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        }
    }

    @Test func `a copy without its WAL is not delivered before it is known what is missing`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let path = directory + "/s"
                try await makeKilledSpool(at: path, rows: numbers(0..<5))
                try FileManager.default.removeItem(atPath: path + "-wal")
                for file in ["", ".lock"] { try FileManager.default.removeItem(atPath: path + ".living" + file) }
                for command in [["status", path], ["check", path], ["drain", path, "--url", server.url]] {
                    let outcome = try await SpoolctlUnderTest.run(command)
                    #expect(outcome.status == .exited(2), "\(command)")
                    let text = (outcome.output + outcome.messages).split(whereSeparator: \.isWhitespace).joined(
                        separator: " "
                    )
                    #expect(text.contains("was copied or moved without"), "\(text)")
                    #expect(text.contains("spoolctl salvage \(path) NEW"), "\(text)")
                }
                #expect(server.journal.inserts.isEmpty)
                let salvaged = try await SpoolctlUnderTest.run(["salvage", path, directory + "/new"])
                #expect(salvaged.status == .exited(0))
                #expect(salvaged.output.contains("lost at most 5 records"))
                // Where they go was in the WAL.
                let target = ["--database", "d", "--table", "t", "--id-column", "n"]
                let rest = try await drain(directory + "/new", server, target)
                #expect(rest.output.contains("the spool is empty"))
            }
        }
    }
}
