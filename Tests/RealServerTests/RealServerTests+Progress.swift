@testable import ClickHouseHTTP
import ClickHouseWriter
import SQLiteSpool
import TestSupport
import Testing

/// Whatever some records, a limit or a link does, the others arrive.
extension RealServerTests {
    @Test func `refused records that fill the spool leave it, and good ones go on`() async throws {
        try await withDatabase { server, configuration in
            var configuration = configuration
            configuration.maxRecords = 20
            try await server.createTable("n UInt64, value UInt8", configuration, .byToken)
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(contentsOf: (0..<20).map { Measurement(n: $0, value: "bad") })
            var good = 0
            // Only what comes later proves of the last ones that the table is fine.
            try await waitUntil("forty more are written, and all bad ones are dead letters") {
                do throws(WriterError) {
                    try await writer.write(contentsOf: [Measurement(n: 20 + good, value: "7")])
                    good += 1
                } catch {
                    guard error.code == .spoolFull else { throw error }
                }
                return good >= 40 && writer.status.deadLetters == 20
            }
            try await waitUntil("all good ones are delivered") { writer.status.delivered == good }
            await writer.close()
            #expect(try await server.count("n", configuration) == "\(good)\t\(good)\n")
            #expect(try DeadLetter.all(in: configuration.spoolPath).map(\.id) == (1...20).map(Int64.init))
        }
    }

    @Test func `rows of an older type wait alone, and are delivered once their column is back`() async throws {
        try await withDatabase { server, configuration in
            try await server.createTable("n UInt64, value String", configuration, .byToken)
            let spool = try Spool(SpoolConfiguration(path: configuration.spoolPath))
            try await spool.append(
                contentsOf: (0..<120).map { n in
                    let more = n % 40 == 7 ? #","gone":1"# : ""
                    return Array(#"{"n":\#(n),"value":"x"\#(more)}"#.utf8)
                }
            )
            await spool.close()
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(contentsOf: (120..<300).map { Measurement(n: $0, value: "y") })
            try await waitUntil("all others are delivered") { writer.status.delivered == 297 }
            guard case .poisoned(let reason) = writer.status.delivery else {
                Issue.record("\(writer.status.delivery)")
                return
            }
            #expect(reason.contains("gone"), "\(reason)")
            #expect(writer.status.deadLetters == 0)
            _ = try await server.query("ALTER TABLE \(configuration.target) ADD COLUMN gone UInt8")
            try await waitUntil("those too") { writer.status.delivered == 300 && writer.status.delivery == .fine }
            await writer.close()
            #expect(try await server.count("n", configuration) == "300\t300\n")
        }
    }

    @Test func `a view that throws for a value holds up no other batch`() async throws {
        try await withDatabase { server, configuration in
            if try await !server.knowsTokens { return }
            var configuration = configuration
            configuration.maxBatchSize = 10
            try await server.createTable("n UInt64, value String", configuration, .byToken)
            let target = configuration.target
            _ = try await server.query(
                "CREATE MATERIALIZED VIEW \(quoteIdentifier(configuration.database)).v ENGINE = MergeTree ORDER BY n "
                    + "SETTINGS non_replicated_deduplication_window = 10000 "
                    + "AS SELECT n, throwIf(value = 'bad') AS b FROM \(target)"
            )
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(contentsOf: (0..<100).map { Measurement(n: $0, value: $0 == 25 ? "bad" : "good") })
            try await waitUntil("the other batches are delivered") { writer.status.delivered == 90 }
            guard case .poisoned(let reason) = writer.status.delivery else {
                Issue.record("\(writer.status.delivery)")
                return
            }
            #expect(reason.contains("while pushing to view"))
            await writer.close()
            #expect(try await server.count("n", configuration) == "100\t100\n")
        }
    }

    /// What lets fewer rows pass than a batch has: the server's memory, which 1,000 rows of 2 KB are too many for, or a link.
    static let narrows = [
        Intermediary(settings: ["max_memory_usage": "4000000"]),
        Intermediary(mostRows: 30),
    ]

    @Test(arguments: narrows)
    func `a batch that is too large for what is between is cut, and the next ones are smaller`(
        narrow: Intermediary
    ) async throws {
        try await withDatabase { server, configuration in
            if try await !server.knowsTokens { return }
            try await TroublesomeProxy.withProxy(to: server.url, intermediary: narrow) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                configuration.maxBatchSize = narrow.mostRows == .max ? 1_000 : 100
                try await server.createTable("n UInt64, value String", configuration, .byToken)
                let writer = try openWriter(configuration, of: Measurement.self)
                let value = String(repeating: "x", count: 2_000)
                let count = configuration.maxBatchSize * 5
                try await writer.write(contentsOf: (0..<count).map { Measurement(n: $0, value: value) })
                try await waitUntil("all are delivered") { writer.status.delivered == count }
                await writer.close()
                #expect(try await server.count("n", configuration) == "\(count)\t\(count)\n")
                // Of the first batch three attempts, and of each half; and two or four pieces for each of the others.
                #expect(proxy.attempts <= 60, "\(proxy.attempts)")
            }
        }
    }
}
