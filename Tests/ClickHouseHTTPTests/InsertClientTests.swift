@testable import ClickHouseHTTP
import Foundation
import Testing

@Suite struct InsertClientTests {
    @Test func `an insert carries the settings, the token, an own query id and the rows`() async throws {
        let transport = ScriptedTransport()
        let client = try makeClient(transport)
        for _ in 0..<2 { #expect(await client.insert(Array("{}\n".utf8), token: "T-1-2") == .accepted) }

        let inserts = transport.inserts
        #expect(inserts.count == 2)
        #expect(transport.sent.count { $0.asks("system.settings") } == 2, "once without them, and once with them")
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
        let transport = ScriptedTransport(.legacy)
        let client = try makeClient(transport)
        #expect(await client.insert(Array("{}\n".utf8), token: "T") == .accepted)
        let insert = try #require(transport.sent.last)
        #expect(insert.parameter("insert_deduplication_token") == nil)
        #expect(insert.parameter("async_insert") == nil)
        #expect(insert.parameter("date_time_input_format") == "best_effort")
        // A cut body of plain JSON would be stored in part.
        #expect(insert.headers.contains { $0 == ("Content-Encoding", "gzip") })
    }

    @Test func `a batch is compressed ahead where it must be, and no other is sent in its place`() async throws {
        let transport = ScriptedTransport(.legacy)
        let client = try makeClient(transport)
        #expect(await client.insert(Array("{}\n".utf8), token: "T-1") == .accepted)
        let (ahead, other) = (Array("{\"n\":2}\n".utf8), Array("{\"n\":3}\n".utf8))
        await client.prepare(ahead, token: "T-2")
        // A token stands for the same rows always, so other rows under it show which were sent.
        for (token, sent) in [("T-3", other), ("T-2", ahead), ("T-2", other)] {
            #expect(await client.insert(other, token: token) == .accepted)
            #expect(try await transport.sent.last?.body == Gzip.compress(sent))
        }
    }

    @Test func `what must be compressed is not sent otherwise when the task is cancelled`() async throws {
        let transport = ScriptedTransport(.legacy)
        let client = try makeClient(transport)
        #expect(await client.insert(Array("{}\n".utf8), token: "T-1") == .accepted)
        let insert = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await client.insert(Array("{}\n".utf8), token: "T-2")
        }
        guard case .failed(let failure) = await insert.value else {
            Issue.record("it was sent")
            return
        }
        #expect(failure.kind == .transient && !failure.mayHaveBeenStored)
        #expect(transport.inserts.count == 1)
    }

    @Test func `the settings are asked for again when the server may be another`() async throws {
        let transport = ScriptedTransport { request, earlier in
            if request.asks("system.settings") {
                return (earlier.contains(where: \.isInsert) ? ScriptedServer.legacy : .modern).answer(request)
            }
            guard request.isInsert, request.parameter("async_insert") != nil else { return nil }
            return HTTPResponse(
                status: 404,
                body: Array("Code: 115, e.displayText() = DB::Exception: Unknown setting".utf8)
            )
        }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") != .accepted)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.sent.last?.parameter("async_insert") == nil)
    }

    /// A profile could cut an answer, add to it or end an insert early, with a 200.
    @Test func `every request is sent with the settings that the server knows`() async throws {
        let transport = ScriptedTransport()
        let client = try makeClient(transport, identity: IdentityColumns(id: "n", time: nil))
        #expect(await client.insert([], token: "T") == .accepted)
        _ = await client.countStored([RowKey(id: [49], seconds: nil)], token: "T", doubtAge: .zero)
        let others = transport.sent.filter { !$0.asks("system.settings") }
        #expect(others.count > 5)
        for request in others {
            #expect(request.parameter("timeout_overflow_mode") == "throw")
            #expect(request.parameter("limit") == "0")
            #expect(request.parameter("additional_result_filter") == "")
        }
    }

    @Test func `a list of settings that was cut is asked for again, with what it says`() async throws {
        let cut = ScriptedServer(settings: [RequestSettings.knownToAll, "read_overflow_mode"])
        let transport = ScriptedTransport { request, _ in
            guard request.asks("system.settings") else { return nil }
            return request.parameter("read_overflow_mode") == "throw" ? nil : cut.answer(request)
        }
        let client = try makeClient(transport)
        #expect(await client.insert([], token: "T") == .accepted)
        #expect(transport.inserts.last?.parameter(RequestSettings.token) == "T")
        #expect(transport.sent.count { $0.asks("system.settings") } == 3)
    }

    @Test(arguments: ["", "Ok.\n", "<html>Sign in</html>"])
    func `nothing is inserted where the settings are not ClickHouse's`(text: String) async throws {
        let transport = ScriptedTransport { _, _ in .text(text) }
        let client = try makeClient(transport)
        guard case .failed(let failure) = await client.insert([], token: "T") else { Issue.record("accepted"); return }
        #expect(failure.kind == .transient)
        #expect(transport.inserts.isEmpty)
    }

    @Test func `a look-up that breaks leaves no doubt: nothing was inserted`() async throws {
        let transport = ScriptedTransport { _, _ throws(TransportFailure) in
            throw TransportFailure(message: "reset", isBeforeSending: false)
        }
        let outcome = try await makeClient(transport).insert([], token: "T")
        guard case .failed(let failure) = outcome else { Issue.record("accepted"); return }
        #expect(failure.kind == .transient)
        #expect(!failure.mayHaveBeenStored)
    }

    @Test func `credentials are in headers and nowhere else`() async throws {
        let transport = ScriptedTransport()
        let client = try makeClient(transport, credentials: Credentials(user: "writer", password: "hunter2"))
        _ = await client.insert(Array("{}\n".utf8), token: "T")
        #expect(transport.sent.count > 2)
        for request in transport.sent {
            #expect(request.headers.contains { $0 == ("X-ClickHouse-User", "writer") })
            #expect(request.headers.contains { $0 == ("X-ClickHouse-Key", "hunter2") })
            #expect(!request.url.contains("hunter2") && !request.url.contains("writer"))
            #expect(!String(decoding: request.body, as: UTF8.self).contains("hunter2"))
        }
    }

    @Test func `a connection that broke after sending leaves the outcome unknown`() async throws {
        let transport = ScriptedTransport { request, _ throws(TransportFailure) in
            guard request.isInsert else { return nil }
            throw TransportFailure(message: "reset", isBeforeSending: false)
        }
        let outcome = try await makeClient(transport).insert([], token: "T")
        guard case .failed(let failure) = outcome else { Issue.record("accepted"); return }
        #expect(failure.kind == .outcomeUnknown)
        #expect(failure.mayHaveBeenStored)
    }

    @Test func `a server that names queries must name ours`() async throws {
        let transport = ScriptedTransport { request, _ in
            request.isInsert ? HTTPResponse(status: 200) : nil
        }
        guard case .failed(let failure) = try await makeClient(transport).insert([], token: "T") else {
            Issue.record("a gateway's empty 200 was taken for ClickHouse's")
            return
        }
        #expect(failure.kind == .outcomeUnknown)
    }
}
