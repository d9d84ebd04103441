@testable import ClickHouseHTTP
import Synchronization
import Testing

/// Which of several replicas is used.
@Suite struct EndpointChoiceTests {
    private static let replicas = ["http://a:1", "http://b:1"]

    @Test func `a replica that is away is passed over within one insert, and preferred again after a rest`()
        async throws
    {
        let isAway = Mutex(true)
        let now = Mutex(ContinuousClock.now)
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            if request.isTo("a"), isAway.withLock({ $0 }) {
                throw TransportFailure(message: "refused", isBeforeSending: true)
            }
            return nil
        }
        let client = try makeClient(transport, urls: Self.replicas, now: { now.withLock { $0 } })
        for _ in 0..<3 { #expect(await client.insert([], token: "T") == .accepted) }
        #expect(transport.inserts.allSatisfy { $0.isTo("b") })
        #expect(transport.sent.count { $0.isTo("a") } == 1, "it rests")

        isAway.withLock { $0 = false }
        now.withLock { $0 += .seconds(61) }
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.last?.isTo("a") == true)
    }

    @Test func `a broken table is no reason to go to another replica`() async throws {
        let transport = ScriptedTransport { request, _ in request.isInsert ? .exception(60) : nil }
        let client = try makeClient(transport, urls: Self.replicas)
        for _ in 0..<3 { #expect(await client.insert([], token: "T") != .accepted) }
        #expect(transport.sent.allSatisfy { $0.isTo("a") })
    }

    /// What a server without the table, or without the right to it, answers to the preflight.
    private static func refusal(_ code: Int?, of request: HTTPRequest) -> HTTPResponse? {
        request.asks("system.tables") ? code.map { HTTPResponse.exception($0) } ?? .text("") : nil
    }

    @Test(arguments: [Int?.none, 516])
    func `a server that cannot take rows is passed over and named, and used again when it is fixed`(code: Int?)
        async throws
    {
        let isBroken = Mutex(true)
        let now = Mutex(ContinuousClock.now)
        let transport = ScriptedTransport { request, _ in
            request.isTo("a") && isBroken.withLock { $0 } ? Self.refusal(code, of: request) : nil
        }
        let client = try makeClient(transport, urls: Self.replicas, now: { now.withLock { $0 } })
        for _ in 0..<3 { #expect(await client.insert([], token: "T") == .accepted) }
        #expect(transport.inserts.count == 3 && transport.inserts.allSatisfy { $0.isTo("b") })
        #expect(transport.sent.count { $0.isTo("a") && $0.asks("system.tables") } == 1, "it rests")
        #expect(client.passedOver?.withoutQuotes.hasPrefix("http://a:1: destination") == true)

        isBroken.withLock { $0 = false }
        now.withLock { $0 += .seconds(61) }
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.last?.isTo("a") == true)
        #expect(client.passedOver == nil)
    }

    @Test(arguments: [497, 164, 452])
    func `a server whose user may read and not insert is passed over and named`(code: Int) async throws {
        let transport = ScriptedTransport { request, _ in
            request.isInsert && request.isTo("a") ? .exception(code, "no") : nil
        }
        let client = try makeClient(transport, urls: Self.replicas)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.map { $0.isTo("a") } == [true, false])
        #expect(client.passedOver?.code == code)
    }

    /// For example for a dictionary that only one of them lacks.
    @Test func `a record that one server refuses goes to the one that takes others`() async throws {
        let isAway = Mutex(false)
        let now = Mutex(ContinuousClock.now)
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            guard request.isTo("a") else { return nil }
            if isAway.withLock({ $0 }) { throw TransportFailure(message: "refused", isBeforeSending: true) }
            return request.isInsert ? .exception(395, "no") : nil
        }
        let client = try makeClient(transport, urls: Self.replicas, now: { now.withLock { $0 } })
        #expect(await client.insert([], token: "T") != .accepted, "none has taken anything yet")
        isAway.withLock { $0 = true }
        #expect(await client.insert([], token: "U") == .accepted)
        isAway.withLock { $0 = false }
        now.withLock { $0 += .seconds(61) }
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("taken"); return }
        #expect(failure.acceptsElsewhere, "which says nothing of the table that refuses it")
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.map { $0.isTo("a") } == [true, true, false, true, false])
    }

    @Test func `where all are broken the first is named, also while the second is only away`() async throws {
        let isAway = Mutex(false)
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            if request.isTo("b"), isAway.withLock({ $0 }) {
                throw TransportFailure(message: "refused", isBeforeSending: true)
            }
            return Self.refusal(nil, of: request)
        }
        let client = try makeClient(transport, urls: Self.replicas)
        for away in [false, false, true] {
            isAway.withLock { $0 = away }
            guard case .failure(let failure) = await client.preflight() else { Issue.record("passed"); return }
            #expect(failure.description.hasPrefix("http://a:1: destination: there is no table"))
        }
        #expect(client.passedOver == nil)
    }

    @Test func `a batch that may be stored at the second is not taken for unsent because the first is broken`()
        async throws
    {
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            if request.isInsert { throw TransportFailure(message: "reset", isBeforeSending: false) }
            return request.isTo("a") ? Self.refusal(nil, of: request) : nil
        }
        let client = try makeClient(transport, urls: Self.replicas)
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("sent"); return }
        #expect(failure.kind == .outcomeUnknown && failure.mayHaveBeenStored)
    }

    private static let replicated = ScriptedServer(
        engine: "ReplicatedMergeTree",
        definition: "ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 10000"
    )

    /// Where three batches go, the first of which loses its reply at the first server.
    private func travel(_ server: ScriptedServer, identity: IdentityColumns? = nil) async throws -> [Bool] {
        let transport = ScriptedTransport(server) { request, earlier throws(TransportFailure) in
            if request.isInsert, !earlier.contains(where: \.isInsert) {
                throw TransportFailure(message: "reset", isBeforeSending: false)
            }
            return nil
        }
        let client = try makeClient(transport, urls: Self.replicas, identity: identity)
        #expect(await client.insert([], token: "T") != .accepted)
        #expect(await client.insert([], token: "U") == .accepted)
        #expect(await client.insert([], token: "T") == .accepted)
        return transport.inserts.map { $0.isTo("b") }
    }

    @Test func `a batch that may be stored goes to another replica that knows its token`() async throws {
        #expect(try await travel(Self.replicated) == [false, true, true])
    }

    @Test func `it stays where it is when the tables are not one, or nothing could tell it from a new one`()
        async throws
    {
        #expect(try await travel(.modern) == [false, true, false])
        #expect(try await travel(ScriptedServer(definition: "MergeTree ORDER BY n")) == [false, true, false])
    }

    @Test func `it goes anywhere after all of the tables were asked`() async throws {
        let plain = ScriptedServer(definition: "MergeTree ORDER BY n")
        let identity = IdentityColumns(id: "n", time: nil)
        #expect(try await travel(plain, identity: identity) == [false, true, true])
    }

    @Test func `a server that may have stored a batch says whether it would recognise it`() async throws {
        for (definition, mustBeAsked) in [
            (Self.replicated.definition, false),
            ("ReplicatedMergeTree ORDER BY n SETTINGS replicated_deduplication_window = 0", true),
        ] {
            let server = ScriptedServer(engine: "ReplicatedMergeTree", definition: definition)
            let transport = ScriptedTransport(server) { request, _ throws(TransportFailure) in
                if request.isInsert { throw TransportFailure(message: "reset", isBeforeSending: false) }
                return nil
            }
            let identity = IdentityColumns(id: "n", time: nil)
            let client = try makeClient(transport, urls: Self.replicas, identity: identity)
            guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("taken"); return }
            #expect(failure.mustBeAsked == mustBeAsked)
        }
    }

    @Test func `a batch that must wait for its server does not stop the others`() async throws {
        let isAway = Mutex(false)
        let transport = ScriptedTransport(.modern) { request, _ throws(TransportFailure) in
            guard request.isTo("a"), request.isInsert else { return nil }
            if isAway.withLock({ $0 }) { throw TransportFailure(message: "refused", isBeforeSending: true) }
            throw TransportFailure(message: "reset", isBeforeSending: false)
        }
        let client = try makeClient(transport, urls: Self.replicas)
        #expect(await client.insert([], token: "T") != .accepted)
        isAway.withLock { $0 = true }
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("moved"); return }
        #expect(failure.concernsBatchAlone)
        #expect(await client.insert([], token: "U") == .accepted)
    }

    @Test func `one server's wish to be left alone is nothing to wait for while there is another`() async throws {
        for (urls, expected) in [(Self.replicas, nil), (["http://a:1"], Duration.seconds(3_600))] {
            let transport = ScriptedTransport(Self.replicated) { request, _ in
                request.isTo("a") && request.isInsert
                    ? HTTPResponse(status: 503, headers: ["retry-after": "3600"]) : nil
            }
            guard case .failed(let failure) = try await makeClient(transport, urls: urls).insert([], token: "T") else {
                Issue.record("accepted")
                return
            }
            #expect(failure.retryAfter == expected)
        }
    }

    @Test func `rests grow to a minute, and the one that ends first is used when all rest`() throws {
        let endpoints = try Self.replicas.map { try Endpoint.parse($0).endpoint }
        let start = ContinuousClock.now
        var selector = EndpointSelector(endpoints)
        for failures in 1...9 {
            selector.recordFailure(endpoints[0], now: start, retryAfter: nil)
            let rest = min(60, 1 << (failures - 1))
            #expect(selector.candidates(now: start + .seconds(rest) - .milliseconds(1)) == [endpoints[1]])
            #expect(selector.candidates(now: start + .seconds(rest)) == endpoints)
        }
        selector.recordFailure(endpoints[1], now: start, retryAfter: .seconds(7))
        #expect(selector.candidates(now: start) == [endpoints[1]])
        #expect(selector.candidates(now: start + .seconds(6)) == [endpoints[1]])
        selector.recordSuccess(endpoints[0])
        #expect(selector.candidates(now: start) == [endpoints[0]])
    }
}
