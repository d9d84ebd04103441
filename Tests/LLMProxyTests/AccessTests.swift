import Foundation
import Hummingbird
import TestSupport
import Testing

/// Who may use the proxy, and what it shows of itself.
@Suite(.startsProcesses) struct AccessTests {
    @Test func `the built-in stand-in takes nothing from the page of another site`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let insert = ["-d", "{}", standIn.url + "/?query=INSERT%20INTO%20a.b%20FORMAT%20JSONEachRow"]
                for (headers, status) in [([], "200"), (["-H", "Origin: https://evil.test"], "403")] {
                    let code = try await curl(["-sS", "-o", "/dev/null", "-w", "%{http_code}"] + headers + insert)
                    #expect(code == status)
                }
                #expect(try await standIn.store.rows(database: "a", table: "b") == ["{}"])
            }
        }
    }

    @Test func `only a listed key gets through, and the provider sees only its own`() async throws {
        try await withTemporaryDirectory { directory in
            let org = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
            let keys =
                "\(ClientKeysTests.digest(of: "sk-one"))  one\n\(ClientKeysTests.digest(of: "sk-two"))  two  \(org)\n"
            try Data(keys.utf8).write(to: URL(filePath: directory + "/keys"))
            let outcome = try await ScriptedProvider.run { _, _ in
                .json(#"{"usage":{"total_tokens":1}}"#)
            } _: { provider, url in
                try await ProxyUnderTest.run(
                    in: directory,
                    ["--upstream-url", url, "--client-keys", "keys"],
                    environment: ["UPSTREAM_API_KEY": "sk-the-providers"]
                ) { proxy in
                    for headers in [[:], ["Authorization": "Bearer sk-three"], ["Authorization": "sk-one"]] {
                        let answer = try await proxy.chat("x", headers: headers)
                        #expect(answer.status == 401)
                        #expect(answer.body.contains(#""code":"invalid_api_key""#))
                        #expect(answer.headers["www-authenticate"] == "Bearer")
                        #expect(answer.headers["x-request-id"]?.isEmpty == false)
                    }
                    #expect(try await proxy.post("", to: "/v1/models", method: "GET").status == 401)
                    #expect(provider.received.isEmpty)
                    #expect(try await proxy.chat("x", headers: ["Authorization": "Bearer sk-one"]).status == 200)
                    #expect(try await proxy.chat("x", headers: ["X-Api-Key": "sk-two"]).status == 200)
                    for received in provider.received {
                        #expect(received.headers[.authorization] == "Bearer sk-the-providers")
                        #expect(!"\(received.headers)".contains("sk-one") && !"\(received.headers)".contains("sk-two"))
                    }
                    let other = ["Authorization": "Bearer sk-two", "X-Org-Id": "00000000-0000-0000-0000-000000000001"]
                    #expect(try await proxy.chat("x", headers: other).status == 403)
                    let metrics = try await proxy.get("/metrics").body
                    #expect(metrics.contains("llm_proxy_requests_total{code=\"401\"} 4\n"))
                }
            }
            let traces = try await Trace.all(in: directory)
            #expect(traces.map(\.org_id) == ["00000000-0000-0000-0000-000000000000", org])
            for key in ["sk-one", "sk-two", "sk-the-providers"] { #expect(!outcome.log.contains(key)) }
        }
    }

    @Test func `clients are shown a certificate where there is one`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await withTemporaryDirectory { directory in
                let options = [
                    "--tls-certificate", certificates.certificate("server"), "--tls-key", certificates.key("server"),
                ]
                let ca = certificates.certificate("ca")
                let outcome = try await ProxyUnderTest.run(in: directory, options) { proxy in
                    #expect(proxy.url.hasPrefix("https://127.0.0.1:"))
                    let url = proxy.url + "/v1/chat/completions"
                    let body = #"{"model":"m","messages":[{"content":"Hello TLS"}]}"#
                    let trusting = try await curl(url, "--cacert", ca, "-d", body)
                    #expect(trusting.contains("Hello TLS"))
                    for other in [url, url.replacing("https", with: "http")] {
                        let status = try await curl(other, "-w", "%{http_code}", "-d", body)
                        #expect(status == "000", "neither without the CA nor without TLS")
                    }
                }
                #expect(outcome.status == .exited(0))
                #expect(try await Trace.all(in: directory).count == 1)
            }
        }
    }
}
