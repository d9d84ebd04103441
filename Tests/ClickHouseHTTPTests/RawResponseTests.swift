@testable import ClickHouseHTTP
import FuzzProperties
import TestSupport
import Testing

/// Whatever a server sends, the client says what it was, and lives.
@Suite(.startsProcesses) struct RawResponseTests {
    /// What becomes of one request that is answered so.
    private func outcome(
        of answer: RawAnswer,
        body: Int = 10,
        by transport: AsyncHTTPTransport? = nil
    ) async throws -> Result<HTTPResponse, TransportFailure> {
        try await RawServer.run(answer) { server in
            let own = transport ?? AsyncHTTPTransport()
            let request = try server.request(Array(repeating: 0x61, count: body))
            let result: Result<HTTPResponse, TransportFailure>
            do throws(TransportFailure) {
                result = .success(try await own.send(request, timeout: .seconds(60)))
            } catch {
                result = .failure(error)
            }
            if transport == nil { await own.close() }
            return result
        }
    }

    private func failure(of text: String) async throws -> TransportFailure? {
        guard case .failure(let failure) = try await outcome(of: RawAnswer(text)) else { return nil }
        return failure
    }

    @Test func `of all statuses only those of responses get through, and none ends the process`() async throws {
        let server = try await RawServer.start(RawAnswer(""))
        let transport = AsyncHTTPTransport()
        for status in 0...999 {
            let line = "HTTP/1.1 " + ("00" + String(status)).suffix(3) + " X\r\nConnection: close\r\n"
            for rest in ["Content-Length: 2\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] {
                server.say(RawAnswer(line + rest))
                let request = try server.request([0x61])
                do throws(TransportFailure) {
                    let response = try await transport.send(request, timeout: .seconds(60))
                    #expect(response.status == status)
                    #expect(200...599 ~= status)
                } catch {
                    #expect(!(200...599 ~= status), "\(status): \(error)")
                    // A retry decides: the server may have stored the batch.
                    #expect(!error.isBeforeSending)
                    if !(100...199 ~= status) {
                        #expect(error.message.contains("status \(status), which HTTP does not have"), "\(error)")
                    }
                }
            }
        }
        await transport.close()
        await server.stop()
    }

    @Test(arguments: [
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc", "status 101"),
        ("HTTP/1.1 101 X\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "status 101"),
        (String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 1_000), "more than 32 responses 1xx"),
        ("\u{16}\u{3}\u{1}garbage", "not valid HTTP"), ("hello\r\n", "not valid HTTP"),
        ("HTTP/2.0 200 OK\r\n\r\n", "not valid HTTP"), ("HTTP/1.1 20 X\r\n\r\n", "not valid HTTP"),
        ("HTTP/1.1 2000 X\r\n\r\n", "not valid HTTP"), ("HTTP/1.1 -42 X\r\n\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "not valid HTTP"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "not valid HTTP"
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\na\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\na\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 100_000) + "\r\n\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 300) + "\r\n", "not valid HTTP"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not valid HTTP"),
    ])
    func `what is no response is a failure that says so`(text: String, reason: String) async throws {
        let failure = try await failure(of: text)
        #expect(failure?.message.contains(reason) == true, "\(String(describing: failure))")
        #expect(failure?.isBeforeSending == false)
    }

    @Test func `an answer that ends early is no whole response, wherever it ends`() async throws {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n0\r\nZ: z\r\n\r\n"
        let transport = AsyncHTTPTransport()
        for count in 0..<text.utf8.count {
            let answer = RawAnswer(parts: [Array(text.utf8.prefix(count))])
            guard case .failure(let failure) = try await outcome(of: answer, by: transport) else {
                Issue.record("whole after \(count) bytes")
                continue
            }
            #expect(!failure.isBeforeSending)
        }
        guard case .success(let response) = try await outcome(of: RawAnswer(text), by: transport) else {
            Issue.record("not whole")
            return
        }
        #expect(response.body == Array("abc".utf8))
        await transport.close()
    }

    @Test(arguments: [0, 1, 32])
    func `a few informational responses before a response are none`(count: Int) async throws {
        let informational = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", count: count)
        let answer = RawAnswer(informational + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
        #expect(try await outcome(of: answer).get().body == Array("ab".utf8))
    }

    @Test(
        arguments: [
            ("HTTP/1.1 413 X\r\nContent-Length: 1\r\n\r\na", 413),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200),
            ("HTTP/1.1 000 X\r\nContent-Length: 1\r\n\r\na", nil), ("HTTP/1.1 101 X\r\n\r\n", nil), ("garbage", nil),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 000 X\r\nContent-Length: 1\r\n\r\na", 200),
            ("HTTP/1.1 413 X\r\nContent-Length: 1\r\n\r\naHTTP/1.1 000 X\r\nContent-Length: 1\r\n\r\na", 413),
        ] as [(String, Int?)]
    )
    func `an answer before the request is sent is the response or a failure`(text: String, status: Int?) async throws {
        for isEarly in [false, true] {
            let answer = RawAnswer(text, isEarly: isEarly)
            switch try await outcome(of: answer, body: 16 << 20) {
            case .success(let response): #expect(response.status == status)
            // The connection may go before the request is written.
            case .failure(let failure): #expect(!failure.isBeforeSending)
            }
        }
    }

    @Test func `of two responses at once the second is nobody's`() async throws {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
        let server = try await RawServer.start(RawAnswer(text + text.replacing("\na", with: "\nb"), ends: false))
        let transport = AsyncHTTPTransport()
        let request = try server.request([0x61])
        for _ in 0..<10 {
            do throws(TransportFailure) {
                #expect(try await transport.send(request, timeout: .seconds(60)).body == Array("a".utf8))
            } catch {
                // Sent on the old connection in the moment before it was closed.
                #expect(!error.isBeforeSending)
            }
        }
        #expect(server.connections > 1)
        await transport.close()
        await server.stop()
    }
}
