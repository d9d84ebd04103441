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

    @Option(help: "Certificates in PEM form to show to clients, which then use https. [TLS_CERTIFICATE]")
    var tlsCertificate: String?

    @Option(help: "The first certificate's private key. [TLS_KEY]")
    var tlsKey: String?

    @Option(
        help: """
            Names beside its own that the proxy is asked under, with commas between them, or *: where no key is asked for, \
            other names are refused. [ALLOWED_HOSTS]
            """
    )
    var allowedHosts: String?

    @Option(help: "A file with the SHA-256 of each key that clients may use; absent: they need none. [CLIENT_KEYS]")
    var clientKeys: String?

    @Option(help: "How long a client may be silent while it has to say something. [CLIENT_TIMEOUT] (default: 75s)")
    var clientTimeout: String?

    @Option(
        help: """
            How many bytes a second a client must send of its request, or take of a response that waits for it: the \
            average over 30 s. [MIN_CLIENT_RATE] (default: 1024)
            """
    )
    var minClientRate: String?

    @Option(help: "The greatest body of a request, in bytes. [MAX_BODY_BYTES] (default: 67108864)")
    var maxBodyBytes: String?

    @Option(
        help: """
            The greatest sum of all requests' bodies in memory, in bytes; beyond it clients get 503 and Retry-After. \
            [MAX_TOTAL_BODY_BYTES] (default: 536870912)
            """
    )
    var maxTotalBodyBytes: String?

    @Option(
        help: """
            The provider's URL; absent: a built-in echo. Its key is UPSTREAM_API_KEY; without one clients send their own. \
            [UPSTREAM_URL]
            """
    )
    var upstreamURL: String?

    @Option(
        help: """
            Root certificates in PEM form to trust for the provider's https, in the place of the system's. [UPSTREAM_CA] \
            (default: the system's)
            """
    )
    var upstreamCA: String?

    @Option(help: "How long connecting to the provider may take. [UPSTREAM_CONNECT_TIMEOUT] (default: 10s)")
    var upstreamConnectTimeout: String?

    @Option(
        help: """
            How long the provider may be silent, before its response and within it. [UPSTREAM_TIMEOUT] (default: 5m)
            """
    )
    var upstreamTimeout: String?

    @Flag(
        help: """
            Do not ask the provider for the tokens of a stream where the client did not; for providers that refuse \
            stream_options. [ASK_FOR_USAGE=false]
            """
    )
    var noUsage = false

    @Option(help: "A file with instructions to put before every conversation. [SYSTEM_DIRECTIVE]")
    var systemDirective: String?

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

    @Flag(
        help: """
            Deliver to this table what waits in the spool for another one, too; else such a spool is refused. \
            [CLICKHOUSE_REDIRECTS=true]
            """
    )
    var redirect = false

    @Option(help: "The file that the stand-in keeps rows in. [STAND_IN_STORE] (default: ./stand-in.sqlite)")
    var standInStore: String?

    @Flag(help: "Create database and table where they do not exist. [CREATE_TABLE=true]")
    var createTable = false

    @Flag(help: "Write no traces, to measure what they cost. [TRACES=false]")
    var noTraces = false

    @Option(
        help: """
            How long ending may take: open responses have what the writer's CLICKHOUSE_SHUTDOWN_TIMEOUT (7s) and a second \
            leave of it. [SHUTDOWN_TIMEOUT] (default: 10s)
            """
    )
    var shutdownTimeout: String?

    /// The options that were given, under the keys that the environment uses.
    var provider: InMemoryProvider {
        let given: [(ConfigKey, String?)] = [
            ("listen", listen),
            ("operations.listen", operationsListen),
            ("tls.certificate", tlsCertificate),
            ("tls.key", tlsKey),
            ("client.keys", clientKeys),
            ("allowedHosts", allowedHosts),
            ("client.timeout", clientTimeout),
            ("minClientRate", minClientRate),
            ("maxBodyBytes", maxBodyBytes),
            ("maxTotalBodyBytes", maxTotalBodyBytes),
            ("askForUsage", noUsage ? "false" : nil),
            ("systemDirective", systemDirective),
            ("upstream.url", upstreamURL),
            ("upstream.ca", upstreamCA),
            ("upstream.connectTimeout", upstreamConnectTimeout),
            ("upstream.timeout", upstreamTimeout),
            ("clickhouse.url", clickHouseURLs.isEmpty ? nil : clickHouseURLs.joined(separator: ",")),
            ("clickhouse.user", clickHouseUser),
            ("clickhouse.database", database),
            ("clickhouse.table", table),
            ("clickhouse.spoolPath", spool),
            ("clickhouse.redirects", redirect ? "true" : nil),
            ("standIn.store", standInStore),
            ("createTable", createTable ? "true" : nil),
            ("traces", noTraces ? "false" : nil),
            ("shutdownTimeout", shutdownTimeout),
        ]
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in given {
            if let value { values[AbsoluteConfigKey(key)] = ConfigValue(.string(value), isSecret: false) }
        }
        return InMemoryProvider(values: values)
    }
}
