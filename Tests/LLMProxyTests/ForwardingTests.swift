import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing

/// What the client and the provider see of each other, through the real binary.
@Suite(.startsProcesses) struct ForwardingTests {
    private typealias Respond = @Sendable (ScriptedProvider, ScriptedProvider.Received) async throws -> Response

    private static let usage = #"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#

    /// Runs `body` with a proxy in front of a provider.
    ///
    /// - Returns: the traces that it left, in order.
    private func withProxy(
        _ options: [String] = [],
        environment: [String: String] = [:],
        provider respond: @escaping Respond,
        _ body: @escaping @Sendable (ProxyUnderTest, ScriptedProvider) async throws -> Void
    ) async throws -> [Trace] {
        try await withTemporaryDirectory { directory in
            try await ScriptedProvider.run(respond) { provider, url in
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", url] + options,
                    environment: Dictionary(environment.map { (.init(stringLiteral: $0), $1) }) { $1 }
                ) { try await body($0, provider) }
                #expect(outcome.status == .exited(0))
                return try await Trace.all(in: directory)
            }
        }
    }

    @Test func `an event reaches the client before the next one is there`() async throws {
        let (events, arriving) = AsyncStream.makeStream(of: String.self)
        let traces = try await withProxy { provider, _ in
            provider.stream(events)
        } _: { proxy, _ in
            arriving.yield("data: 1\n\n")
            var body = try await proxy.stream().makeAsyncIterator()
            #expect(try await body.next().map(String.init(buffer:)) == "data: 1\n\n")
            arriving.yield("data: [DONE]\n\n")
            #expect(try await body.next().map(String.init(buffer:)) == "data: [DONE]\n\n")
            arriving.finish()
            #expect(try await body.next() == nil)
        }
        #expect(traces.map(\.is_complete) == [true])
        #expect(traces.map(\.is_streaming) == [true])
    }

    @Test func `the provider is asked for the usage, which the client does not see`() async throws {
        let chunks = [#"data: {"choices":[{"delta":{"content":"ü"}}],"usage":null}"#, "data: [DONE]"].map {
            $0 + "\r\n\r\n"
        }
        let asked = #"data: {"choices":[],"usage":\#(Self.usage)}"# + "\r\n\r\n"
        let respond: Respond = { provider, _ in provider.stream([chunks[0], asked, chunks[1]].async) }
        let body = #"{ "model":"m", "stream":true, "temperature":1e-7, "tools":[{"n":12345678901234567890}] }"#
        let traces = try await withProxy(provider: respond) { proxy, provider in
            #expect(try await proxy.post(body).body == chunks.joined())
            #expect(provider.received.last?.body == #"{"stream_options":{"include_usage":true},"# + body.dropFirst())
            let own = body.replacing(" }", with: #", "stream_options":{"include_usage":true}}"#)
            let shown = chunks[0] + asked + chunks[1]
            #expect(try await proxy.post(own).body == shown)
            #expect(provider.received.last?.body == own)
            let plain = body.replacing("true", with: "false")
            _ = try await proxy.post(plain)
            #expect(provider.received.last?.body == plain)
        }
        #expect(traces.map(\.total_tokens) == [7, 7, 7])
        #expect(traces.map(\.input_tokens) == [3, 3, 3])

        let unasked = try await withProxy(["--no-usage"], provider: respond) { proxy, provider in
            let answer = try await proxy.post(body)
            #expect(answer.body == chunks[0] + asked + chunks[1])
            #expect(provider.received.last?.body == body)
        }
        #expect(unasked.map(\.total_tokens) == [7])
    }

    @Test func `a client that hangs up ends the provider's work, before and after the first byte`() async throws {
        let gate = Gate()
        let traces = try await withProxy { provider, received in
            if received.requestID == "silent" {
                gate.open()
                try await Task.sleep(for: .seconds(3_600))
            }
            return provider.stream(ScriptedProvider.endless())
        } _: { proxy, provider in
            do {
                var body = try await proxy.stream(headers: ["X-Request-Id": "open"]).makeAsyncIterator()
                _ = try await body.next()
            }
            try await waitUntil { provider.hangUps == 1 }
            let asking = Task { try await proxy.stream(headers: ["X-Request-Id": "silent"]) }
            await gate.wait()
            asking.cancel()
            _ = await asking.result
            try await waitUntil { try await proxy.get("/status.json").body.contains(#""written":2"#) }
        }
        #expect(traces.map(\.error_code) == ["client_disconnected", "client_disconnected"])
        #expect(traces.first?.status_code == 200)
        #expect(traces.allSatisfy { !$0.is_complete })
    }

    @Test func `a stream goes no faster than its client takes it`() async throws {
        let total = 48 << 20
        let block = String(repeating: "x", count: 1 << 20)
        let traces = try await withProxy { provider, _ in
            provider.stream(
                repeatElement(block, count: total / block.utf8.count).async,
                type: "application/octet-stream"
            )
        } _: { proxy, provider in
            let atRest = try proxy.residentBytes()
            var body = try await proxy.stream().makeAsyncIterator()
            _ = try await body.next()
            // Until nothing moves any more: everything between the two is full.
            var before = -1
            while provider.writtenBytes != before {
                before = provider.writtenBytes
                try await Task.sleep(for: .milliseconds(500))
            }
            // Not what the provider has let go of, which may wait in this process: what the proxy holds.
            #expect(try proxy.residentBytes() - atRest < total / 4)
            while try await body.next() != nil {}
            #expect(provider.writtenBytes == total)
        }
        #expect(traces.map(\.is_complete) == [true])
    }

    @Test func `a client that takes nothing any more is hung up on`() async throws {
        let block = String(repeating: "x", count: 1 << 20)
        let traces = try await withProxy(["--client-timeout", "2s"]) { provider, _ in
            provider.stream(ScriptedProvider.endless(block, pause: .zero))
        } _: { proxy, provider in
            var body = try await proxy.stream().makeAsyncIterator()
            _ = try await body.next()
            try await waitUntil { provider.hangUps == 1 }
        }
        #expect(traces.map(\.error_code) == ["client_disconnected"])
    }

    @Test func `other paths pass, and have a trace where they ask a model or take tokens`() async throws {
        let traces = try await withProxy { _, received in
            switch received.path {
            case "/v1/embeddings": .json(#"{"data":[],"usage":{"prompt_tokens":5,"total_tokens":5}}"#)
            case "/v1/audio/transcriptions": .json(#"{"text":"t","usage":{"input_tokens":6,"output_tokens":7}}"#)
            default: .json(#"{"object":"list"}"#)
            }
        } _: { proxy, provider in
            let ids = { (id: String) in ["X-Request-Id": id, "Cookie": "c", "OpenAI-Beta": "b"] }
            let list = try await proxy.post("", to: "/v1/files?limit=2&after=%2Fx", method: "GET", headers: ids("list"))
            #expect(list.body == #"{"object":"list"}"#)
            #expect(list.headers["x-request-id"] == "list")
            let received = try #require(provider.received.last)
            #expect(received.path == "/v1/files?limit=2&after=%2Fx")
            #expect(received.method == "GET" && received.body.isEmpty)
            #expect(received.headers[.cookie] == "c")
            #expect(received.headers[.acceptEncoding] == "identity")
            for method in ["PUT", "DELETE"] {
                _ = try await proxy.post("body", to: "/v1/x/1", method: method)
                #expect(provider.received.last?.method == method)
                #expect(provider.received.last?.body == "body")
            }
            _ = try await proxy.post(#"{"model":"e","input":"x"}"#, to: "/v1/embeddings", headers: ids("embed"))
            _ = try await proxy.post("--x\r\nfile", to: "/v1/audio/transcriptions", headers: ids("audio"))
            #expect(provider.received.last?.body == "--x\r\nfile")
            let count = provider.received.count
            for path in ["/v1/../admin", "/v1/%2e%2e/admin", "/other"] {
                let status = try await curl(proxy.url + path, "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is")
                #expect(status == (path == "/other" ? "404" : "400"))
            }
            let nowhere = try await proxy.post("{}", to: "/chat/completions")
            #expect(nowhere.status == 404 && nowhere.body.contains("the API is under /v1/"))
            #expect(provider.received.count == count)
        }
        #expect(traces.map(\.request_id) == ["embed", "audio"])
        #expect(traces.map(\.model) == ["e", ""])
        #expect(traces.map(\.total_tokens) == [5, 13])
    }

    @Test func `what the provider refuses or fails at is told in OpenAI's shape, with the request's id`() async throws {
        let traces = try await withProxy { provider, received in
            switch received.requestID {
            case "busy": return .json(#"{"error":{"message":"Slow down"}}"#, .tooManyRequests, [.retryAfter: "7"])
            case "down":
                return Response(status: .badGateway, body: ResponseBody(byteBuffer: ByteBuffer(string: "<html>")))
            case "cut": return provider.stream(AsyncThrowingStream<String, any Error> { throw ScriptedProvider.Cut() })
            case "late": return provider.stream([#"data: {"error":{"message":"overloaded"}}"# + "\n\n"].async)
            default: return provider.stream(["data: {}\n\n"].async)
            }
        } _: { proxy, _ in
            func ask(_ id: String) async throws -> ProxyUnderTest.Answer {
                try await proxy.chat("x", stream: true, headers: ["X-Request-Id": id])
            }
            let busy = try await ask("busy")
            #expect(busy.status == 429 && busy.headers["retry-after"] == "7")
            #expect(busy.body == #"{"request_id":"busy","error":{"message":"Slow down"}}"#)
            let down = try await ask("down")
            #expect(down.status == 502 && down.body.contains(#""request_id":"down""#))
            await #expect(throws: (any Error).self) { try await ask("cut") }
            #expect(try await ask("late").body.contains("overloaded"))
            #expect(try await ask("short").body == "data: {}\n\n")
        }
        #expect(traces.map(\.request_id) == ["busy", "down", "cut", "late", "short"])
        #expect(
            traces.map(\.error_code) == [
                "provider_status_429", "provider_status_502", "provider_aborted", "provider_error",
                "provider_truncated",
            ]
        )
        #expect(traces.map(\.status_code) == [429, 502, 200, 200, 200])
        #expect(traces.allSatisfy { !$0.is_complete })
    }

    // The limit is long because the provider runs in this process, beside all the other tests.
    @Test func `a provider that falls silent is given up, before its response and within it`() async throws {
        let traces = try await withProxy(["--upstream-timeout", "20s"]) { provider, received in
            if received.requestID == "silent" { try await Task.sleep(for: .seconds(3_600)) }
            let (events, arriving) = AsyncStream.makeStream(of: String.self)
            arriving.yield("data: 1\n\n")
            return provider.stream(events)
        } _: { proxy, _ in
            let stuck = Task { try await proxy.chat("x", stream: true, headers: ["X-Request-Id": "stuck"]) }
            let silent = try await proxy.chat("x", stream: true, headers: ["X-Request-Id": "silent"])
            #expect(silent.status == 504 && silent.body.contains(#""code":"provider_timeout""#))
            await #expect(throws: (any Error).self) { try await stuck.value }
        }
        #expect(Set(traces.map { "\($0.request_id) \($0.status_code)" }) == ["silent 504", "stuck 200"])
        #expect(traces.map(\.error_code) == ["provider_timeout", "provider_timeout"])
        #expect(traces.allSatisfy { !$0.is_complete })
    }

    @Test func `a body that is too large is refused, and the provider sees nothing of it`() async throws {
        let traces = try await withProxy(["--max-body-bytes", "100"]) { _, _ in
            .json("{}")
        } _: { proxy, provider in
            let large = try await proxy.chat(String(repeating: "x", count: 200))
            #expect(large.status == 413 && large.body.contains("larger than 100 bytes"))
            #expect(provider.received.isEmpty)
            #expect(try await proxy.chat("x").status == 200)
        }
        #expect(traces.map(\.error_code) == ["request_too_large", ""])
    }

    @Test func `a directive comes before the conversation, and the client's own system message after it`() async throws
    {
        try await withTemporaryDirectory { directory in
            let path = directory + "/directive"
            try Data("Be brief.\n".utf8).write(to: URL(filePath: path))
            let traces = try await withProxy(["--system-directive", path]) { _, _ in
                .json("{}")
            } _: { proxy, provider in
                _ = try await proxy.chat("x")
                let first = #""messages":[{"content":"Be brief.","role":"system"},{"role":"user","content":"x"}]"#
                #expect(provider.received.last?.body.contains(first) == true)
                _ = try await proxy.post(#"{"model":"m","input":"x","messages":[]}"#, to: "/v1/responses")
                #expect(provider.received.last?.body.contains("brief") == false)
            }
            #expect(traces.count == 2)
        }
    }

    /// Go's parsers take `Messages` for `messages`, and others the first of two.
    @Test(arguments: [
        #"{"model":"m","Messages":[]}"#, #"{"model":"m","messages":[],"messages":[]}"#,
        #"{"model":"m","messages":[],"meſſages":[]}"#,
    ])
    func `no spelling of the messages passes a directive by`(body: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/directive"
            try Data("Be brief.\n".utf8).write(to: URL(filePath: path))
            for (options, status) in [(["--system-directive", path], 400), ([], 200)] as [([String], UInt)] {
                let traces = try await withProxy(options) { _, _ in
                    .json("{}")
                } _: { proxy, provider in
                    let answer = try await proxy.post(body)
                    #expect(answer.status == status)
                    #expect(provider.received.count == (status == 200 ? 1 : 0))
                }
                #expect(traces.map(\.error_code) == [status == 200 ? "" : "ambiguous_request"])
            }
        }
    }

    @Test func `a client is told to go on, and keeps its connection`() async throws {
        _ = try await withProxy { _, _ in
            .json("{}")
        } _: { proxy, _ in
            let url = proxy.url + "/v1/chat/completions"
            // curl waits for so long unless it is told.
            let waiting = ["--expect100-timeout", "170", "-H", "Expect: 100-continue", "-d", #"{"model":"m"}"#]
            let text = try await curl([url, url, "-o", "/dev/null", "-o", "/dev/null", "-v", "-sS"] + waiting)
            #expect(text.matches(of: /HTTP\/1.1 100 Continue/).count == 2)
            #expect(text.matches(of: /Re-using existing connection/).count == 1)
        }
    }
}
