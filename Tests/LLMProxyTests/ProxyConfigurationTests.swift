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
        (["UPSTREAM_TIMEOUT": "5"], "--upstream-timeout is \"5\"; it must be a whole number and its unit"),
        (["CLIENT_TIMEOUT": "0s"], "--client-timeout is \"0s\""),
        (["MAX_BODY_BYTES": "64MB"], "--max-body-bytes is \"64MB\"; it must be a number of bytes"),
        (["SHUTDOWN_TIMEOUT": "7s"], "--shutdown-timeout is 7.0 seconds; it must be CLICKHOUSE_SHUTDOWN_TIMEOUT"),
        (["SYSTEM_DIRECTIVE": "/absent"], "--system-directive names \"/absent\": No such file or directory"),
        (["CLIENT_KEYS": "/absent"], "--client-keys names \"/absent\": No such file or directory"),
        (["TLS_CERTIFICATE": "/absent"], "--tls-certificate, --tls-key: the TLS certificate file \"/absent\" cannot"),
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
    ])
    func `the provider's URL may be the API's root, as clients have it`(given: String, url: String) throws {
        #expect(try configuration(["UPSTREAM_URL": given]).upstreamURL == url)
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
