internal import ArgumentParser
internal import Configuration

/// The command line.
struct ProxyOptions: ParsableArguments {
    @Option(help: "Where to listen. [LISTEN] (default: 127.0.0.1:8080)")
    var listen: String?

    @Option(
        help: """
            Where to serve /metrics, /healthz and the page / instead, so that they are not on the proxy's own address. \
            [OPERATIONS_LISTEN]
            """
    )
    var operationsListen: String?

    @Option(help: "The provider's URL; absent: a built-in echo. [UPSTREAM_URL]")
    var upstreamURL: String?

    @Option(
        name: .customLong("clickhouse-url"),
        help: "ClickHouse's HTTP interface; repeat it for replicas; absent: a built-in stand-in. [CLICKHOUSE_URL]"
    )
    var clickHouseURLs: [String] = []

    @Option(name: .customLong("clickhouse-user"), help: "The password is CLICKHOUSE_PASSWORD. [CLICKHOUSE_USER]")
    var clickHouseUser: String?

    @Option(help: "[CLICKHOUSE_DATABASE] (default: ibex)")
    var database: String?

    @Option(help: "[CLICKHOUSE_TABLE] (default: llm_traces)")
    var table: String?

    @Option(help: "The spool's file. [CLICKHOUSE_SPOOL_PATH] (default: ./traces.spool)")
    var spool: String?

    @Option(help: "The file that the stand-in keeps rows in. [STAND_IN_STORE] (default: ./stand-in.sqlite)")
    var standInStore: String?

    @Flag(help: "Create database and table where they do not exist. [CREATE_TABLE=true]")
    var createTable = false

    /// The options that were given, under the keys that the environment uses.
    var provider: InMemoryProvider {
        let given: [(ConfigKey, String?)] = [
            ("listen", listen),
            ("operations.listen", operationsListen),
            ("upstream.url", upstreamURL),
            ("clickhouse.url", clickHouseURLs.isEmpty ? nil : clickHouseURLs.joined(separator: ",")),
            ("clickhouse.user", clickHouseUser),
            ("clickhouse.database", database),
            ("clickhouse.table", table),
            ("clickhouse.spoolPath", spool),
            ("standIn.store", standInStore),
        ]
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in given {
            if let value { values[AbsoluteConfigKey(key)] = ConfigValue(.string(value), isSecret: false) }
        }
        return InMemoryProvider(values: values)
    }
}
