import Foundation
@testable import llm_proxy
import TestSupport
import Testing

@Suite(.startsProcesses) struct SiteRulesTests {
    private let rules = SiteRules(allowed: ["Proxy.Example", "team.example."], own: ["0.0.0.0", "node7"])

    @Test(arguments: [
        nil, "localhost", "localhost:8080", "LOCALHOST.", "app.localhost:1", "127.0.0.1:8080", "10.1.2.3", "[::1]:8080",
        "[2001:db8::1]", "node7:8080", "proxy.example", "PROXY.example:443", "team.example",
    ])
    func `an address, the proxy's own names and the allowed ones are known`(host: String?) {
        #expect(rules.violation(host: host, origin: nil) == nil)
    }

    @Test(arguments: [
        "evil.example", "evil.example:8080", "", ":8080", "proxy.example.evil.example", "xproxy.example",
        "localhost.evil.example",
        "notlocalhost", "127.0.0.1.evil.example", "127.1", "0x7f000001", "[::1", "[evil.example]", "node7.evil.example",
        "1.2.3.4.5",
    ])
    func `any other name is not`(host: String) {
        let expected: SiteRules.Violation? = host == "[::1" ? nil : .unknownHost
        #expect(rules.violation(host: host, origin: nil) == expected)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"), ("https://localhost", "localhost"), ("http://[::1]:1", "[::1]:1"),
        ("https://proxy.example", "10.0.0.1:8080"), ("http://TEAM.example:3000", "localhost:8080"),
    ])
    func `its own pages and those of an allowed host may ask`(origin: String, host: String) {
        #expect(rules.violation(host: host, origin: origin) == nil)
    }

    @Test(arguments: [
        "https://evil.example", "null", "", "http://localhost:3000", "http://127.0.0.1", "http://192.168.0.7:8080",
        "file://", "chrome-extension://127.0.0.1:8080", "http://127.0.0.1:8080.evil.example",
        "http://127.0.0.1:8080, x",
        "https://team.example.evil.example", "http://evil.example/http://127.0.0.1:8080",
    ])
    func `a page of another site may not, nor one of another server of this machine`(origin: String) {
        #expect(rules.violation(host: "127.0.0.1:8080", origin: origin) == .foreignOrigin)
        #expect(rules.violation(host: nil, origin: origin) == .foreignOrigin)
    }

    @Test func `a star lets everything in`() {
        let rules = SiteRules(allowed: ["*"])
        #expect(rules.violation(host: "evil.example", origin: "https://evil.example") == nil)
    }
}

/// The rules on the real binary.
@Suite(.startsProcesses(seconds: 300)) struct SiteGuardTests {
    private static let pages = ["/", "/status.json", "/history.json", "/metrics"]

    private func post(_ proxy: ProxyUnderTest, _ headers: [String: String]) async throws -> ProxyUnderTest.Answer {
        try await proxy.chat("x", headers: headers)
    }

    @Test func `a keyless proxy spends its key neither for a page of another site nor under a name it does not know`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            _ = try await ScriptedProvider.run { _, _ in
                .json(#"{"usage":{"total_tokens":1}}"#)
            } _: { provider, url in
                try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", url, "--allowed-hosts", "proxy.example"],
                    environment: ["UPSTREAM_API_KEY": "sk-the-providers"]
                ) { proxy in
                    let rebound = try await post(proxy, ["Host": "evil.example"])
                    #expect(rebound.status == 403 && rebound.body.contains(#""code":"unknown_host""#))
                    #expect(rebound.body.contains("--allowed-hosts") && !rebound.body.contains("evil"))
                    #expect(rebound.headers["x-request-id"]?.isEmpty == false)
                    for origin in ["https://evil.example", "null", "http://localhost:3000"] {
                        let foreign = try await post(proxy, ["Origin": origin])
                        #expect(foreign.status == 403 && foreign.body.contains(#""code":"foreign_origin""#))
                    }
                    #expect(
                        try await proxy.post("", to: "/v1/models", method: "GET", headers: ["Host": "x.y"]).status
                            == 403
                    )
                    #expect(provider.received.isEmpty)
                    let own = ["Origin": proxy.url]
                    for headers in [[:], own, ["Host": "proxy.example"], ["Origin": "https://proxy.example"]] {
                        #expect(try await post(proxy, headers).status == 200)
                    }
                    let metrics = try await proxy.get("/metrics") { $0.body.contains("code=\"200\"} 4\n") }
                    #expect(metrics.body.contains("llm_proxy_requests_total{code=\"403\"} 5\n"))
                }
            }
        }
    }

    @Test func `status pages are shown under no name that the proxy does not know`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await ProxyUnderTest.run(in: directory) { proxy in
                for headers in [["Host": "evil.example"], ["Origin": "https://evil.example"]] {
                    for path in Self.pages {
                        let answer = try await proxy.post("", to: path, method: "GET", headers: headers)
                        #expect(answer.status == 403)
                        #expect(!answer.body.contains("spool"))
                    }
                    let health = try await proxy.post("", to: "/healthz", method: "GET", headers: headers)
                    #expect(health.status == 200, "a load balancer is told whether to send requests")
                    #expect(health.body == "{}\n", "and nothing else")
                }
                for path in Self.pages + ["/healthz"] {
                    let address = try await proxy.post("", to: path, method: "GET", headers: ["Host": "10.1.2.3:9090"])
                    #expect(address.status == 200, "as Prometheus asks a pod")
                }
            }
        }
    }

    @Test func `where clients have keys any name will do`() async throws {
        try await withTemporaryDirectory { directory in
            try Data("\(ClientKeysTests.digest(of: "sk-one"))  one\n".utf8).write(
                to: URL(filePath: directory + "/keys")
            )
            _ = try await ProxyUnderTest.run(in: directory, ["--client-keys", "keys"]) { proxy in
                let headers = [
                    "Host": "any.example", "Origin": "https://any.example", "Authorization": "Bearer sk-one",
                ]
                let answer = try await post(proxy, headers)
                #expect(answer.status == 200)
            }
        }
    }
}
