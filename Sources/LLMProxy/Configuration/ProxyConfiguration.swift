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

    var host: String
    var port: Int

    /// Without a slash at its end; nil: the echo answers.
    var upstreamURL: String?

    /// Its `urls` are empty when the stand-in takes the traces.
    var writer: BatchWriterConfiguration
    var standInStorePath: String
    var createsTable: Bool

    init(_ options: ProxyOptions) throws {
        let config = ConfigReader(providers: [options.provider, EnvironmentVariablesProvider()])
        (host, port) = try Self.parseAddress(config.string(forKey: "listen", default: "127.0.0.1:8080"))
        upstreamURL = try config.string(forKey: "upstream.url").map(Self.parseUpstream)
        standInStorePath = config.string(forKey: "standIn.store", default: "./stand-in.sqlite")
        createsTable = options.createTable || config.bool(forKey: "createTable", default: false)
        writer = BatchWriterConfiguration(spoolPath: "./traces.spool", urls: [], database: "ibex", table: "llm_traces")
        writer.shutdownTimeout = .seconds(7)
        try writer.apply(config)
    }

    private static func parseAddress(_ text: String) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw Invalid(description: "--listen is \"\(text)\"; it must be an address and a port, like 127.0.0.1:8080")
        }
        let host = text[..<colon].trimmingPrefix("[")
        return (String(host.hasSuffix("]") ? host.dropLast() : host), Int(port))
    }

    private static func parseUpstream(_ text: String) throws -> String {
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
