import ClickHouseWriter
import LLMTraces
import TestSupport
import Testing

/// Batches that nobody can say of whether they are stored.
extension RealServerTests {
    @Test(arguments: Deduplication.allCases)
    func `records whose acknowledgements are lost arrive once`(deduplication: Deduplication) async throws {
        let troubles: [TroublesomeProxy.Trouble] = [.loseReply, .none, .loseReply, .loseReply, .none, .loseReply]
        try await withTraces(deduplication, troubles) { server, proxy, configuration in
            var configuration = configuration
            configuration.maxBatchSize = 10
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: (0..<100).map { TraceRecord.numbered($0) })
            try await waitUntil("all are delivered") { writer.status.delivered == 100 }
            #expect(await writer.close().remaining == 0)
            #expect(proxy.isThroughTroubles)
            #expect(try await server.count("request_id", configuration) == "100\t100\n")
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `of a batch that is stored in part only the rest is stored afterwards`(
        deduplication: Deduplication
    ) async throws {
        try await withTraces(deduplication, [.storePrefix(rows: 51)]) { server, proxy, configuration in
            // What a table with tokens can store in part are partitions: here those of two months.
            let traces = (0..<100).map { number in
                var trace = TraceRecord.numbered(number)
                if number >= 51 { trace.requestedAt.addTimeInterval(-31 * 86_400) }
                return trace
            }
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: traces)
            try await waitUntil("all are delivered") { writer.status.delivered == 100 }
            #expect(await writer.close().remaining == 0)
            let resent = deduplication == .byToken ? try await server.knowsTokens : false
            #expect(proxy.inserts.map(\.rows.count) == [51, resent ? 100 : 49])
            #expect(try await server.count("request_id", configuration) == "100\t100\n")
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `a body that is cut is sent again and stored once`(deduplication: Deduplication) async throws {
        try await withTraces(deduplication, [.cutBody, .cutBody]) { server, proxy, configuration in
            let writer = try openWriter(configuration)
            try await writer.write(contentsOf: (0..<100).map { TraceRecord.numbered($0) })
            try await waitUntil("all are delivered") { writer.status.delivered == 100 }
            #expect(await writer.close().remaining == 0)
            // Nothing of the halves was stored.
            #expect(proxy.inserts.map(\.rows.count) == [100])
            #expect(try await server.count("request_id", configuration) == "100\t100\n")
        }
    }

    @Test(arguments: Deduplication.allCases, [TroublesomeProxy.Trouble.loseReply, .storePrefix(rows: 51), .cutBody])
    func `what nobody knows of when the writer ends is settled by the next one`(
        deduplication: Deduplication,
        trouble: TroublesomeProxy.Trouble
    ) async throws {
        try await withTraces(deduplication, [.thenLeave(trouble)]) { server, proxy, configuration in
            if case .storePrefix = trouble, deduplication == .byToken, try await server.knowsTokens { return }
            var configuration = configuration
            configuration.shutdownTimeout = .zero
            let first = try openWriter(configuration)
            try await first.write(contentsOf: (0..<100).map { TraceRecord.numbered($0) })
            try await waitUntil("the outcome is unknown and nobody listens") {
                if case .backingOff(let reason) = first.status.delivery { reason.contains("refused") } else { false }
            }
            #expect(await first.close().remaining == 100)

            try await proxy.listen()
            configuration.shutdownTimeout = .seconds(30)
            let second = try openWriter(configuration)
            #expect(second.recoveredRecords == 100)
            try await second.write(contentsOf: (100..<150).map { TraceRecord.numbered($0) })
            try await waitUntil("all are delivered") { second.status.delivered == 150 }
            await second.close()
            #expect(try await server.count("request_id", configuration) == "150\t150\n")
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `what comes while nobody listens arrives once and in order`(deduplication: Deduplication) async throws {
        try await withTraces(deduplication, [.none, .thenLeave(.loseReply)]) { server, proxy, configuration in
            var configuration = configuration
            configuration.maxBatchSize = 10
            let writer = try openWriter(configuration)
            let traces = (0..<100).map { TraceRecord.numbered($0) }
            try await writer.write(contentsOf: Array(traces[..<50]))
            try await waitUntil("nobody listens") {
                if case .backingOff(let reason) = writer.status.delivery { reason.contains("refused") } else { false }
            }
            try await writer.write(contentsOf: Array(traces[50...]))
            try await proxy.listen()
            try await waitUntil("all are delivered") { writer.status.delivered == 100 }
            await writer.close()
            #expect(try await server.count("request_id", configuration) == "100\t100\n")
            var firsts: [String] = []
            for row in proxy.inserts.flatMap(\.rows) where !firsts.contains(row) { firsts.append(row) }
            let numbers = firsts.map { String($0.split(separator: " ")[1]) }
            #expect(numbers == (100_000..<100_100).map { "\($0)" })
        }
    }

    @Test func `the column that tells records apart may have a dot in its name`() async throws {
        try await withDatabase { server, configuration in
            try await server.createTable("`a.b` String", configuration, .none)
            try await TroublesomeProxy.withProxy(to: server.url, [.storePrefix(rows: 51)]) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                let writer = try openWriter(configuration, of: Dotted.self)
                try await writer.write(contentsOf: (0..<100).map { Dotted(id: "\($0)") })
                try await waitUntil("all are delivered") { writer.status.delivered == 100 }
                await writer.close()
                #expect(proxy.inserts.map(\.rows.count) == [51, 49])
                #expect(try await server.count("`a.b`", configuration) == "100\t100\n")
            }
        }
    }

    private struct Dotted: ClickHouseRecord {
        var id: String

        static let columns: [Column<Dotted>] = [Column("a.b", \.id)]
        static let identity: RecordIdentity? = RecordIdentity(id: "a.b")
    }

    /// A table of traces behind a proxy. Where the server leaves no choice, `none` does not run.
    private func withTraces(
        _ deduplication: Deduplication,
        _ troubles: [TroublesomeProxy.Trouble],
        _ body: @escaping @Sendable (ClickHouseServer, TroublesomeProxy, BatchWriterConfiguration) async throws -> Void
    ) async throws {
        try await withDatabase { server, configuration in
            if deduplication == .none, try await !server.knowsTokens { return }
            try await server.createTraces(configuration, deduplication)
            try await TroublesomeProxy.withProxy(to: server.url, troubles) { proxy in
                var configuration = configuration
                configuration.urls = [proxy.url]
                try await body(server, proxy, configuration)
            }
        }
    }
}
