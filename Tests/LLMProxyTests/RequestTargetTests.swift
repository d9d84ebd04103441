import Foundation
import Hummingbird
import TestSupport
import Testing

/// Request lines that are not what they seem, sent to the real binary as they are.
@Suite(.startsProcesses) struct RequestTargetTests {
    private static let key = "sk-the-providers"
    private static let chat = #"{"model":"m","messages":[]}"#
    private static let chatPath = "/v1/chat/completions"

    private struct Answer {
        var status: String
        var body: String
    }

    /// Sends one request line.
    private func send(
        _ target: String,
        to url: String,
        method: String = "POST",
        body: String? = RequestTargetTests.chat,
        _ options: String...
    ) async throws -> Answer {
        let sent = body.map { ["-H", "Content-Type: application/json", "-d", $0] } ?? []
        let text = try await curl(
            [url, "--request-target", target, "-X", method, "-w", "\n%{http_code}"] + sent + options
        )
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return Answer(status: lines.last ?? "", body: lines.dropLast().joined(separator: "\n"))
    }

    /// Runs `body` with a proxy that has a key and a directive for its provider, and with another server.
    private func withProxy(
        _ body: @escaping @Sendable (ProxyUnderTest, ScriptedProvider, _ canary: String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try Data("Be brief.".utf8).write(to: URL(filePath: directory + "/directive"))
            try await ScriptedProvider.run { _, _ in
                .json("{}")
            } _: { canary, canaryURL in
                try await ScriptedProvider.run { _, _ in
                    .json("{}")
                } _: { provider, url in
                    let outcome = try await ProxyUnderTest.run(
                        in: directory,
                        ["--upstream-url", url, "--system-directive", "directive"],
                        environment: ["UPSTREAM_API_KEY": Self.key]
                    ) { try await body($0, provider, String(canaryURL.trimmingPrefix("http://"))) }
                    #expect(outcome.status == .exited(0))
                    #expect(!outcome.log.contains(Self.key))
                }
                #expect(canary.received.isEmpty)
            }
        }
    }

    @Test func `a request goes to the provider, or nowhere, whatever its line says`() async throws {
        try await withProxy { proxy, provider, canary in
            let targets = [
                "ing://[/v1/chat/completions", "munity://[/v1/models", "x://[/v1/models", "a://h?/v1/models", "*",
                "http://\(canary)/v1/chat/completions", "HTTP://x@\(canary)/v1/models", "http://\(canary)",
                "http://[\(canary)/v1/models", "x://\(canary)://[/v1/models", "//\(canary)/v1/models",
                "/v1/x#y", "/v1/x?a#b", "/v1/../admin", "/v1/%2e%2e/admin", "/v1/%ff/%2e%2e/",
                "/v1/%ff/%2e%2e/%2e%2e/admin",
                "/v1/%zz", "/v1/x?%zz", #"/v1/..\x"#, "/v1/%5c..%5c..", "/v1/x%0d%0aHost:%20\(canary)", "/v1/x%00",
            ]
            for target in targets {
                let answer = try await send(target, to: proxy.url)
                #expect(answer.status == "400", "\(target): \(answer)")
                #expect(answer.body.contains(#""code":"invalid_path""#), "\(target): \(answer)")
                #expect(answer.body.contains("The request's path must "), "\(target): \(answer)")
            }
            // The HTTP parser refuses these, in words of its own.
            for target in ["@\(canary)/v1/models", "?/v1/models", "v1/models", "/v1/a\tb", "/v1/a\u{e9}"] {
                #expect(try await send(target, to: proxy.url).status == "400", "\(target)")
            }
            #expect(provider.received.isEmpty)
            for target in ["/v1/@\(canary)", "/v1/http:%2F\(canary)", "/v1/x?url=http://\(canary)/"] {
                #expect(try await send(target, to: proxy.url).status == "200", "\(target)")
                #expect(provider.received.last?.path == target)
            }
            let metrics = try await proxy.get("/metrics").body
            #expect(metrics.contains("llm_proxy_requests_total{code=\"400\"} \(targets.count)\n"))
        }
    }

    @Test func `a spelling of a completion's path that some provider reads as it is refused`() async throws {
        try await withProxy { proxy, provider, _ in
            let spellings = [
                "/v1/chat/completions/", "//v1/chat/completions", "/v1//chat/completions", "/v1/chat//completions",
                "/v1/chat/completion%73", "/v1/chat%2Fcompletions", "/v1%2fchat/completions",
                "/v1/chat%252Fcompletions",
                "/v1/chat/completions;x=1", "/v1/chat;x/completions", "/v1/Chat/completions", "/v1/chat/completions.",
                "/v1/chat/completions%20", "/v1/chat/completions%00", "/v1/chat/completions%3Fx",
                "/v1/chat/completions#x",
                "/v1/./chat/completions", "/v1/x/../chat/completions", #"/v1/chat\completions"#,
                "/v1/chat%5Ccompletions",
                "/v1/chat%EF%BC%8Fcompletions", "/v1/completions/", "/v1/Completions", "/V1/chat/completions",
                "/v1/completion%73",
            ]
            for method in ["POST", "PUT"] {
                for target in spellings {
                    let answer = try await send(target, to: proxy.url, method: method)
                    #expect(answer.status == "400", "\(method) \(target): \(answer)")
                    #expect(answer.body.contains(#""code":"invalid_path""#), "\(method) \(target): \(answer)")
                }
            }
            #expect(provider.received.isEmpty)
            #expect(try await send(Self.chatPath + "?x=1", to: proxy.url).status == "200")
            #expect(provider.received.last?.body.contains("Be brief.") == true)
        }
    }

    @Test func `no method takes a completion past the directive`() async throws {
        try await withProxy { proxy, provider, _ in
            for path in [Self.chatPath, "/v1/completions"] {
                for method in ["PUT", "PATCH", "DELETE"] {
                    let answer = try await send(path, to: proxy.url, method: method, "-D", "-")
                    #expect(
                        answer.status == "405" && answer.body.contains(#""code":"method_not_allowed""#),
                        "\(answer)"
                    )
                    #expect(answer.body.lowercased().contains("allow: get, head, post\r\n"), "\(answer)")
                }
                let answer = try await send(path, to: proxy.url, method: "GET")
                #expect(answer.status == "400" && answer.body.contains("takes a body with POST only"), "\(answer)")
                for method in ["OPTIONS", "TRACE", "PROPFIND"] {
                    #expect(try await send(path, to: proxy.url, method: method).status == "404")
                }
            }
            #expect(provider.received.isEmpty)
            // OpenAI lists stored completions there, and changes and deletes one.
            #expect(try await send(Self.chatPath + "?limit=2", to: proxy.url, method: "GET", body: nil).status == "200")
            for method in ["POST", "DELETE"] {
                #expect(try await send(Self.chatPath + "/id", to: proxy.url, method: method).status == "200")
            }
            #expect(provider.received.map(\.method) == ["GET", "POST", "DELETE"])
            let headers = [
                "X-HTTP-Method-Override": "PUT", "X-Original-URL": "/v1/chat/completions", "X-Rewrite-URL": "/",
            ]
            #expect(try await proxy.post(Self.chat, to: "/v1/responses", headers: headers).status == 200)
            let received = try #require(provider.received.last?.headers)
            #expect(
                !received.contains { header in headers.keys.contains { $0.lowercased() == header.name.canonicalName } }
            )
        }
    }

    @Test(arguments: [[], ["--operations-listen", "127.0.0.1:0"]])
    func `the status pages have one path each`(options: [String]) async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(in: directory, options) { proxy in
                let watch = try #require(proxy.greeting.first { $0.hasPrefix("watch it at ") })
                let url = String(watch.split(separator: " ")[3].dropLast(2))
                for target in ["/", "/?x", "/metrics", "/healthz?x=1", "/status.json"] {
                    #expect(try await send(target, to: url, method: "GET", body: nil).status == "200", "\(target)")
                }
                let others = [
                    "//", "/metrics/", "//metrics", "/./metrics", "/x/../metrics", "/%6detrics", "/metrics;x",
                    "/metrics#x",
                    "http://h/metrics", "x://[/metrics", "*", "/healthz%00", "//healthz",
                ]
                for target in others {
                    for method in ["GET", "HEAD", "OPTIONS"] {
                        let head = method == "HEAD" ? ["-I"] : []
                        let text = try await curl(
                            [url, "--request-target", target, "-X", method, "-w", "\n%{http_code}"] + head
                        )
                        #expect(text.hasSuffix("\n400"), "\(method) \(target): \(text)")
                    }
                }
            }
        }
    }

    @Test func `a provider whose certificate comes from the CA given for it is trusted, and no other`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("other")
            let shown = [
                "--tls-certificate", certificates.certificate("server"), "--tls-key", certificates.key("server"),
            ]
            let ca = certificates.certificate("ca")
            let cases: [(trusted: [String], status: UInt)] = [
                (["--upstream-ca", ca], 200), (["--upstream-ca", certificates.certificate("other")], 502), ([], 502),
            ]
            try await withTemporaryDirectory { directory in
                for name in ["provider", "proxy"] {
                    try FileManager.default.createDirectory(
                        atPath: "\(directory)/\(name)",
                        withIntermediateDirectories: false
                    )
                }
                // The provider is a proxy too, with the echo behind it.
                _ = try await ProxyUnderTest.run(in: directory + "/provider", shown) { provider in
                    for (trusted, status) in cases {
                        _ = try await ProxyUnderTest.run(
                            in: directory + "/proxy",
                            ["--upstream-url", provider.url] + trusted
                        ) { proxy in
                            let answer = try await proxy.chat("Hello")
                            #expect(answer.status == status, "\(trusted): \(answer)")
                            #expect(answer.body.contains(status == 200 ? "Hello" : #""code":"provider_tls""#))
                        }
                    }
                    // What is not forward secret, or not authenticated, is not spoken.
                    let tls12 = ["--cacert", ca, "--tls-max", "1.2", "-o", "/dev/null"]
                    for (suite, isModern) in [
                        ("ECDHE-ECDSA-AES128-GCM-SHA256", true), ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
                        ("ECDHE-ECDSA-AES128-SHA", false), ("ECDHE-ECDSA-AES256-SHA", false),
                    ] {
                        let status = try await curl(
                            [provider.url + "/healthz", "-w", "%{http_code}", "--ciphers", suite] + tls12
                        )
                        #expect(status.hasPrefix(isModern ? "200" : "000"), "\(suite): \(status)")
                    }
                }
            }
        }
    }
}
