@testable import llm_proxy
import Testing

@Suite struct ProxyConfigurationTests {
    private func configuration(
        _ environment: [String: String],
        _ arguments: String...
    ) throws -> ProxyConfiguration {
        try ProxyConfiguration(ProxyOptions.parse(arguments), environment: environment)
    }

    @Test(arguments: [
        (["LISTEN": "8080"], "--listen is \"8080\"; it must be an address and a port, like 127.0.0.1:8080"),
        (["UPSTREAM_URL": "api.openai.com"], "--upstream-url must be a URL like https://api.openai.com"),
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
    }

    @Test func `an option wins over the environment`() throws {
        let read = try configuration(["CLICKHOUSE_TABLE": "a", "CLICKHOUSE_DATABASE": "d"], "--table", "b")
        #expect(read.writer.table == "b")
        #expect(read.writer.database == "d")
    }
}
