import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import TestSupport
import Testing

/// What is promised of a table must hold for its views, its windows, its engine and its TTL.
extension RealServerTests {
    @Test func `a view's target that recognises no batch gets each record once`() async throws {
        try await withTokens("") { server, configuration in
            try await server.makeView("kept", "ENGINE = MergeTree ORDER BY n", configuration)
            let target = "\(quoteIdentifier(configuration.database)).`kept`"
            let guarantee = try await server.loseReplies(configuration)
            let reason = "the view target \(target) has non_replicated_deduplication_window = 0"
            #expect(guarantee == "effectively-once by reconciliation (\(reason))")
            #expect(try await server.count("n", configuration) == "100\t100\n")
            #expect(try await server.query("SELECT count() FROM \(target)") == "100\n")
        }
    }

    @Test func `views whose targets recognise batches, also of views' targets, leave the guarantee to the token`()
        async throws
    {
        try await withTokens("") { server, configuration in
            let place = quoteIdentifier(configuration.database)
            let engine = "ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 10000"
            try await server.makeView("first", engine, configuration)
            var first = configuration
            first.table = "first"
            try await server.makeView("second", engine, first)
            #expect(try await server.loseReplies(configuration) == "effectively-once by token")
            for table in ["first", "second"] {
                #expect(try await server.query("SELECT count() FROM \(place).\(table)") == "100\n")
            }
            // One far down that does not is enough.
            first.table = "second"
            try await server.makeView("third", "ENGINE = TinyLog", first)
            let guarantee = try await InsertClient(configuration, identity: Number.identity).guarantee()
            #expect(guarantee.hasPrefix("effectively-once by reconciliation (the view target \(place).`third` has"))
        }
    }

    @Test func `a view's own table is looked at, whatever its names are`() async throws {
        try await withTokens("") { server, configuration in
            let place = quoteIdentifier(configuration.database)
            let view = quoteIdentifier("a `view' TO \\ it")
            _ = try await server.query(
                "CREATE MATERIALIZED VIEW \(place).\(view) ENGINE = Memory AS SELECT n FROM \(configuration.target)"
            )
            let target = quoteIdentifier("a `target' TO \\ it")
            _ = try await server.query("CREATE TABLE \(place).\(target) (n UInt64) ENGINE = Memory")
            _ = try await server.query(
                "CREATE MATERIALIZED VIEW \(place).w TO \(place).\(target) AS SELECT n FROM \(configuration.target)"
            )
            let guarantee = try await InsertClient(configuration).guarantee()
            #expect(guarantee.contains("the view target \(place).`.inner_id."))
            #expect(guarantee.contains("the view target \(place).\(target) has the engine Memory"))
            #expect(!guarantee.contains("cannot be seen"))
        }
    }

    @Test func `a window of one block is not trusted`() async throws {
        try await withTokens("", window: 1) { server, configuration in
            var configuration = configuration
            configuration.maxInFlight = 3
            let guarantee = try await server.loseReplies(configuration)
            #expect(guarantee.contains("the table has non_replicated_deduplication_window = 1, less than 1000"))
            #expect(try await server.count("n", configuration) == "100\t100\n")
        }
    }

    @Test func `a window that is closed while a batch is in doubt is not trusted`() async throws {
        try await withTokens("") { server, configuration in
            try await TroublesomeProxy.withProxy(to: server.url, [.thenLeave(.loseReply)]) { proxy in
                var behind = configuration
                behind.urls = [proxy.url]
                let writer = try openWriter(behind, of: Number.self)
                try await writer.write(contentsOf: (0..<51).map { Number(n: $0) })
                try await waitUntil("the outcome is unknown and nobody listens") {
                    if case .backingOff(let reason) = writer.status.delivery {
                        reason.contains("refused")
                    } else {
                        false
                    }
                }
                _ = try await server.query(
                    "ALTER TABLE \(configuration.target) MODIFY SETTING non_replicated_deduplication_window = 0"
                )
                try await proxy.listen()
                try await waitUntil("all are delivered") { writer.status.delivered == 51 }
                await writer.close()
                #expect(try await server.count("n", configuration) == "51\t51\n")
            }
        }
    }

    @Test func `rows that a failed view lacks are counted in the log`() async throws {
        try await withTokens("", window: 0) { server, configuration in
            try await server.makeView(
                "seen",
                "ENGINE = MergeTree ORDER BY n",
                configuration,
                "n + throwIf(n < 10) AS n"
            )
            let log = LogRecorder()
            let writer = try BatchWriter<Number>(configuration: configuration, logger: log.logger)
            try await writer.write(contentsOf: (0..<10).map { Number(n: $0) })
            try await waitUntil("they are found in the table") { writer.status.delivered == 10 }
            try await writer.write(contentsOf: (10..<30).map { Number(n: $0) })
            try await waitUntil("the others pass") { writer.status.delivered == 30 }
            await writer.close()
            let gaps = log.entries.filter { $0.level == .error && $0.message.contains("materialized view failed") }
            #expect(gaps.count == 1)
            #expect(gaps.first?.metadata.contains("\"batch.records\": 10") == true)
            #expect(try await server.count("n", configuration) == "30\t30\n")
        }
    }

    @Test func `a table that hands its rows to one that merges them is not asked`() async throws {
        try await withDatabase { server, configuration in
            let place = quoteIdentifier(configuration.database)
            let tables = [
                ("\(place).other", "SummingMergeTree ORDER BY tuple()"),
                (configuration.target, "Buffer(\(place), other, 1, 10, 100, 1, 10, 1, 10)"),
            ]
            for (name, engine) in tables {
                _ = try await server.query("CREATE TABLE \(name) (n UInt64) ENGINE = \(engine)")
            }
            let guarantee = try await InsertClient(configuration, identity: Number.identity).guarantee()
            #expect(guarantee.hasPrefix("at-least-once"))
            #expect(guarantee.contains("SummingMergeTree may merge away rows"), "\(guarantee)")
        }
    }

    @Test(arguments: [
        ("Buffer({db}, other, 1, 10, 100, 1, 10, 1, 10)", "keeps rows in memory before it stores them"),
        ("Memory", "loses all rows when the server stops"), ("TinyLog", "may lose rows when the server crashes"),
        ("Log", "may lose rows when the server crashes"), ("StripeLog", "may lose rows when the server crashes"),
        ("Set", "keeps each value once"), ("Join(ANY, LEFT, n)", "may keep one row of each key"),
        ("Null", "keeps nothing"), ("URL('http://127.0.0.1:9/', JSONEachRow)", "it cannot be asked what it has"),
    ])
    func `the guarantee says what an engine does with what it accepts`(engine: String, words: String) async throws {
        try await withDatabase { server, configuration in
            let place = quoteIdentifier(configuration.database)
            _ = try await server.query("CREATE TABLE \(place).other (n UInt64) ENGINE = MergeTree ORDER BY n")
            let engine = engine.replacing("{db}", with: place)
            _ = try await server.query("CREATE TABLE \(configuration.target) (n UInt64) ENGINE = \(engine)")
            let guarantee = try await InsertClient(configuration, identity: Number.identity).guarantee()
            #expect(guarantee.contains(words))
        }
    }

    @Test func `a table's TTL is read`() async throws {
        try await withTokens(" TTL toDateTime(n) + INTERVAL 3 WEEK") { _, configuration in
            let client = try InsertClient(configuration)
            let retention = try await client.preflight().get().retention
            await client.close()
            #expect(retention == .seconds(21 * 86_400))
        }
    }

    /// A table with a deduplication window, which servers before 22.2 do not have.
    private func withTokens(
        _ clauses: String,
        window: Int = 10_000,
        _ body: @escaping @Sendable (ClickHouseServer, BatchWriterConfiguration) async throws -> Void
    ) async throws {
        try await withDatabase { server, configuration in
            guard try await server.knowsTokens else { return }
            _ = try await server.query(
                "CREATE TABLE \(configuration.target) (n UInt64) ENGINE = MergeTree ORDER BY n\(clauses)"
                    + " SETTINGS non_replicated_deduplication_window = \(window)"
            )
            try await body(server, configuration)
        }
    }
}

private struct Number: ClickHouseRecord {
    var n: Int

    static let columns: [Column<Number>] = [Column("n", \.n)]
    static let identity: RecordIdentity? = RecordIdentity(id: "n")
}

extension InsertClient {
    fileprivate func guarantee() async throws -> String {
        let result = await preflight()
        await close()
        return try result.get().guarantee.description
    }
}

extension ClickHouseServer {
    /// Makes a table and a view of the configuration's that fills it.
    fileprivate func makeView(
        _ table: String,
        _ engine: String,
        _ configuration: BatchWriterConfiguration,
        _ columns: String = "n"
    ) async throws {
        let target = "\(quoteIdentifier(configuration.database)).\(quoteIdentifier(table))"
        _ = try await query("CREATE TABLE \(target) (n UInt64) \(engine)")
        _ = try await query(
            "CREATE MATERIALIZED VIEW \(quoteIdentifier(configuration.database)).\(quoteIdentifier(table + " view"))"
                + " TO \(target) AS SELECT \(columns) FROM \(configuration.target)"
        )
    }

    /// Writes a hundred numbers in ten batches, some of whose replies are lost.
    ///
    /// - Returns: the guarantee.
    fileprivate func loseReplies(_ configuration: BatchWriterConfiguration) async throws -> String {
        let troubles: [TroublesomeProxy.Trouble] = [
            .loseReply, .none, .none, .loseReply, .loseReply, .none, .loseReply,
        ]
        var guarantee: String?
        try await TroublesomeProxy.withProxy(to: url, troubles) { proxy in
            var configuration = configuration
            configuration.urls = [proxy.url]
            configuration.maxBatchSize = 10
            let writer = try openWriter(configuration, of: Number.self)
            try await writer.write(contentsOf: (0..<100).map { Number(n: $0) })
            try await waitUntil("all are delivered") { writer.status.delivered == 100 }
            guarantee = writer.status.guarantee
            await writer.close()
            #expect(proxy.isThroughTroubles)
        }
        return guarantee ?? ""
    }
}
