import ClickHouseWriter
import Foundation
import LLMTraces
import TestSupport
import Testing

/// What tells a record from another one when the table is asked.
extension RealServerTests {
    /// As calls that go out at once do, and share the id of what caused them.
    @Test func `two requests with one id in one second are two traces`() async throws {
        try await withDatabase { server, configuration in
            try await server.createTraces(configuration, .none)
            try await TroublesomeProxy.withProxy(to: server.url, [.none, .cutBody]) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                let writer = try openWriter(configuration)
                var other = TraceRecord.numbered(1)
                other.traceID = UUID()
                for (number, trace) in [TraceRecord.numbered(1), other].enumerated() {
                    try await writer.write(trace)
                    try await waitUntil("it is delivered") { writer.status.delivered == number + 1 }
                }
                await writer.close()
                #expect(try await server.count("request_id", configuration) == "2\t1\n")
                #expect(try await server.count("trace_id", configuration) == "2\t2\n")
            }
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `a table that was made before traces had an id takes them, and can be migrated`(
        deduplication: Deduplication
    ) async throws {
        try await withDatabase { server, configuration in
            try await server.createTraces(configuration, deduplication)
            _ = try await server.query("ALTER TABLE \(configuration.target) DROP COLUMN trace_id")
            let first = try openWriter(configuration)
            try await first.write(contentsOf: (0..<100).map { TraceRecord.numbered($0) })
            try await first.flush()
            #expect(first.status.guarantee?.contains("lacks the column `trace_id`") == true)
            await first.close()
            #expect(try await server.count("request_id", configuration) == "100\t100\n")

            try await TraceTable.create(configuration)
            let second = try openWriter(configuration)
            try await second.write(contentsOf: (100..<200).map { TraceRecord.numbered($0) })
            try await second.flush()
            #expect(second.status.guarantee?.contains("effectively-once") == true)
            await second.close()
            // The first hundred have the type's default.
            #expect(try await server.count("trace_id", configuration) == "200\t101\n")
        }
    }

    @Test func `a time is compared as ClickHouse cuts it, however many decimals it has`() async throws {
        try await withDatabase { server, configuration in
            try await server.createTable("id String, at DateTime", configuration, .none)
            try await TroublesomeProxy.withProxy(to: server.url, [.loseReply]) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                let writer = try openWriter(configuration, of: Precise.self)
                let times = ["", ".9", ".9994", ".9996", ".999999999"].map { "2026-01-01T00:00:59\($0)Z" }
                try await writer.write(contentsOf: times.map { Precise(id: $0, at: $0) })
                try await waitUntil("all are delivered") { writer.status.delivered == times.count }
                await writer.close()
                #expect(try await server.count("id", configuration) == "5\t5\n")
            }
        }
    }

    private struct Precise: ClickHouseRecord {
        var id: String
        var at: String

        static let columns: [Column<Precise>] = [Column("id", \.id), Column("at", \.at)]
        static let identity: RecordIdentity? = RecordIdentity(id: "id", time: "at")
    }
}
