import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// What a client or a provider may take of the proxy's memory and time, through the real binary.
@Suite(.startsProcesses) struct BoundsTests {
    private typealias Respond = @Sendable (ScriptedProvider, ScriptedProvider.Received) async throws -> Response

    private func withProxy(
        _ options: [String] = [],
        environment: [String: String] = [:],
        keys: String? = nil,
        provider respond: @escaping Respond = { _, _ in .json("{}") },
        _ body: @escaping @Sendable (ProxyUnderTest, ScriptedProvider) async throws -> Void
    ) async throws -> [Trace] {
        try await withTemporaryDirectory { directory in
            if let keys { try Data(keys.utf8).write(to: URL(filePath: directory + "/keys")) }
            return try await ScriptedProvider.run(respond) { provider, url in
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", url] + (keys == nil ? [] : ["--client-keys", "keys"]) + options,
                    environment: Dictionary(environment.map { (.init(stringLiteral: $0), $1) }) { $1 }
                ) { try await body($0, provider) }
                #expect(outcome.status == .exited(0))
                return try await Trace.all(in: directory)
            }
        }
    }

    @Test func `a head that is too long is 431, whatever it is long by, and ends nothing`() async throws {
        _ = try await withProxy { proxy, provider in
            let long = String(repeating: "a", count: 66_000)
            let shorter = String(repeating: "a", count: 7_000)
            let heads = [
                ["-H", "X-A: \(long)"], (0..<10).flatMap { ["-H", "X-A\($0): \(shorter)"] }, ["?\(long)"],
                ["-H", "X-A: \(String(repeating: "a", count: 31 << 10))"],
            ]
            // curl, as async-http-client would end these tests.
            for (index, head) in heads.enumerated() {
                for _ in 0..<3 {
                    let query = head.count == 1 ? head[0] : ""
                    let request = ["-o", "/dev/null", "-w", "%{http_code}", "-d", "{}"]
                    let options = head.count == 1 ? [] : head
                    let code = try await curl(request + options + [proxy.url + "/v1/files" + query])
                    #expect(code == (index == 3 ? "200" : "431"))
                }
            }
            #expect(provider.received.count == 3)
        }
    }

    @Test func `more clients than there are files leave enough for the provider and the spool`() async throws {
        try await withTemporaryDirectory { directory in
            let outcome = try await ScriptedProvider.run({ _, _ in .json("{}") }) { _, url in
                try await ProxyUnderTest.run(in: directory, ["--upstream-url", url], fileLimit: 300) { proxy in
                    // Its connection is kept for the next request.
                    #expect(try await proxy.get("/healthz").status == 200)
                    let port = try #require(Int(proxy.url.split(separator: ":").last ?? ""))
                    var others: [any Channel] = []
                    for _ in 0..<320 {
                        let bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                        others.append(try await bootstrap.connect(host: "127.0.0.1", port: port).get())
                    }
                    let answer = try await proxy.chat("x")
                    #expect(answer.status == 200)
                    for other in others { try await other.close() }
                    #expect(try await proxy.get("/healthz").status == 200)
                }
            }
            #expect(outcome.status == .exited(0))
            #expect(try await Trace.all(in: directory).count == 1)
        }
    }

    /// A request whose body ends when the gate is opened.
    private func post(_ proxy: ProxyUnderTest, until gate: Gate, length: Int) async throws -> UInt {
        let (parts, sending) = AsyncStream.makeStream(of: ByteBuffer.self)
        var request = HTTPClientRequest(url: proxy.url + "/v1/files")
        request.method = .POST
        request.body = .stream(parts, length: .known(Int64(length)))
        sending.yield(ByteBuffer(repeating: 0, count: length - 1))
        Task {
            await gate.wait()
            sending.yield(ByteBuffer(repeating: 0, count: 1))
            sending.finish()
        }
        return try await HTTPClient.shared.execute(request, timeout: .seconds(120)).status.code
    }

    @Test func `bodies that have no place in memory together get 503 and Retry-After, until there is one`() async throws
    {
        let options = ["--max-body-bytes", "1000000", "--max-total-body-bytes", "1000000"]
        _ = try await withProxy(options) { proxy, _ in
            let gate = Gate()
            defer { gate.open() }
            // Another body may have had its place just before.
            async let first = {
                while true {
                    let status = try await post(proxy, until: gate, length: 900_000)
                    if status != 503 { return status }
                }
            }()
            let text = String(repeating: "x", count: 200_000)
            var refused = try await proxy.post(text, to: "/v1/files")
            try await waitUntil {
                refused = try await proxy.post(text, to: "/v1/files")
                return refused.status == 503
            }
            #expect(refused.headers["retry-after"] == "5")
            #expect(refused.body.contains(#""code":"too_many_bodies""#))
            #expect(try await proxy.get("/healthz").status == 200)
            #expect(try await proxy.post("{}", to: "/v1/files").status == 200, "a small one has a place")
            gate.open()
            #expect(try await first == 200)
            // More than the limit in all: each frees what it took.
            for _ in 0..<8 { #expect(try await proxy.post(text, to: "/v1/files").status == 200) }
        }
    }

    @Test func `a client without a key, or whose body is too long, is told before it sends any of it`() async throws {
        let keys = "\(ClientKeysTests.digest(of: "sk-one"))  one\n"
        _ = try await withProxy(
            ["--max-body-bytes", "1000"],
            environment: ["UPSTREAM_API_KEY": "sk-the-providers"],
            keys: keys
        ) { proxy, provider in
            // curl waits for so long unless it is told.
            let waiting = ["--expect100-timeout", "90", "-H", "Expect: 100-continue", "-v", "-sS"]
            func ask(_ key: String, bytes: Int) async throws -> String {
                let body = String(repeating: "x", count: bytes)
                let url = proxy.url + "/v1/files"
                return try await curl([url, "-H", "Authorization: Bearer \(key)", "-d", body] + waiting)
            }
            for length in ["9223372036854775807", "9223372036854775808", "18446744073709551615"] {
                let headers = ["-H", "Content-Length: \(length)", "-H", "Authorization: Bearer sk-one", "-d", "x"]
                let answer = try await curl([proxy.url + "/v1/files"] + headers + waiting)
                #expect(answer.contains("HTTP/1.1 413") && !answer.contains("100 Continue"))
            }
            let stranger = try await ask("sk-two", bytes: 500)
            #expect(stranger.contains("HTTP/1.1 401") && !stranger.contains("100 Continue"))
            #expect(stranger.lowercased().contains("connection: close"))
            let large = try await ask("sk-one", bytes: 2_000)
            #expect(large.contains("HTTP/1.1 413") && !large.contains("100 Continue"))
            #expect(provider.received.isEmpty)
            let known = try await ask("sk-one", bytes: 500)
            #expect(known.contains("100 Continue") && known.contains("HTTP/1.1 200"))
        }
    }

    @Test func `a length that is too large is refused before the body comes`() async throws {
        let traces = try await withProxy(["--max-body-bytes", "1000"]) { proxy, _ in
            // It never sends so much, so no answer could come after it.
            let long = ["-H", "Content-Length: 1000000000", "-d", "x", "-o", "/dev/null", "-w", "%{http_code}"]
            let status = try await curl([proxy.url + "/v1/chat/completions"] + long)
            #expect(status.contains("413"))
        }
        #expect(traces.map(\.error_code) == ["request_too_large"])
    }

    @Test func `a body that drips is cut`() async throws {
        let traces = try await withProxy(["--client-timeout", "2s", "--min-client-rate", "1000000"]) {
            proxy,
            provider in
            let slow = ["--limit-rate", "20k", "-d", String(repeating: "x", count: 100_000), "-w", "%{http_code}"]
            let status = try await curl([proxy.url + "/v1/chat/completions"] + slow)
            #expect(status.contains("000"))
            #expect(provider.received.isEmpty)
        }
        #expect(traces.map(\.error_code) == ["request_incomplete"])
    }

    @Test func `a reader that takes a little each time is cut`() async throws {
        let block = String(repeating: "x", count: 1 << 20)
        let traces = try await withProxy(["--client-timeout", "2s", "--min-client-rate", "10000000"]) { provider, _ in
            provider.stream(ScriptedProvider.endless(block, pause: .zero))
        } _: { proxy, provider in
            _ = try await curl(
                [proxy.url + "/v1/chat/completions", "-d", #"{"model":"m","stream":true}"#]
                    + ["--limit-rate", "100k", "-o", "/dev/null"]
            )
            try await waitUntil { provider.hangUps == 1 }
        }
        #expect(traces.map(\.error_code) == ["client_disconnected"])
    }

    @Test(arguments: [
        (#"{"model":"m","x":"# + String(repeating: "[", count: 100_000), "nested deeper than 512 levels"),
        ("{" + (0..<300_000).map { #""\u0061\#($0)":1"# }.joined(separator: ",") + "}", "more than 1024 members"),
    ])
    func `JSON that no client sends is refused with the reason`(body: String, reason: String) async throws {
        let traces = try await withProxy { proxy, provider in
            for path in ["/v1/chat/completions", "/v1/embeddings"] {
                let answer = try await proxy.post(body, to: path)
                #expect(answer.status == 400 && answer.body.contains(reason))
            }
            #expect(provider.received.isEmpty)
        }
        #expect(traces.map(\.error_code) == ["invalid_request"])
    }

    @Test func `a large body arrives whole, with what the proxy adds`() async throws {
        let members = (0..<100_000).map { #""\u0061\#($0)":1"# }.joined(separator: ",")
        let rest = #""messages":[],"model":"m","stream":true,"metadata":{\#(members)}}"#
        _ = try await withProxy { provider, _ in
            provider.stream(["data: [DONE]\n\n"].async)
        } _: { proxy, provider in
            #expect(try await proxy.post("{" + rest).body == "data: [DONE]\n\n")
            let received = try #require(provider.received.last)
            #expect(received.body == #"{"stream_options":{"include_usage":true},"# + rest)
            #expect(received.headers[.contentLength] == "\(received.body.utf8.count)")
        }
    }

    @Test(arguments: ["application/json", "text/event-stream"])
    func `little is held of an answer that has no end`(type: String) async throws {
        // The client has at most 8 connections to a server.
        let (count, length) = (8, 8 << 20)
        let beginning = type == "application/json" ? #"{"x":""# : #"data: {"x":""#
        _ = try await withProxy { provider, _ in
            let (events, sending) = AsyncStream.makeStream(of: String.self)
            for part in [beginning, String(repeating: "y", count: length)] { sending.yield(part) }
            return provider.stream(events, type: type)
        } _: { proxy, _ in
            let before = try proxy.residentBytes()
            let gate = Gate()
            let arrived = (0..<count).map { _ in Gate() }
            let readers = arrived.map { whole in
                Task {
                    defer { whole.open() }
                    var body = try await proxy.stream().makeAsyncIterator()
                    var received = 0
                    while received < length, let part = try await body.next() { received += part.readableBytes }
                    whole.open()
                    await gate.wait()
                }
            }
            for whole in arrived { await whole.wait() }
            // Each of these would have held all of it. What is resident has malloc's holes in it: up to a megabyte each.
            let grown = try proxy.residentBytes() - before
            #expect(grown < count * length / 4)
            gate.open()
            for reader in readers { try await reader.value }
        }
    }
}
