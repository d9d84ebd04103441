import Foundation
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// What SIGHUP does to the real binary.
@Suite(.startsProcesses(seconds: 300)) struct RereadTests {
    private static let body = #"{"model":"m","messages":[{"content":"Hello"}]}"#

    private func status(_ proxy: ProxyUnderTest, key: String, ca: String) async throws -> String {
        try await curl(
            proxy.url + "/v1/chat/completions",
            "--cacert",
            ca,
            "-H",
            "Authorization: Bearer \(key)",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-d",
            Self.body
        )
    }

    private func replace(_ path: String, with text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
    }

    private func copy(_ certificates: TestCertificates, _ name: String, to directory: String) throws {
        for (from, to) in [(certificates.certificate(name), "/cert.pem"), (certificates.key(name), "/key.pem")] {
            try replace(directory + to, with: try String(contentsOfFile: from, encoding: .utf8))
        }
    }

    @Test func `keys and certificates are read anew, and what is wrong leaves the old in force`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            try await certificates.makeCA("new-ca")
            try await certificates.make("new", issuer: "new-ca", "subjectAltName=IP:127.0.0.1")
            let (ca, newCA) = (certificates.certificate("ca"), certificates.certificate("new-ca"))
            try await withTemporaryDirectory { directory in
                let (one, two) = ["sk-one", "sk-two"].map { "\(ClientKeysTests.digest(of: $0))  \($0)\n" }.pair
                try copy(certificates, "server", to: directory)
                try replace(directory + "/keys", with: one)
                let outcome = try await ProxyUnderTest.run(
                    in: directory,
                    ["--tls-certificate", "cert.pem", "--tls-key", "key.pem", "--client-keys", "keys"]
                        + ["--clickhouse-url", "https://127.0.0.1:1"],
                    environment: ["CLICKHOUSE_TLS_CA_FILE": .some(ca), "CLICKHOUSE_SHUTDOWN_TIMEOUT": "1s"]
                ) { proxy in
                    #expect(try await status(proxy, key: "sk-one", ca: ca) == "200")
                    #expect(try await status(proxy, key: "sk-two", ca: ca) == "401")
                    // A good certificate and wrong keys. Keys come first, so they were read when the certificate is shown.
                    try copy(certificates, "new", to: directory)
                    try replace(directory + "/keys", with: two + "sk-hunter2\n")
                    proxy.signal(SIGHUP)
                    try await waitUntil { try await status(proxy, key: "sk-one", ca: newCA) == "200" }
                    #expect(try await status(proxy, key: "sk-two", ca: newCA) == "401")
                    // Good keys, and a key file that is half written.
                    let key = try String(contentsOfFile: certificates.key("new"), encoding: .utf8)
                    try replace(directory + "/key.pem", with: String(key.prefix(key.count / 2)))
                    try replace(directory + "/keys", with: two)
                    proxy.signal(SIGHUP)
                    try await waitUntil { try await status(proxy, key: "sk-two", ca: newCA) == "200" }
                    #expect(try await status(proxy, key: "sk-one", ca: newCA) == "401")
                    // All good again. It is read once all of the last signal was obeyed.
                    try copy(certificates, "server", to: directory)
                    proxy.signal(SIGHUP)
                    try await waitUntil { try await status(proxy, key: "sk-two", ca: ca) == "200" }
                }
                #expect(outcome.status == .exited(0))
                for words in [
                    "line 2 must be a key's SHA-256", "The client keys cannot be read anew; the old ones stay in force",
                    "The client keys were read anew", "keys.count=1", "tls.for=clients", "tls.for=ClickHouse",
                    "The TLS files were read anew", "The TLS files cannot be used; the old ones stay in force",
                    "key.pem",
                ] { #expect(outcome.log.contains(words), "\(words)") }
                #expect(!outcome.log.contains("hunter2"))
            }
        }
    }

    @Test func `where there is nothing to read anew it says so, and goes on`() async throws {
        try await withTemporaryDirectory { directory in
            let outcome = try await ProxyUnderTest.run(in: directory) { proxy in
                proxy.signal(SIGHUP)
                let answer = try await proxy.chat("x")
                #expect(answer.status == 200)
            }
            #expect(outcome.status == .exited(0))
        }
    }

    @Test func `when the terminal closes it ends in order`() async throws {
        try await withTemporaryDirectory { directory in
            let log = directory + "/log"
            let command = "exec \(builtProduct("llm-proxy")) --listen 127.0.0.1:0 2> \(log)"
            // `script` gives its command a terminal, which is gone with it.
            _ = try await Subprocess.run(
                .name("script"),
                arguments: ["-q", "-f", "-c", command, "/dev/null"],
                environment: .inherit.updating(["CLICKHOUSE_URL": nil]),
                workingDirectory: FilePath(directory),
                input: .none,
                output: .sequence,
                error: .discarded
            ) { process in
                for try await line in process.standardOutput.strings() where line.hasPrefix("try: ") {
                    try process.send(signal: .kill)
                    return
                }
            }
            // Its spool's last words: nobody is there to wait for it.
            try await waitUntil {
                try String(contentsOfFile: log, encoding: .utf8).contains("Ending in order: the terminal has closed")
                    && !FileManager.default.fileExists(atPath: directory + "/traces.spool-wal")
            }
        }
    }
}

extension [String] {
    fileprivate var pair: (String, String) { (self[0], self[1]) }
}
