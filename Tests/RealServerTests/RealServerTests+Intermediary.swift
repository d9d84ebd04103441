import ClickHouseHTTP
import ClickHouseWriter
import LLMTraces
import TestSupport
import Testing

/// Something between the writer and ClickHouse that is not ClickHouse.
extension RealServerTests {
    /// A table, what is promised of it on a server that knows tokens, and whether it is asked.
    enum Promise: CaseIterable {
        case token, reconciliation, atLeastOnce

        var deduplication: Deduplication { self == .token ? .byToken : .none }

        var words: String {
            let reason = "(the table has non_replicated_deduplication_window = 0"
            return switch self {
            case .token: "effectively-once by token"
            case .reconciliation: "effectively-once by reconciliation \(reason))"
            case .atLeastOnce:
                "at-least-once: retries may duplicate \(reason), and reconciliation is turned off)"
            }
        }
    }

    @Test(arguments: Promise.allCases, [Intermediary.transparent, .chproxy, .withOwnIDs, .withoutIDs])
    func `what an intermediary changes of requests and responses costs no send`(
        promise: Promise,
        intermediary: Intermediary
    ) async throws {
        try await withTraces(promise, intermediary) { server, proxy, configuration in
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: (0..<1_000).map { TraceRecord.numbered($0) })
            try await waitUntil("all are delivered") { writer.status.delivered == 1_000 }
            #expect(writer.status.guarantee == promise.words + intermediary.findings)
            #expect(await writer.close().remaining == 0)
            #expect(proxy.attempts == proxy.inserts.count)
            #expect(proxy.inserts.reduce(0) { $0 + $1.rows.count } == 1_000)
            #expect(try await server.count("request_id", configuration) == "1000\t1000\n")
        }
    }

    @Test(arguments: [Promise.token, .reconciliation], [Intermediary.chproxy, .withOwnIDs, .withoutIDs])
    func `behind an intermediary records whose acknowledgements are lost arrive once`(
        promise: Promise,
        intermediary: Intermediary
    ) async throws {
        let troubles: [TroublesomeProxy.Trouble] = [.loseReply, .none, .loseReply, .cutBody, .loseReply]
        try await withTraces(promise, intermediary, troubles) { server, proxy, configuration in
            var configuration = configuration
            // The token alone must do.
            configuration.reconciles = promise == .reconciliation
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: (0..<500).map { TraceRecord.numbered($0) })
            try await waitUntil("all are delivered") { writer.status.delivered == 500 }
            #expect(await writer.close().remaining == 0)
            #expect(proxy.isThroughTroubles)
            #expect(try await server.count("request_id", configuration) == "500\t500\n")
        }
    }

    /// What the settings are for: without them 26.9 drops the column that the table lacks, and moves the time into the range of its type.
    @Test func `behind an intermediary nothing is stored that is not what was written`() async throws {
        try await withDatabase { server, configuration in
            guard try await server.knowsTokens else { return }
            try await server.createTable("n UInt64, at DateTime", configuration, .byToken)
            try await TroublesomeProxy.withProxy(to: server.url, intermediary: .chproxy) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                let client = try InsertClient(configuration)
                for (number, row) in [#""at":"1871-01-01T00:00:00Z""#, #""at":"2026-01-01T00:00:00Z","lacks":3"#]
                    .enumerated()
                {
                    let body = Array("{\"n\":\(number),\(row)}\n".utf8)
                    #expect(await client.insert(body, token: "\(configuration.table)-\(number)") != .accepted)
                }
                await client.close()
                #expect(try await server.query("SELECT count() FROM \(configuration.target)") == "0\n")
            }
        }
    }

    @Test(arguments: [Intermediary.chproxy, .withOwnIDs, .withoutIDs])
    func `behind an intermediary an insert that still runs is waited for`(intermediary: Intermediary) async throws {
        try await withDatabase { server, configuration in
            guard try await server.knowsTokens else { return }
            // A batch of ten takes 2.5 s.
            try await server.createTable("n UInt64, s UInt8 DEFAULT sleepEachRow(0.25)", configuration, .none)
            try await TroublesomeProxy.withProxy(to: server.url, [.hangUp], intermediary: intermediary) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                let writer = try openWriter(configuration, of: Slow.self)
                try await writer.write(contentsOf: (0..<10).map { Slow(n: $0) })
                try await waitUntil("all are delivered") { writer.status.delivered == 10 }
                await writer.close()
                #expect(proxy.attempts == 1)
                #expect(try await server.count("n", configuration) == "10\t10\n")
            }
        }
    }

    private struct Slow: ClickHouseRecord {
        var n: UInt64

        static let columns: [Column<Slow>] = [Column("n", \.n)]
        static let identity: RecordIdentity? = RecordIdentity(id: "n")
    }

    @Test func `a path on which no answer comes back does not fill a table`() async throws {
        try await withTraces(.atLeastOnce, .transparent, Array(repeating: .loseReply, count: 10_000)) {
            server,
            proxy,
            configuration in
            var configuration = configuration
            configuration.shutdownTimeout = .zero
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: (0..<50).map { TraceRecord.numbered($0) })
            try await waitUntil("the delivery is held") {
                guard case .held(let reason) = writer.status.delivery else { return false }
                return reason.contains(
                    "after 5 sends without an answer, and each may have stored the records again: check what is"
                )
            }
            // As a program that flushes all the time.
            for _ in 0..<20 { await #expect(throws: WriterError.self) { try await writer.flush() } }
            #expect(proxy.attempts == 5)
            #expect(await writer.close().remaining == 50)
            #expect(try await server.count("request_id", configuration) == "250\t50\n")
        }
    }

    /// A table of traces behind an intermediary, on a server that knows tokens.
    private func withTraces(
        _ promise: Promise,
        _ intermediary: Intermediary,
        _ troubles: [TroublesomeProxy.Trouble] = [],
        _ body: @escaping @Sendable (ClickHouseServer, TroublesomeProxy, BatchWriterConfiguration) async throws -> Void
    ) async throws {
        try await withDatabase { server, configuration in
            guard try await server.knowsTokens else { return }
            try await server.createTraces(configuration, promise.deduplication)
            try await TroublesomeProxy.withProxy(to: server.url, troubles, intermediary: intermediary) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                configuration.maxBatchSize = 100
                configuration.reconciles = promise != .atLeastOnce
                try await body(server, proxy, configuration)
            }
        }
    }
}
