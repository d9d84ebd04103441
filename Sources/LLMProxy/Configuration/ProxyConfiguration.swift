internal import ClickHouseWriter
internal import Configuration
internal import Foundation

/// What the options and the environment say, checked.
struct ProxyConfiguration: Sendable {
    struct Invalid: Error, CustomStringConvertible {
        let description: String
    }

    /// How long responses that are open at shutdown may go on. The process has 10 s in all, the writer 7 of them.
    static let openResponsesTimeout = Duration.seconds(2)

    /// Where somebody listens.
    struct Address: Sendable, Equatable {
        var host: String
        var port: Int

        func url(port: Int) -> String {
            "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }

    var address: Address

    /// Where operators look; nil: at `address`.
    var operationsAddress: Address?

    /// Without a slash at its end; nil: the echo answers.
    var upstreamURL: String?

    /// Its `urls` are empty when the stand-in takes the traces.
    var writer: BatchWriterConfiguration
    var standInStorePath: String
    var createsTable: Bool

    /// What may be a mistake, one sentence each.
    var warnings: [String] = []

    /// - Throws: ``Invalid`` with everything that is wrong, a line each.
    init(
        _ options: ProxyOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Invalid) {
        let config = ConfigReader(
            providers: [options.provider, EnvironmentVariablesProvider(environmentVariables: environment)]
        )
        var problems: [String] = []
        func checked<Value>(_ fallback: Value, _ parse: () throws(Invalid) -> Value) -> Value {
            do throws(Invalid) {
                return try parse()
            } catch {
                problems.append(error.description)
                return fallback
            }
        }
        address = checked(Address(host: "", port: 0)) { () throws(Invalid) in
            try Self.parseAddress(config.string(forKey: "listen", default: "127.0.0.1:8080"), of: "--listen")
        }
        operationsAddress = checked(nil) { () throws(Invalid) in
            guard let address = config.string(forKey: "operations.listen"), !address.isEmpty else { return nil }
            return try Self.parseAddress(address, of: "--operations-listen")
        }
        upstreamURL = checked(nil) { () throws(Invalid) in
            guard let url = config.string(forKey: "upstream.url"), !url.isEmpty else { return nil }
            return try Self.parseUpstream(url)
        }
        standInStorePath = config.string(forKey: "standIn.store", default: "./stand-in.sqlite")
        createsTable = checked(false) { () throws(Invalid) in
            options.createTable ? true : try Self.parseFlag("CREATE_TABLE", config.string(forKey: "createTable"))
        }
        writer = BatchWriterConfiguration(spoolPath: "./traces.spool", urls: [], database: "ibex", table: "llm_traces")
        writer.shutdownTimeout = .seconds(7)
        problems += writer.applyWhatCanBeRead(config)
        var checkedWriter = writer
        // Without any, the stand-in's takes their place.
        if writer.urls.isEmpty { checkedWriter.urls = ["http://localhost"] }
        problems += checkedWriter.problems
        for variable in BatchWriterConfiguration.unknownVariables(in: environment.keys) {
            if variable.likely == nil { warnings.append("\(variable)") } else { problems.append("\(variable)") }
        }
        if writer.user != nil, writer.password == nil {
            warnings.append("a ClickHouse user is given, and no CLICKHOUSE_PASSWORD; an empty password is sent")
        }
        if !problems.isEmpty { throw Invalid(description: problems.joined(separator: "\n       ")) }
    }

    private static func parseFlag(_ name: String, _ text: String?) throws(Invalid) -> Bool {
        guard let text, !text.isEmpty else { return false }
        guard let flag = Bool(text) else {
            throw Invalid(description: "\(name) is \"\(text)\"; it must be true or false")
        }
        return flag
    }

    private static func parseAddress(_ text: String, of option: String) throws(Invalid) -> Address {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw Invalid(
                description: "\(option) is \"\(text)\"; it must be an address and a port, like 127.0.0.1:8080"
            )
        }
        let host = text[..<colon].trimmingPrefix("[")
        return Address(host: String(host.hasSuffix("]") ? host.dropLast() : host), port: Int(port))
    }

    private static func parseUpstream(_ text: String) throws(Invalid) -> String {
        guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme),
            url.host() != nil,
            url.query() == nil
        else {
            throw Invalid(description: "--upstream-url must be a URL like https://api.openai.com, without a query")
        }
        guard url.user() == nil, url.password() == nil else {
            throw Invalid(
                description: "--upstream-url must not hold a user or password; keys go in Authorization headers"
            )
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}
