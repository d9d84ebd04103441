import ClickHouseHTTP
import Foundation
@testable import llm_proxy
import TestSupport
import Testing

@Suite(.bounded) struct ProxyConfigurationTests {
    private func configuration(
        _ environment: [String: String],
        _ arguments: String...
    ) throws -> ProxyConfiguration {
        try ProxyConfiguration(ProxyOptions.parse(arguments), environment: environment)
    }

    @Test(arguments: [
        (["LISTEN": "8080"], "--listen is \"8080\"; it must be an address and a port, like 127.0.0.1:8080"),
        (["UPSTREAM_URL": "api.openai.com"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "ftp://h"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://a b"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://h:abc"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://h/a b"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://h/%zz"], "--upstream-url must be a URL like https://api.openai.com"),
        (["UPSTREAM_URL": "https://h:0"], "--upstream-url has a port that is none; ports are from 1 to 65535"),
        (["UPSTREAM_URL": "https://h:65536"], "--upstream-url has a port that is none"),
        (["UPSTREAM_URL": "https://h?a"], "--upstream-url must not have a query"),
        (["UPSTREAM_URL": "https://h/?"], "--upstream-url must not have a query"),
        (["UPSTREAM_URL": "https://h/v1#a"], "--upstream-url must not have a fragment"),
        (["UPSTREAM_URL": "https://h#"], "--upstream-url must not have a fragment"),
        (["UPSTREAM_URL": "https://sk-hunter2@h"], "--upstream-url must not hold a user or password"),
        (["UPSTREAM_URL": "https://a:hunter2@h"], "--upstream-url must not hold a user or password"),
        (["UPSTREAM_URL": "https://h%2etest"], "--upstream-url must be a URL like https://api.openai.com; its host"),
        (
            ["UPSTREAM_URL": "https://h/a/../b"],
            "--upstream-url has a path that cannot be used: it must not contain . or .."
        ),
        (["UPSTREAM_URL": "https://h/%2e%2e/b"], "--upstream-url has a path that cannot be used: it must not encode"),
        (["UPSTREAM_URL": "https://h//b"], "--upstream-url has a path that cannot be used: it must not have //"),
        (["UPSTREAM_URL": "https://h/v1//"], "--upstream-url has a path that cannot be used: it must not have //"),
        (["UPSTREAM_CA": "/absent", "UPSTREAM_URL": "https://h"], "--upstream-ca: the TLS CA file \"/absent\" cannot"),
        (["UPSTREAM_CA": "/absent", "UPSTREAM_URL": "http://h"], "nothing would be encrypted"),
        (["UPSTREAM_TIMEOUT": "5"], "--upstream-timeout is \"5\"; it must be a whole number and its unit"),
        (["CLIENT_TIMEOUT": "0s"], "--client-timeout is \"0s\""),
        (["MAX_BODY_BYTES": "64MB"], "--max-body-bytes is \"64MB\"; it must be a number of bytes"),
        (["SHUTDOWN_TIMEOUT": "7s"], "--shutdown-timeout is 7.0 seconds; it must be CLICKHOUSE_SHUTDOWN_TIMEOUT"),
        (["SYSTEM_DIRECTIVE": "/absent"], "--system-directive names \"/absent\": No such file or directory"),
        (["CLIENT_KEYS": "/absent"], "--client-keys names \"/absent\": No such file or directory"),
        (["TLS_CERTIFICATE": "/absent"], "--tls-certificate, --tls-key: the TLS certificate file \"/absent\" cannot"),
        (
            ["ALLOWED_HOSTS": "https://proxy.example"],
            "--allowed-hosts is \"https://proxy.example\"; it must be host names"
        ),
        (["ALLOWED_HOSTS": "proxy.example:8080"], "--allowed-hosts is \"proxy.example:8080\""),
        (["ALLOWED_HOSTS": ","], "--allowed-hosts is \",\""),
        (["UPSTREAM_API_KEY": "sk-hunter2\n"], "UPSTREAM_API_KEY must be one line"),
        (["TRACES": "no"], "TRACES is \"no\"; it must be true or false"),
        (["CREATE_TABLE": "yes"], "CREATE_TABLE is \"yes\"; it must be true or false"),
        (["CLICKHOUSE_URL": "localhost:8123"], "write it like http://localhost:8123"),
        (["CLICKHOUSE_MAX_BATCH_SIZE": "0"], "maxBatchSize (CLICKHOUSE_MAX_BATCH_SIZE) is 0; it must be at least 1"),
        (["CLICKHOUSE_FLUSH_INTERVAL": "5"], "it must be a whole number and its unit, like 500ms, 2s, 1m or 1h"),
        (["CLICKHOUSE_MAX_BATCHSIZE": "5"], "no setting; did you mean CLICKHOUSE_MAX_BATCH_SIZE?"),
    ])
    func `what is wrong is refused, and what to write is said`(environment: [String: String], message: String) {
        let error = #expect(throws: ProxyConfiguration.Invalid.self) { try configuration(environment) }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `everything that is wrong is said at once, a line each`() {
        let error = #expect(throws: ProxyConfiguration.Invalid.self) {
            try configuration(["LISTEN": "x", "CLICKHOUSE_DURABILITY": "some", "CLICKHOUSE_TBLE": "t"])
        }
        #expect(error?.description.split(separator: "\n").count == 3)
    }

    @Test func `what may be a mistake is said, and nothing is refused for it`() throws {
        let read = try configuration(["CLICKHOUSE_HOST": "ch", "CLICKHOUSE_USER": "writer", "CLICKHOUSE_PASSWORD": ""])
        #expect(read.warnings.count == 2)
        #expect(read.warnings.contains { $0.contains("CLICKHOUSE_HOST is no setting") })
        #expect(read.warnings.contains { $0.contains("no CLICKHOUSE_PASSWORD") })
        #expect(try configuration(["CLICKHOUSE_USER": "writer", "CLICKHOUSE_PASSWORD": "p"]).warnings.isEmpty)
        #expect(try configuration([:]).warnings.isEmpty)
        let open = try configuration(["UPSTREAM_API_KEY": "sk-hunter2"]).warnings
        #expect(open.count == 1 && open[0].contains("there are no --client-keys") && !open[0].contains("hunter2"))
    }

    @Test(arguments: [
        (
            ["UPSTREAM_URL": "http://up.example", "UPSTREAM_API_KEY": "sk-hunter2"],
            "UPSTREAM_API_KEY goes unencrypted to up.example"
        ),
        (["UPSTREAM_URL": "http://up.example"], "the keys of clients go unencrypted to up.example"),
        (["UPSTREAM_URL": "http://10.0.0.1:8000/v1"], "unencrypted to 10.0.0.1"),
        (
            ["CLICKHOUSE_URL": "http://ch.example:8123", "CLICKHOUSE_PASSWORD": "hunter2"],
            "the password for ClickHouse goes unencrypted to ch.example"
        ),
        (["CLICKHOUSE_URL": "https://a,http://u:hunter2@[2001:db8::1]:8123"], "unencrypted to"),
        (
            ["LISTEN": "0.0.0.0:8080", "UPSTREAM_URL": "https://up.example"],
            "clients send their keys unencrypted to 0.0.0.0:8080"
        ),
        (
            ["LISTEN": "[::]:8080", "UPSTREAM_API_KEY": "sk-hunter2"],
            "whoever reaches :::8080 may use the key in UPSTREAM_API_KEY"
        ),
        (["LISTEN": "127.1.2.3:8080", "UPSTREAM_API_KEY": "sk-hunter2"], "every user of this machine may use the key"),
    ])
    func `who may see or use a secret is said`(environment: [String: String], warning: String) throws {
        let warnings = try configuration(environment).warnings
        #expect(warnings.contains { $0.contains(warning) }, "\(warnings)")
        #expect(!warnings.contains { $0.contains("hunter2") || $0.contains("\n") })
    }

    @Test(arguments: [
        ["UPSTREAM_URL": "https://up.example"], ["UPSTREAM_URL": "http://localhost:1"],
        ["UPSTREAM_URL": "http://127.0.0.1:1"], ["UPSTREAM_URL": "http://[::1]:1"],
        ["UPSTREAM_URL": "http://[::ffff:127.0.0.1]:1"], ["LISTEN": "0.0.0.0:1"],
        ["CLICKHOUSE_URL": "http://ch.example:8123"],
        ["CLICKHOUSE_URL": "http://localhost:8123", "CLICKHOUSE_PASSWORD": "p"],
        ["CLICKHOUSE_URL": "https://ch.example", "CLICKHOUSE_PASSWORD": "p"],
    ])
    func `what nobody else can see is not warned of`(environment: [String: String]) throws {
        #expect(try configuration(environment).warnings == [])
    }

    @Test func `files that others can read or change, and certificates near their end, are said`() async throws {
        try await TestCertificates.withServerCertificate { certificates in
            let keys = certificates.directory + "/keys"
            try Data("\(ClientKeysTests.digest(of: "a"))  name".utf8).write(to: URL(filePath: keys))
            #expect(chmod(keys, 0o640) == 0)
            let given = [
                "TLS_CERTIFICATE": certificates.certificate("server"), "TLS_KEY": certificates.key("server"),
                "CLIENT_KEYS": keys, "LISTEN": "0.0.0.0:8080", "CLICKHOUSE_URL": "https://localhost",
                "CLICKHOUSE_TLS_CA_FILE": certificates.certificate("ca"),
            ]
            let read = try configuration(given)
            #expect(read.warnings == [])
            let day = 86_400.0
            #expect(
                read.securityWarnings(now: Date(timeIntervalSinceNow: day * 2)).count { $0.contains("expired at ") }
                    == 2
            )
            #expect(chmod(certificates.key("server"), 0o644) == 0)
            #expect(chmod(keys, 0o644) == 0)
            let readable = try configuration(given).warnings
            #expect(readable.contains { $0.contains("can read the TLS key file \"\(certificates.key("server"))\"") })
            #expect(readable.contains { $0.contains("can read the --client-keys \"\(keys)\"") })
            #expect(chmod(keys, 0o666) == 0)
            #expect(try configuration(given).warnings.contains { $0.contains("can add keys to the --client-keys") })
        }
    }

    @Test func `an option wins over the environment`() throws {
        let read = try configuration(["CLICKHOUSE_TABLE": "a", "CLICKHOUSE_DATABASE": "d"], "--table", "b")
        #expect(read.writer.table == "b")
        #expect(read.writer.database == "d")
    }

    @Test func `open responses have at shutdown what the writer leaves them`() throws {
        #expect(try configuration([:]).openResponsesTimeout == .seconds(2))
        let read = try configuration(["CLICKHOUSE_SHUTDOWN_TIMEOUT": "3s"], "--shutdown-timeout", "30s")
        #expect(read.openResponsesTimeout == .seconds(26))
        #expect(read.shutdownTimeout == .seconds(30))
    }

    @Test(arguments: [
        ("https://api.openai.com", "https://api.openai.com"), ("https://api.openai.com/v1", "https://api.openai.com"),
        ("http://h:1/base/v1/", "http://h:1/base"), ("http://h/", "http://h"), ("http://h/v12", "http://h/v12"),
        ("HTTP://h:80/v1", "http://h:80"), ("https://[::1]:8443/v1", "https://[::1]:8443"), ("http://h:", "http://h"),
    ])
    func `the provider's URL may be the API's root, as clients have it`(given: String, url: String) throws {
        let upstream = try #require(try configuration(["UPSTREAM_URL": given]).upstreamURL)
        #expect(upstream.description == url)
        #expect(try upstream.request(to: RequestTarget("/v1/x?y")).url == url + "/v1/x?y")
        #expect(!upstream.host.contains("["))
    }

    @Test func `clients' keys are of no use without the provider's`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            try Data("\(ClientKeysTests.digest(of: "a"))  name".utf8).write(to: URL(filePath: path))
            let given = ["UPSTREAM_URL": "http://h", "CLIENT_KEYS": path]
            let error = #expect(throws: ProxyConfiguration.Invalid.self) { try configuration(given) }
            #expect(error?.description.contains("needs the provider's key in UPSTREAM_API_KEY") == true)
            let read = try configuration(given.merging(["UPSTREAM_API_KEY": "hunter2"]) { $1 })
            #expect(read.clientKeys != nil)
            #expect(!"\(read)".contains("hunter2"))
            #expect(try configuration(["CLIENT_KEYS": path]).clientKeys != nil, "the echo needs no key")
        }
    }
}
