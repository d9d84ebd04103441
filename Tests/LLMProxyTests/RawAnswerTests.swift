import FuzzProperties
import TestSupport
import Testing

/// The real binary before servers that answer with anything but HTTP.
@Suite(.startsProcesses) struct RawAnswerTests {
    private static let senseless = [
        "HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 042 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc",
        "HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nab",
        String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 1_000), "garbage\r\n\r\n",
    ]

    @Test func `a provider's response that makes no sense is 502 with a trace, and the proxy goes on`() async throws {
        try await withTemporaryDirectory { directory in
            try await RawServer.run(RawAnswer("")) { server in
                let outcome = try await ProxyUnderTest.run(in: directory, ["--upstream-url", server.url]) { proxy in
                    for text in Self.senseless {
                        for isEarly in [false, true] {
                            server.say(RawAnswer(text, isEarly: isEarly))
                            let answer = try await proxy.chat("hello")
                            #expect(answer.status == 502, "\(text)")
                            // A connection that nobody has asked for anything yet is closed at the first byte.
                            let codes = ["provider_invalid_response", isEarly ? "provider_aborted" : ""]
                            #expect(codes.contains { answer.body.contains("\"code\":\"\($0)\"") }, "\(answer.body)")
                            #expect(answer.body.contains("\"type\":\"api_error\""))
                        }
                    }
                    server.say(RawAnswer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
                    #expect(try await proxy.chat("hello").body == "{}")
                }
                #expect(outcome.status == .exited(0), "\(outcome.log)")
                let traces = try await Trace.all(in: directory)
                #expect(traces.count == 2 * Self.senseless.count + 1)
                #expect(traces.count { $0.is_complete } == 1)
                #expect(traces.count { $0.error_code == "provider_invalid_response" } >= Self.senseless.count)
            }
        }
    }

    @Test func `a stream that stops being HTTP is cut, and its trace says why`() async throws {
        try await withTemporaryDirectory { directory in
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            let answer = RawAnswer(head + "9\r\ndata: 1\n\n\r\n-9\r\n")
            try await RawServer.run(answer) { server in
                let outcome = try await ProxyUnderTest.run(in: directory, ["--upstream-url", server.url]) { proxy in
                    await #expect(throws: (any Error).self) { for try await _ in try await proxy.stream() {} }
                }
                #expect(outcome.status == .exited(0), "\(outcome.log)")
                #expect(try await Trace.all(in: directory).map(\.error_code) == ["provider_invalid_response"])
            }
        }
    }

    @Test func `a ClickHouse whose answer makes no sense ends neither the proxy nor its next start`() async throws {
        try await withTemporaryDirectory { directory in
            try await RawServer.run(RawAnswer("")) { server in
                for text in Self.senseless.prefix(5) {
                    server.say(RawAnswer(text))
                    let before = server.connections
                    let options = ["--clickhouse-url", server.url]
                    let outcome = try await ProxyUnderTest.run(in: directory, options) { proxy in
                        #expect(try await proxy.chat("hello").status == 200)
                        try await waitUntil { server.connections >= before + 2 }
                        #expect(try await proxy.chat("hello").status == 200)
                    }
                    #expect(outcome.status == .exited(0), "\(outcome.log)")
                    #expect(outcome.log.contains("the response is not valid HTTP"), "\(outcome.log)")
                }
            }
            // All of them are still there.
            let outcome = try await ProxyUnderTest.run(in: directory) { _ in }
            #expect(outcome.log.contains("10 records recovered"), "\(outcome.log)")
        }
    }

    @Test func `a provider's 401 that repeats the proxy's key does not reach the client`() async throws {
        let key = "sk-proj-Ab3dEf9hIj"
        let said = [
            "Incorrect API key provided: \(key)", "Incorrect API key provided: sk-proj-******9hIj",
            "sk%2Dproj%2DAb3dEf9hIj",
            "c2stcHJvai1BYjNkRWY5aElq",
        ]
        try await withTemporaryDirectory { directory in
            try await RawServer.run(RawAnswer("")) { server in
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", server.url],
                    environment: ["UPSTREAM_API_KEY": key]
                ) { proxy in
                    for text in said {
                        for status in [401, 403, 500, 200] {
                            let body = status == 200 ? "{}" : #"{"error":{"message":"\#(text)"}}"#
                            let head =
                                "HTTP/1.1 \(status) \(text)\r\nContent-Type: application/json\r\nX-Seen: \(text)\r\nConnection: close\r\n"
                            server.say(RawAnswer("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"))
                            let answer = try await proxy.chat("hello")
                            #expect(answer.status == UInt(status))
                            for shown in [answer.body] + answer.headers.values {
                                for part in ["sk-", "sk%2D", "Ab3d", "9hIj", "c2st"] {
                                    #expect(!shown.contains(part), "\(status) \(shown)")
                                }
                            }
                        }
                    }
                }
                #expect(!outcome.log.contains("sk-proj") && !outcome.log.contains("Ab3d"))
            }
        }
    }
}
