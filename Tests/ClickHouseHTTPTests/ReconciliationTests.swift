@testable import ClickHouseHTTP
import Testing

/// Asking a table what it has of a batch.
@Suite struct ReconciliationTests {
    private static let target = InsertTarget(database: "ibex", table: "t")
    private static let identity = IdentityColumns(id: "request id", time: "at")

    private func key(_ id: String, _ seconds: Int64? = 1_790_000_000) -> RowKey {
        RowKey(id: Array(id.utf8), seconds: seconds)
    }

    @Test func `the query names the ids and searches a second around their times`() throws {
        let reconciliation = try #require(
            Reconciliation(Self.target, Self.identity, types: ["request id": "String", "at": "DateTime64(3, 'UTC')"])
        )
        #expect(
            reconciliation.statement([key("it's \\"), key("b", 1_790_000_009)])
                == "SELECT toString(`request id`) AS _writer_key, toUnixTimestamp(`at`) AS _writer_seconds, count() AS _writer_rows "
                + "FROM `ibex`.`t` WHERE `request id` IN ('it\\'s \\\\', 'b') AND `at` >= toDateTime(1789999999) "
                + "AND `at` <= toDateTime(1790000010) GROUP BY _writer_key, _writer_seconds FORMAT TabSeparatedWithNames"
        )
    }

    @Test(arguments: [Int64?.none, -1, 1 << 40]) func `a time that DateTime cannot hold prunes nothing`(
        seconds: Int64?
    ) throws {
        let reconciliation = try #require(Reconciliation(Self.target, Self.identity, types: ["request id": "UInt64"]))
        let statement = reconciliation.statement(RowKey.keys([("1", seconds)]) ?? [])
        #expect(statement.contains("WHERE `request id` IN (1) GROUP BY"))
    }

    @Test func `rows are counted by key`() {
        let text = "_writer_key\t_writer_seconds\t_writer_rows\na\\tb\\\\\t7\t2\nc\t8\t1\n"
        let reconciliation = Reconciliation(Self.target, Self.identity)
        #expect(reconciliation?.parse(text) == [key("a\tb\\", 7): 2, key("c", 8): 1])
        let timeless = "_writer_key\t_writer_seconds\t_writer_rows\nc\t0\t1\n"
        #expect(reconciliation?.parse(timeless) == [key("c", nil): 1])
    }

    @Test(arguments: [
        "", "Ok.\n", "_writer_key\t_writer_seconds\t_writer_rows", "_writer_key\t_writer_seconds\t_writer_rows\na\t7\n",
        "_writer_key\t_writer_seconds\t_writer_rows\na\tx\t1\n",
        "_writer_key\t_writer_seconds\t_writer_rows\na\t7\t-1\n",
    ])
    func `what is not the whole answer is none`(text: String) {
        #expect(Reconciliation(Self.target, Self.identity)?.parse(text) == nil)
    }

    @Test func `counts that no table can have are survived`() {
        let line = "a\t7\t\(Int.max)\n"
        let counts = Reconciliation(Self.target, Self.identity)?
            .parse("_writer_key\t_writer_seconds\t_writer_rows\n" + line + line)
        #expect(counts?[key("a", 7)].map { $0 > 1 } == true)
    }

    @Test func `keys come from JSON strings and whole numbers only`() {
        #expect(
            RowKey.keys([("\"a\\u0000\\\"\"", 7), ("18446744073709551615", 8)]) == [
                key("a\0\"", 7), key("18446744073709551615", 8),
            ]
        )
        // The quote and the accent behind it are one character.
        #expect(RowKey.keys([("\"\u{301}a\"", 7)]) == [key("\u{301}a", 7)])
        #expect(RowKey.keys([("1", 7), ("2", nil)]) == [key("1", nil), key("2", nil)])
        for odd in ["1.5", "1e3", "true", "[]", "{}", "\"", ""] { #expect(RowKey.keys([(odd, 7)]) == nil) }
        #expect(RowKey.keys([("1", 7), nil]) == nil)
    }

    @Test func `two spellings of one character are two keys`() {
        #expect(key("\u{e9}") != key("e\u{301}"))
    }

    // MARK: By the client

    private func count(
        _ transport: ScriptedTransport,
        urls: [String] = ["http://a:1"],
        doubtAge: Duration = .zero
    ) async throws -> Result<[RowKey: Int], InsertFailure> {
        try await makeClient(transport, urls: urls, identity: IdentityColumns(id: "n", time: nil))
            .countStored([key("1", nil), key("2", nil)], token: "T", doubtAge: doubtAge)
    }

    @Test func `an insert that still runs is waited for`() async throws {
        let transport = ScriptedTransport { request, _ in request.asks("system.processes") ? .text("running\n1\n") : nil
        }
        for age in [Duration.zero, .seconds(3_600)] {
            guard case .failure(let failure) = try await count(transport, doubtAge: age) else {
                Issue.record("asked"); return
            }
            #expect(failure.kind == .transient)
            #expect(failure.message.contains("still runs"))
        }
    }

    @Test func `a replica that lacks what another has is not asked`() async throws {
        let replicated = ScriptedServer(engine: "ReplicatedMergeTree", definition: "ReplicatedMergeTree ORDER BY n")
        let transport = ScriptedTransport(replicated) { request, _ in
            request.asks("system.replicas") ? .text("complete\n0\n") : nil
        }
        guard case .failure(let failure) = try await count(transport) else { Issue.record("asked"); return }
        #expect(failure.kind == .transient)
    }

    @Test func `tables that do not share their rows are all asked`() async throws {
        let transport = ScriptedTransport { request, _ in
            guard request.asksForRows else { return nil }
            return .text("_writer_key\t_writer_seconds\t_writer_rows\n\(request.isTo("a") ? 1 : 2)\t0\t1\n")
        }
        let counts = try await count(transport, urls: ["http://a:1", "http://b:1"]).get()
        #expect(counts == [key("1", nil): 1, key("2", nil): 1])
    }

    /// A server that shuts down listens no more, and ends the inserts that run.
    @Test func `silence is waited out, and so is a server that takes no connections`() async throws {
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            guard request.isTo("a"), request.asks("system.processes") else { return nil }
            throw TransportFailure(message: "refused", isBeforeSending: true)
        }
        for (age, isAsked) in [(Duration.zero, false), (.seconds(121), true)] {
            let result = try await count(transport, urls: ["http://a:1", "http://b:1"], doubtAge: age)
            #expect((try? result.get()) == (isAsked ? [key("1", nil): 0, key("2", nil): 0] : nil))
        }
    }

    /// ClickHouse drops a part that it wrote while Keeper was away, minutes later: until then its rows are found.
    @Test func `a replica that still checks parts is not asked`() async throws {
        let replicated = ScriptedServer(
            engine: "ReplicatedMergeTree",
            definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0"
        )
        let transport = ScriptedTransport(replicated) { request, _ in
            request.asks("parts_to_check = 0") && !request.asks("(1)") ? .text("complete\n0\n") : nil
        }
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        let result = await client.countStored([key("1", nil)], token: "T", doubtAge: nil)
        #expect((try? result.get()) == nil)
    }

    @Test func `a live server's error is not taken for silence`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.asks("system.processes") ? .exception(202, "Too many simultaneous queries") : nil
        }
        let result = try await count(transport, doubtAge: .seconds(3_600))
        #expect((try? result.get()) == nil)
    }

    @Test func `only what the column can hold is asked for, in the server's spelling`() async throws {
        let ids = ["7) UNION ALL SELECT 1", "-12", "not-a-uuid", "3F2B6C1E-0B0A-4F6E-9D5A-0A1B2C3D4E5F", "it's"]
        for (type, expected) in [
            ("Int64", "`n` IN (-12)"), ("UUID", "`n` IN ('3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f')"),
            ("LowCardinality(Nullable(Int64))", "`n` IN (-12)"),
        ] {
            let spelled = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
            let transport = ScriptedTransport(ScriptedServer(columns: "n\t\(type)\n")) { request, _ in
                guard request.asksForRows else { return nil }
                return .text("_writer_key\t_writer_seconds\t_writer_rows\n\(type == "UUID" ? spelled : "-12")\t0\t1\n")
            }
            let keys = Set(ids.map { key($0, nil) })
            let counts = try await makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
                .countStored(keys, token: "T", doubtAge: nil).get()
            #expect(transport.sent.contains { $0.asks(expected) }, "\(type)")
            #expect(counts.filter { $0.value == 1 }.keys.map(\.id) == [Array((type == "UUID" ? ids[3] : ids[1]).utf8)])
            #expect(Set(counts.keys) == keys)
        }
    }

    private static let spellings: [(type: String, id: String, spelled: String?)] = [
        ("Int64", "007", "7"), ("Int8", "+7", "7"), ("Int32", "-0", "0"), ("Int256", "-012", "-12"),
        ("UInt64", "000", "0"), ("UInt64", "+", nil), ("UInt64", "", nil), ("UInt64", "+-7", nil),
        ("UInt64", "7\u{301}", nil), ("LowCardinality(UInt64)", "007", "7"), ("Nullable(UInt64)", "007", "7"),
        ("UUID", "3F2B6C1E0B0A4F6E9D5A0A1B2C3D4E5F", "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"),
        ("UUID", "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f", "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"),
        ("Nullable(UUID)", "3F2B6C1E-0B0A-4F6E-9D5A-0A1B2C3D4E5F", "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"),
        ("UUID", "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d", nil), ("UUID", "ääääääääääääääää", nil),
        ("String", "007", "007"), ("LowCardinality(Nullable(String))", "Ä", "Ä"),
        ("FixedString(4)", "a\0b\0", "a\0b"), ("FixedString(4)", "", ""), ("FixedString(4)", "abcde", nil),
    ]

    @Test(arguments: spellings)
    func `a key is looked for as ClickHouse spells it`(type: String, id: String, spelled: String?) throws {
        let reconciliation = try #require(Reconciliation(Self.target, Self.identity, types: ["request id": type]))
        #expect(reconciliation.canonical(key(id)) == spelled.map { key($0) })
    }

    @Test(arguments: [
        "IPv6", "DateTime", "Enum8('a' = 1)", "Float64", "Decimal(9, 2)", "Array(String)", "Nullable(IPv4)",
    ])
    func `a table whose identifying column has values of several spellings is not asked`(type: String) async throws {
        let transport = ScriptedTransport(ScriptedServer(definition: "MergeTree ORDER BY n", columns: "n\t\(type)\n"))
        let profile = try await makeClient(transport, identity: IdentityColumns(id: "n", time: nil)).preflight().get()
        #expect(!profile.canReconcile)
        #expect("\(profile.guarantee)".contains("values of the type \(type) of column `n` cannot be compared"))
    }

    @Test func `a time that is not stored as one is not compared`() throws {
        let types = ["request id": "String", "at": "LowCardinality(String)"]
        let reconciliation = try #require(Reconciliation(Self.target, Self.identity, types: types))
        #expect(reconciliation.canonical(key("a", 7)) == key("a", nil))
        #expect(!reconciliation.statement([key("a", nil)]).contains("`at`"))
    }

    /// The first replica has all rows, the second lacks one.
    @Test(arguments: [("0", true), ("2", false), ("auto", false), ("3", nil)])
    func `rows count as stored when as many replicas have them as the quorum asks for`(
        quorum: String,
        isStored: Bool?
    ) async throws {
        let server = ScriptedServer(
            engine: "ReplicatedMergeTree",
            definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0"
        )
        let transport = ScriptedTransport(server) { request, _ in
            if request.asks("insert_quorum") { return .text("\(quorum)\n") }
            if request.asks("total_replicas") { return .text("2\n") }
            guard request.asksForRows else { return nil }
            let rows = request.isTo("a") ? "1\t0\t1\n2\t0\t1\n" : "1\t0\t1\n"
            return .text("_writer_key\t_writer_seconds\t_writer_rows\n\(rows)")
        }
        let urls = ["http://a:8123", "http://b:8123"]
        let client = try makeClient(transport, urls: urls, identity: IdentityColumns(id: "n", time: nil))
        guard let isStored else {
            let profile = try await client.preflight().get()
            #expect("\(profile.guarantee)".contains("insert_quorum is 3"))
            return
        }
        let result = await client.countStored([key("1", nil), key("2", nil)], token: "T", doubtAge: nil)
        switch result {
        case .success(let counts): #expect(isStored && counts == [key("1", nil): 1, key("2", nil): 1])
        case .failure(let failure):
            #expect(!isStored && failure.concernsBatchAlone && "\(failure)".contains("insert_quorum = 2"))
        }
    }

    @Test func `a dead replica does not keep a quorum of the others from being enough`() async throws {
        let server = ScriptedServer(
            engine: "ReplicatedMergeTree",
            definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0"
        )
        let transport = ScriptedTransport(server) { request, _ throws(TransportFailure) in
            if request.isTo("c") { throw TransportFailure(message: "away", isBeforeSending: true) }
            if request.asks("insert_quorum") { return .text("2\n") }
            return request.asksForRows ? .text("_writer_key\t_writer_seconds\t_writer_rows\n1\t0\t1\n") : nil
        }
        let urls = ["http://a:8123", "http://b:8123", "http://c:8123"]
        let client = try makeClient(transport, urls: urls, identity: IdentityColumns(id: "n", time: nil))
        let counts = try await client.countStored([key("1", nil)], token: "T", doubtAge: nil).get()
        #expect(counts == [key("1", nil): 1])
    }

    @Test func `a table is not asked while another one that may have the rows cannot be`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.isTo("b") && request.asks(" AND 0 ") ? .exception(497, "Not enough privileges") : nil
        }
        let urls = ["http://a:8123", "http://b:8123"]
        let client = try makeClient(transport, urls: urls, identity: IdentityColumns(id: "n", time: nil))
        guard case .failure(let failure) = await client.countStored([key("1", nil)], token: "T", doubtAge: nil) else {
            Issue.record("absent at one of two")
            return
        }
        #expect(failure.concernsBatchAlone && failure.message.contains("http://b:8123 cannot be asked"))
    }

    @Test func `one row is not two records, also when the column spells their keys alike`() async throws {
        let spelled = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
        let transport = ScriptedTransport(ScriptedServer(columns: "n\tUUID\n")) { request, _ in
            request.asksForRows ? .text("_writer_key\t_writer_seconds\t_writer_rows\n\(spelled)\t0\t1\n") : nil
        }
        let keys: Set<RowKey> = [key(spelled, nil), key(spelled.uppercased(), nil)]
        let counts = try await makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
            .countStored(keys, token: "T", doubtAge: nil).get()
        #expect(counts.values.sorted() == [0, 1])
    }

    @Test func `a user who may not see the replicas cannot be sure of one`() async throws {
        let replicated = ScriptedServer(
            engine: "ReplicatedMergeTree",
            definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0"
        )
        let transport = ScriptedTransport(replicated) { request, _ in
            request.asks("system.replicas") ? .exception(497, "Not enough privileges") : nil
        }
        let profile = try await makeClient(transport, identity: IdentityColumns(id: "n", time: nil)).preflight().get()
        #expect(!profile.canReconcile)
    }

    @Test(arguments: [true, false])
    func `a table that does not show what it has just accepted is not asked again`(isShown: Bool) async throws {
        let plain = ScriptedServer(definition: "MergeTree ORDER BY n")
        let transport = ScriptedTransport(plain) { request, _ in
            guard request.asksForRows else { return nil }
            return .text("_writer_key\t_writer_seconds\t_writer_rows\n1\t0\t1\n" + (isShown ? "2\t0\t1\n" : ""))
        }
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        #expect(try await client.preflight().get().canReconcile)
        #expect(!client.isQuestionUnproven(token: "T"), "nothing was accepted yet")
        #expect(await client.insert(Array("{\"n\":1}\n{\"n\":2}\n".utf8), token: "T") == .accepted)
        #expect(client.isQuestionUnproven(token: "T") && !client.isQuestionUnproven(token: "U"))
        await client.proveQuestion(by: [key("1", nil), key("2", nil)], token: "T")
        #expect(await client.insert(Array("{\"n\":1}\n".utf8), token: "U") == .accepted)
        #expect(!client.isQuestionUnproven(token: "U"))
        let destination = try #require(client.destination)
        #expect(destination.canReconcile == isShown)
        #expect(
            destination.guarantee.description.contains("the table does not show what it has just accepted") == !isShown
        )
        #expect(try await client.preflight().get() == destination)
    }

    @Test func `a question that fails proves nothing`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.asksForRows ? .exception(241, "Memory limit exceeded") : nil
        }
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        _ = await client.insert(Array("{\"n\":1}\n".utf8), token: "T")
        await client.proveQuestion(by: [key("1", nil)], token: "T")
        #expect(client.destination?.canReconcile == true)
        _ = await client.insert(Array("{\"n\":2}\n".utf8), token: "U")
        #expect(client.isQuestionUnproven(token: "U"))
    }

    @Test func `a question that fails each time is given up, and the guarantee says so`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.asksForRows ? .exception(159, "Timeout exceeded") : nil
        }
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        for number in 0..<3 {
            #expect(await client.insert(Array("{\"n\":\(number)}\n".utf8), token: "\(number)") == .accepted)
            #expect(client.isQuestionUnproven(token: "\(number)"))
            await client.proveQuestion(by: [key("\(number)", nil)], token: "\(number)")
        }
        #expect(await client.insert(Array("{\"n\":3}\n".utf8), token: "3") == .accepted)
        #expect(!client.isQuestionUnproven(token: "3"))
        #expect(client.destination?.canReconcile == false)
        #expect("\(try #require(client.destination).guarantee)".contains("does not answer which records it has"))
        // Asked for its table once.
        #expect(transport.sent.count { $0.asks("version()") } == 1)
    }

    @Test(arguments: [("SharedMergeTree", "1"), ("MergeTree", nil)])
    func `servers that share their parts answer with what all of them have taken`(
        engine: String,
        isSequential: String?
    ) async throws {
        let transport = ScriptedTransport(ScriptedServer(engine: engine))
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        _ = await client.countStored([key("1", nil)], token: "T", doubtAge: nil)
        let question = transport.sent.first { $0.asksForRows }
        #expect(question != nil)
        #expect(question?.parameter("select_sequential_consistency") == isSequential)
    }

    @Test func `many ids are asked for in several queries`() async throws {
        let transport = ScriptedTransport { request, _ in
            guard request.asksForRows else { return nil }
            let ids = request.text.split(separator: "IN (")[1].split(separator: ")")[0].split(separator: ", ")
            return .text("_writer_key\t_writer_seconds\t_writer_rows\n" + ids.map { "\($0)\t0\t1\n" }.joined())
        }
        let keys = Set((0..<2_500).map { key("\($0)", nil) })
        let counts = try await makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
            .countStored(keys, token: "T", doubtAge: .zero).get()
        #expect(counts.count == 2_500)
        #expect(transport.sent.count { $0.asksForRows } == 3)
    }
}
