@testable import ClickHouseHTTP
import Foundation
import Testing

/// What is found out about a table before anything is sent to it.
@Suite struct PreflightTests {
    private static let identity = IdentityColumns(id: "n", time: nil)

    private func guarantee(_ server: ScriptedServer, identity: IdentityColumns? = nil) async throws -> String {
        let result = try await makeClient(ScriptedTransport(server), identity: identity).preflight()
        return try result.get().guarantee.description
    }

    /// What stands behind the table stores the rows.
    @Test(arguments: [
        ("Distributed", "Distributed('c', 'ibex', 'u', rand())"), ("Buffer", "Buffer('ibex', 'u', 1, 10, 100)"),
    ])
    func `a table that hands its rows to one that merges them is not asked`(engine: String, definition: String)
        async throws
    {
        var server = ScriptedServer(engine: engine, definition: definition)
        let unknown = try await guarantee(server, identity: Self.identity)
        #expect(unknown.hasPrefix("at-least-once") && unknown.contains("`ibex`.`u` cannot be seen"))
        server.others = "ibex\tu\tSummingMergeTree\tSummingMergeTree ORDER BY k\n"
        let merging = try await guarantee(server, identity: Self.identity)
        #expect(merging.hasPrefix("at-least-once") && merging.contains("SummingMergeTree may merge away rows"))
        server.others = "ibex\tu\tMergeTree\tMergeTree ORDER BY n\n"
        #expect(try await guarantee(server, identity: Self.identity).hasPrefix("effectively-once by reconciliation"))
    }

    @Test(arguments: [
        (ScriptedServer.modern, "within the newest 10000 blocks"),
        (
            ScriptedServer(
                engine: "ReplicatedMergeTree",
                definition: "ReplicatedMergeTree('/t', 'a') ORDER BY n",
                mergeTreeSettings:
                    "replicated_deduplication_window\t10000\nreplicated_deduplication_window_seconds\t3600\n"
            ),
            "within the newest 10000 blocks and 3600 s, while the table loses none of them"
        ),
        (
            ScriptedServer(
                definition: "MergeTree ORDER BY n",
                mergeTreeSettings: "non_replicated_deduplication_window\t5000\n"
            ),
            "within the newest 5000 blocks"
        ),
    ])
    func `a table that recognises tokens needs nothing else, and is asked once they may be forgotten`(
        server: ScriptedServer,
        limit: String
    ) async throws {
        #expect(try await guarantee(server, identity: Self.identity) == "effectively-once by token")
        #expect(
            try await guarantee(server)
                == "effectively-once by token (\(limit), since the record type names no identity)"
        )
    }

    @Test(arguments: [
        (
            ScriptedServer(
                definition: "MergeTree ORDER BY n",
                mergeTreeSettings: "non_replicated_deduplication_window\t0\n"
            ),
            "the table has non_replicated_deduplication_window = 0"
        ),
        (ScriptedServer.legacy, "ClickHouse 18.16.1 knows no deduplication tokens"),
        (
            ScriptedServer(
                engine: "ReplicatedMergeTree",
                definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0"
            ), "the table has replicated_deduplication_window = 0"
        ),
        (
            // Not to be confused with the other one.
            ScriptedServer(
                engine: "ReplicatedMergeTree",
                definition: "ReplicatedMergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 10000"
            ), "the deduplication window of the table cannot be read"
        ),
    ])
    func `any other is asked what it has, or retries may duplicate`(server: ScriptedServer, reason: String) async throws
    {
        let withIdentity = try await guarantee(server, identity: Self.identity)
        #expect(withIdentity == "effectively-once by reconciliation (\(reason))")
        let without = try await guarantee(server)
        #expect(
            without == "at-least-once: retries may duplicate (\(reason), and the record type names no identity)"
        )
    }

    private static let inner = "CREATE MATERIALIZED VIEW d.v (`n` UInt64) ENGINE = MergeTree ORDER BY n AS SELECT 1"
    private static let named = "CREATE MATERIALIZED VIEW d.`v TO x` TO d.`a\\`b` (`n` UInt64) AS SELECT 1"

    @Test(arguments: [
        (
            "d\tv\n", "d\tv\t0-1\t\(inner)\nd\t.inner_id.0-1\tMergeTree\tMergeTree ORDER BY n\n",
            "the deduplication window of the view target `d`.`.inner_id.0-1` cannot be read"
        ),
        (
            "d\tv TO x\n", "d\tv TO x\t0-1\t\(named.replacing("\\", with: "\\\\"))\nd\ta`b\tMemory\tMemory\n",
            "the view target `d`.`a\\`b` has the engine Memory, "
                + "which recognises no repeated batch and loses all rows when the server stops"
        ),
        ("d\tv\n", "", "the engine of what the view `d`.`v` writes to cannot be seen"),
        (
            "d\tv\n", "d\tv\t0-1\tCREATE MATERIALIZED VIEW d.v TO e.t AS SELECT 1\n",
            "the engine of the view target `e`.`t` cannot be seen"
        ),
    ])
    func `a view's target that does not recognise batches makes the table one to be asked`(
        views: String,
        others: String,
        reason: String
    ) async throws {
        var server = ScriptedServer.modern
        (server.views, server.others) = (views, others)
        #expect(
            try await guarantee(server, identity: Self.identity) == "effectively-once by reconciliation (\(reason))"
        )
        #expect(
            try await guarantee(server) == "effectively-once by token (within the newest 10000 blocks; "
                + "at-least-once for views: \(reason), and the record type names no identity)"
        )
    }

    @Test(arguments: [
        ("TTL at + toIntervalDay(90) SETTINGS index_granularity = 8192", 90 * 86_400),
        ("TTL `a b` + toIntervalMonth(1) DELETE WHERE n > 1, toDate(at) + toIntervalHour(36)", 36 * 3_600),
        (
            "TTL at + toIntervalDay(1) RECOMPRESS CODEC(ZSTD(3)), at + toIntervalDay(2) TO VOLUME 'x', "
                + "at + toIntervalWeek(1)", 7 * 86_400
        ),
        ("TTL at + toIntervalDay(1) + toIntervalHour(1)", nil),
        ("SETTINGS index_granularity = 8192", nil),
    ])
    func `a TTL that deletes is read where it is plain`(ttl: String, seconds: Int?) {
        let table = TableProfile(
            engine: "MergeTree",
            definition: "MergeTree PARTITION BY (n, at) ORDER BY (n, at) \(ttl)"
        )
        #expect(table.retention == seconds.map { .seconds($0) })
    }

    @Test(arguments: [
        ("MergeTree", "n", true), ("ReplacingMergeTree", "(n, id)", true), ("ReplacingMergeTree", "n", false),
        ("SummingMergeTree", "`id`", true), ("CollapsingMergeTree", "id", false), ("Kafka", "id", false),
    ])
    func `rows that are merged away or never kept are not asked for`(engine: String, key: String, isAsked: Bool) {
        let table = TableProfile(engine: engine, definition: "\(engine) ORDER BY \(key) SETTINGS index_granularity = 1")
        #expect((table.problem(askingFor: "id") == nil) == isAsked)
    }

    @Test func `a table that may not be read cannot be asked`() async throws {
        let transport = ScriptedTransport(ScriptedServer(definition: "MergeTree ORDER BY n")) { request, _ in
            request.asks(" AND 0 ") ? .exception(497, "Not enough privileges") : nil
        }
        let profile = try await makeClient(transport, identity: Self.identity).preflight().get()
        #expect(!profile.canReconcile)
        // Public pages show the guarantee, so the server's own words are not in it.
        #expect(profile.guarantee.description.contains("(code 497 ACCESS_DENIED)"))
        #expect(!profile.guarantee.description.contains("Not enough privileges"))
    }

    @Test func `missing columns are named all at once, and nothing is sent`() async throws {
        let transport = ScriptedTransport()
        let client = try makeClient(transport, columns: ["n", "a", "b`c"])
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("sent"); return }
        #expect(failure.kind == .destination)
        #expect(failure.message.contains("lacks the columns `a`, `b\\`c`"))
        #expect(failure.withoutQuotes == failure.description)
        #expect(!failure.mayHaveBeenStored)
        #expect(transport.inserts.isEmpty)
    }

    @Test func `nothing is sent to columns that are not fit for it`() async throws {
        let transport = ScriptedTransport()
        let client = try makeClient(transport, columnProblem: { "is too small: \($0)" })
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("sent"); return }
        #expect(failure.kind == .destination && !failure.mayHaveBeenStored)
        #expect(failure.message == #"the table `ibex`.`t` is too small: ["n": "UInt64"]"#)
        #expect(transport.inserts.isEmpty)
    }

    @Test func `a missing table is said before anything is sent`() async throws {
        let transport = ScriptedTransport(ScriptedServer(engine: ""))
        guard case .failed(let failure) = try await makeClient(transport).insert([], token: "T") else {
            Issue.record("sent")
            return
        }
        #expect(failure.kind == .destination)
        #expect(failure.message.hasPrefix("there is no table `ibex`.`t` at http://a:8123"))
        #expect(failure.withoutQuotes == failure.description)
        #expect(transport.inserts.isEmpty)
    }

    @Test func `what may not be seen does not keep anybody from inserting`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.asks("system.tables") || request.asks("system.columns") || request.asks("merge_tree_settings")
                ? .exception(497, "Not enough privileges") : nil
        }
        #expect(try await makeClient(transport).insert([], token: "T") == .accepted)
    }

    @Test func `a wrong password is said, and not taken for a right that is missing`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.asks("system.tables") ? .exception(516, "Authentication failed") : nil
        }
        guard case .failure(let failure) = try await makeClient(transport).preflight() else {
            Issue.record("passed"); return
        }
        #expect(failure.code == 516)
        #expect(failure.kind == .destination)
    }

    @Test func `the server is asked again after a hold`() async throws {
        let transport = ScriptedTransport { request, earlier in
            request.isInsert && !earlier.contains(where: \.isInsert) ? .exception(60) : nil
        }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") != .accepted)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.sent.count { $0.asks("system.columns") } == 2)
    }

    // MARK: What is between the writer and the server

    /// What an intermediary leaves of a request: some of its parameters, and its own query id.
    private static func pass(_ request: HTTPRequest, only allowed: Set<String>?, queryID: String?) -> HTTPRequest {
        var components = URLComponents(string: request.url) ?? URLComponents()
        components.queryItems = components.queryItems?.filter { allowed?.contains($0.name) ?? ($0.name != "query_id") }
        if let queryID { components.queryItems?.append(URLQueryItem(name: "query_id", value: queryID)) }
        var passed = request
        passed.url = components.string ?? ""
        return passed
    }

    private static func transport(only allowed: Set<String>?, queryID: String?) -> ScriptedTransport {
        ScriptedTransport { request, _ in
            var response = ScriptedServer.modern.answer(pass(request, only: allowed, queryID: queryID))
            response.headers["x-clickhouse-query-id"] = queryID
            return response
        }
    }

    @Test(arguments: ["17", nil])
    func `what passes in no URL goes in the statement`(queryID: String?) async throws {
        let transport = Self.transport(only: ["query"], queryID: queryID)
        let client = try makeClient(transport, identity: Self.identity)
        #expect(await client.insert([], token: "T") == .accepted)
        let ids = queryID == nil ? "responses name no query" : "an intermediary replaces query ids"
        #expect(client.destination?.promise == "effectively-once by token; \(ids); settings travel in the statement")

        _ = try await client.countStored([RowKey(id: [49], seconds: nil)], token: "T", doubtAge: .zero).get()
        let isIn = transport.sent.drop { $0.setting("limit") == nil || $0.parameter("limit") != nil }
        #expect(isIn.count > 6)
        for request in isIn {
            for name in RequestSettings.names { #expect(request.parameter(name) == nil) }
            #expect(request.setting("timeout_overflow_mode") == "throw")
            #expect(request.setting("additional_result_filter") == "")
        }
        let insert = try #require(transport.inserts.last)
        #expect(insert.setting(RequestSettings.token) == "T")
        let id = try #require(insert.parameter("query_id"))
        let statement = try #require(insert.parameter("query"))
        #expect(statement.hasPrefix("INSERT INTO `ibex`.`t` /* \(id) */ SETTINGS insert_deduplication_token = 'T', "))
        #expect(statement.hasSuffix("' FORMAT JSONEachRow"))
        // No cache on the way has an answer to a question that it has not seen.
        let questions = isIn.filter { !$0.isInsert }.map(\.text)
        #expect(Set(questions).count == questions.count)
        #expect(questions.contains { $0.contains("OR query LIKE 'INSERT%T-%'") })
    }

    @Test func `settings that pass in the URL stay there, whatever becomes of the query id`() async throws {
        let transport = Self.transport(only: nil, queryID: "17")
        let client = try makeClient(transport, identity: Self.identity)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(client.destination?.promise == "effectively-once by token; an intermediary replaces query ids")
        #expect(transport.inserts.last?.parameter(RequestSettings.token) == "T")
    }

    @Test func `the token alone is not enough`() async throws {
        let transport = Self.transport(only: ["query", RequestSettings.token], queryID: "17")
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.last?.parameter("async_insert") == nil)
        #expect(transport.inserts.last?.setting("async_insert") == "0")
    }

    @Test func `where no token arrives none is promised`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.text.contains(" SETTINGS ")
                ? .exception(62) : ScriptedServer.modern.answer(Self.pass(request, only: ["query"], queryID: "17"))
        }
        let found = try await makeClient(transport, identity: Self.identity).preflight().get()
        #expect(
            found.promise == "effectively-once by reconciliation (tokens may not reach the server); "
                + "an intermediary replaces query ids; settings do not all reach the server"
        )
    }

    @Test func `a server that spells a setting in its own way is sent it in the URL`() async throws {
        let transport = ScriptedTransport { request, _ in
            guard request.asks("system.settings") else { return nil }
            return .settings(
                RequestSettings.names.map { ($0, request.setting($0) == "0" ? "false" : request.setting($0) ?? "") }
            )
        }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.last?.parameter("async_insert") == "0")
        #expect(client.destination?.passage.settings == .url)
    }
}
