@testable import ClickHouseHTTP
import Foundation
import Synchronization
import Testing

/// Answers requests by a function, and keeps them.
private final class ScriptedTransport: HTTPTransport {
    typealias Answer = @Sendable (HTTPRequest) throws(TransportFailure) -> HTTPResponse

    private let requests = Mutex<[HTTPRequest]>([])
    private let answer: Answer

    init(_ answer: @escaping Answer) {
        self.answer = answer
    }

    var sent: [HTTPRequest] { requests.withLock { $0 } }

    func send(_ request: HTTPRequest, timeout: Duration) async throws(TransportFailure) -> HTTPResponse {
        requests.withLock { $0.append(request) }
        return try answer(request)
    }

    func close() async {}
}

extension HTTPRequest {
    fileprivate var isLookUp: Bool { String(decoding: body, as: UTF8.self).contains("system.settings") }

    fileprivate func parameter(_ name: String) -> String? {
        URLComponents(string: url)?.queryItems?.first { $0.name == name }?.value
    }
}

@Suite struct InsertClientTests {
    private static let modern = Array((InsertSettings.versioned.joined(separator: "\n") + "\n").utf8)
    private static let legacy = Array("date_time_input_format\ninput_format_skip_unknown_fields\n".utf8)

    private func makeClient(
        _ transport: ScriptedTransport,
        urls: [String] = ["http://a:8123"],
        credentials: Credentials? = nil
    ) throws -> InsertClient {
        InsertClient(
            endpoints: try urls.map { try Endpoint.parse($0).endpoint },
            target: InsertTarget(database: "ibex", table: "t"),
            credentials: credentials,
            requestTimeout: .seconds(1),
            transport: transport
        )
    }

    @Test func `an insert carries the settings, the token, an own query id and the rows`() async throws {
        let transport = ScriptedTransport { HTTPResponse(status: 200, body: $0.isLookUp ? Self.modern : []) }
        let client = try makeClient(transport)
        for _ in 0..<2 { #expect(await client.insert(Array("{}\n".utf8), token: "T-1-2") == .accepted) }

        let inserts = transport.sent.filter { !$0.isLookUp }
        #expect(inserts.count == 2)
        #expect(transport.sent.count == 3, "the settings are asked for once")
        for insert in inserts {
            #expect(insert.parameter("query") == "INSERT INTO `ibex`.`t` FORMAT JSONEachRow")
            #expect(insert.parameter("async_insert") == "0")
            #expect(insert.parameter("insert_deduplication_token") == "T-1-2")
            #expect(insert.parameter("date_time_input_format") == "best_effort")
            #expect(insert.parameter("input_format_skip_unknown_fields") == "0")
            #expect(insert.parameter("wait_end_of_query") == "1")
            #expect(insert.parameter("query_id")?.hasPrefix("T-1-2-") == true)
            #expect(insert.body == Array("{}\n".utf8))
        }
        #expect(inserts[0].parameter("query_id") != inserts[1].parameter("query_id"))
    }

    @Test func `an old server is not sent what it does not know`() async throws {
        let transport = ScriptedTransport { HTTPResponse(status: 200, body: $0.isLookUp ? Self.legacy : []) }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") == .accepted)
        let insert = try #require(transport.sent.last)
        #expect(insert.parameter("insert_deduplication_token") == nil)
        #expect(insert.parameter("async_insert") == nil)
        #expect(insert.parameter("date_time_input_format") == "best_effort")
    }

    @Test func `the settings are asked for again when the server may be another`() async throws {
        let answers = Mutex([
            HTTPResponse(status: 200, body: Self.modern),
            HTTPResponse(status: 404, body: Array("Code: 115, e.displayText() = DB::Exception: Unknown setting".utf8)),
            HTTPResponse(status: 200, body: Self.legacy),
            HTTPResponse(status: 200),
        ])
        let transport = ScriptedTransport { _ in answers.withLock { $0.removeFirst() } }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") != .accepted)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.sent.last?.parameter("async_insert") == nil)
    }

    @Test(arguments: ["", "Ok.\n", "<html>Sign in</html>"])
    func `nothing is inserted where the settings are not ClickHouse's`(text: String) async throws {
        let transport = ScriptedTransport { _ in HTTPResponse(status: 200, body: Array(text.utf8)) }
        let client = try makeClient(transport)
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("accepted"); return }
        #expect(failure.kind == .transient)
        #expect(transport.sent.allSatisfy { $0.isLookUp })
    }

    @Test func `a look-up that breaks leaves no doubt: nothing was inserted`() async throws {
        let transport = ScriptedTransport { _ throws(TransportFailure) in
            throw TransportFailure(message: "reset", isBeforeSending: false)
        }
        let outcome = try await makeClient(transport).insert([], token: "T")
        #expect(outcome == .failed(InsertFailure(kind: .transient, message: "reset")))
    }

    @Test func `credentials are in headers and nowhere else`() async throws {
        let transport = ScriptedTransport { HTTPResponse(status: 200, body: $0.isLookUp ? Self.modern : []) }
        let client = try makeClient(transport, credentials: Credentials(user: "writer", password: "hunter2"))
        _ = await client.insert(Array("{}\n".utf8), token: "T")
        #expect(transport.sent.count == 2)
        for request in transport.sent {
            #expect(request.headers.contains { $0 == ("X-ClickHouse-User", "writer") })
            #expect(request.headers.contains { $0 == ("X-ClickHouse-Key", "hunter2") })
            #expect(!request.url.contains("hunter2") && !request.url.contains("writer"))
            #expect(!String(decoding: request.body, as: UTF8.self).contains("hunter2"))
        }
    }

    @Test func `the next replica is tried after one that is away, and stays while it works`() async throws {
        let transport = ScriptedTransport { request throws(TransportFailure) in
            if request.url.hasPrefix("http://a:") { throw TransportFailure(message: "refused", isBeforeSending: true) }
            return HTTPResponse(status: 200, body: request.isLookUp ? Self.modern : [])
        }
        let client = try makeClient(transport, urls: ["http://a:1", "http://b:1"])
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("accepted"); return }
        #expect(failure.kind == .transient)
        for _ in 0..<3 { #expect(await client.insert([], token: "T") == .accepted) }
        #expect(transport.sent.filter { $0.url.hasPrefix("http://a:") }.count == 1)
    }

    @Test func `a broken table is no reason to go to another replica`() async throws {
        let transport = ScriptedTransport { request in
            request.isLookUp
                ? HTTPResponse(status: 200, body: Self.modern)
                : HTTPResponse(status: 404, headers: ["x-clickhouse-exception-code": "60"])
        }
        let client = try makeClient(transport, urls: ["http://a:1", "http://b:1"])
        for _ in 0..<3 { #expect(await client.insert([], token: "T") != .accepted) }
        #expect(transport.sent.allSatisfy { $0.url.hasPrefix("http://a:") })
    }

    @Test func `a connection that broke after sending leaves the outcome unknown`() async throws {
        let transport = ScriptedTransport { request throws(TransportFailure) in
            if request.isLookUp { return HTTPResponse(status: 200, body: Self.modern) }
            throw TransportFailure(message: "reset", isBeforeSending: false)
        }
        let outcome = try await makeClient(transport).insert([], token: "T")
        #expect(outcome == .failed(InsertFailure(kind: .outcomeUnknown, message: "reset")))
    }
}
