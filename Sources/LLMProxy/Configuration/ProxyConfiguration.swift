internal import ClickHouseHTTP
internal import ClickHouseWriter
internal import Configuration
internal import Foundation

/// What the options and the environment say, checked.
struct ProxyConfiguration: Sendable {
    struct Invalid: Error, CustomStringConvertible {
        let description: String
    }

    var address: Address

    /// Where operators look; nil: at `address`.
    var operationsAddress: Address?

    /// What is shown to clients; empty: they use plain http.
    var tls: TLSFiles

    /// Names beside its own that the proxy is known under, and whose pages may ask it; `*` is all.
    var allowedHosts: [String] = []

    /// nil lets everybody in.
    var clientKeys: ClientKeys?

    /// How slow clients may be.
    var clients = ClientLimits()

    /// nil: the echo answers.
    var upstreamURL: UpstreamURL?

    /// Whom to trust in the place of the system's CAs when the provider shows its certificate.
    var upstreamTLS: TLSFiles

    /// nil passes the client's own key on.
    var upstreamKey: Secret?

    var upstreamConnectTimeout = Duration.seconds(10)

    /// How long the provider may be silent, before its response and within it.
    var upstreamTimeout = Duration.seconds(300)

    var gateway = Gateway.Settings()

    /// Its `urls` are empty when the stand-in takes the traces.
    var writer: BatchWriterConfiguration
    var standInStorePath: String
    var createsTable = false
    var writesTraces = true

    /// How long ending may take in all.
    var shutdownTimeout = Duration.seconds(10)

    /// What may be a mistake, one sentence each.
    var warnings: [String] = []

    /// For requests that are answered without a key.
    var sites: SiteRules {
        let own = [address.host, operationsAddress?.host, SiteRules.machineName]
        return SiteRules(allowed: allowedHosts, own: own.compactMap { $0 })
    }

    /// Whether requests under `/v1/` are answered without a key of the client's.
    var asksForNoKey: Bool { clientKeys == nil && (upstreamURL == nil || upstreamKey != nil) }

    /// How long responses that are open at shutdown may go on. A second is for all else.
    var openResponsesTimeout: Duration { shutdownTimeout - writer.shutdownTimeout - .seconds(1) }

    /// - Throws: ``Invalid`` with everything that is wrong, a line each.
    init(
        _ options: ProxyOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Invalid) {
        var reader = SettingReader(
            ConfigReader(
                providers: [options.provider, EnvironmentVariablesProvider(environmentVariables: environment)]
            )
        )
        let defaultAddress = Address(host: "127.0.0.1", port: 8080)
        address = reader.parse("listen", "--listen", Address.init(text:_:)) ?? defaultAddress
        operationsAddress = reader.parse("operations.listen", "--operations-listen", Address.init(text:_:))
        tls = TLSFiles(certificateFile: reader.text("tls.certificate"), keyFile: reader.text("tls.key"))
        clientKeys = reader.parse("client.keys", "--client-keys") { path, _ throws(Invalid) in
            try ClientKeys(file: path)
        }
        reader.take("allowedHosts", "--allowed-hosts", &allowedHosts, Self.parseHosts)
        reader.take("client.timeout", "--client-timeout", &clients.timeout, Self.parseDuration)
        reader.take("minClientRate", "--min-client-rate", &clients.minRate, Self.parseBytes)
        upstreamURL = reader.parse("upstream.url", "--upstream-url", UpstreamURL.init(text:_:))
        upstreamTLS = TLSFiles(caFile: reader.text("upstream.ca"))
        upstreamKey = reader.text("upstream.apiKey").map { Secret($0) }
        reader.take(
            "upstream.connectTimeout",
            "--upstream-connect-timeout",
            &upstreamConnectTimeout,
            Self.parseDuration
        )
        reader.take("upstream.timeout", "--upstream-timeout", &upstreamTimeout, Self.parseDuration)
        reader.take("maxBodyBytes", "--max-body-bytes", &gateway.maxBodyBytes, Self.parseBytes)
        gateway.maxTotalBodyBytes = max(gateway.maxTotalBodyBytes, gateway.maxBodyBytes)
        reader.take("maxTotalBodyBytes", "--max-total-body-bytes", &gateway.maxTotalBodyBytes, Self.parseTotalBytes)
        reader.take("askForUsage", "ASK_FOR_USAGE", &gateway.asksForUsage, Self.parseFlag)
        gateway.directive = reader.parse("systemDirective", "--system-directive") { path, _ throws(Invalid) in
            try SystemDirective(file: path)
        }
        standInStorePath = reader.text("standIn.store") ?? "./stand-in.sqlite"
        reader.take("createTable", "CREATE_TABLE", &createsTable, Self.parseFlag)
        reader.take("traces", "TRACES", &writesTraces, Self.parseFlag)
        reader.take("shutdownTimeout", "--shutdown-timeout", &shutdownTimeout, Self.parseDuration)

        writer = BatchWriterConfiguration(spoolPath: "./traces.spool", urls: [], database: "ibex", table: "llm_traces")
        writer.shutdownTimeout = .seconds(7)
        reader.problems += writer.applyWhatCanBeRead(reader.config)
        var checkedWriter = writer
        // Without any, the stand-in's takes their place.
        if writer.urls.isEmpty { checkedWriter.urls = ["http://localhost"] }
        reader.problems += checkedWriter.problems + combinationProblems
        for variable in BatchWriterConfiguration.unknownVariables(in: environment.keys) {
            if variable.likely == nil { warnings.append("\(variable)") } else { reader.problems.append("\(variable)") }
        }
        if writer.user != nil, writer.password == nil {
            warnings.append("a ClickHouse user is given, and no CLICKHOUSE_PASSWORD; an empty password is sent")
        }
        warnings += securityWarnings()
        if !reader.problems.isEmpty { throw Invalid(description: reader.problems.joined(separator: "\n       ")) }
    }

    /// What is wrong with settings that are fine each by itself.
    private var combinationProblems: [String] {
        var problems: [String] = []
        if clientKeys != nil, upstreamURL != nil, upstreamKey == nil {
            problems.append(
                "--client-keys needs the provider's key in UPSTREAM_API_KEY: those of the clients are of no use to it"
            )
        }
        if gateway.maxTotalBodyBytes < gateway.maxBodyBytes {
            problems.append(
                "--max-total-body-bytes is \(gateway.maxTotalBodyBytes); it must be --max-body-bytes,"
                    + " \(gateway.maxBodyBytes), or more"
            )
        }
        if upstreamKey?.isOneLine == false {
            problems.append("UPSTREAM_API_KEY must be one line; it has a line break or another control character in it")
        }
        do throws(InvalidTLSFile) {
            _ = try tls.serverConfiguration()
        } catch {
            problems.append("--tls-certificate, --tls-key: \(error)")
        }
        do throws(InvalidTLSFile) {
            _ = try upstreamTLS.clientConfiguration()
        } catch {
            problems.append("--upstream-ca: \(error)")
        }
        if !upstreamTLS.isEmpty, upstreamURL?.usesTLS != true {
            problems.append(
                "--upstream-ca is given, and --upstream-url does not start with https://: nothing would be encrypted"
            )
        }
        if openResponsesTimeout < .zero {
            problems.append(
                "--shutdown-timeout is \(shutdownTimeout); it must be CLICKHOUSE_SHUTDOWN_TIMEOUT,"
                    + " \(writer.shutdownTimeout), and at least a second more"
            )
        }
        return problems
    }

    private static func parseDuration(_ text: String, of option: String) throws(Invalid) -> Duration {
        guard let duration = Duration(settingText: text), duration > .zero else {
            throw Invalid(
                description:
                    "\(option) is \"\(text)\"; it must be a whole number and its unit, like 500ms, 2s, 1m or 1h"
            )
        }
        return duration
    }

    private static func parseHosts(_ text: String, of option: String) throws(Invalid) -> [String] {
        let hosts = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let isName = { (host: String) in
            host == "*" || SiteRules.isAddress(host) || !host.isEmpty && host.utf8.allSatisfy(Self.nameBytes.contains)
        }
        guard !hosts.isEmpty, hosts.allSatisfy(isName) else {
            throw Invalid(
                description:
                    "\(option) is \"\(text)\"; it must be host names without a port, with commas between them, or *"
            )
        }
        return hosts
    }

    private static let nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._".utf8

    private static func parseBytes(_ text: String, of option: String) throws(Invalid) -> Int {
        guard let bytes = Int(text), (1...1 << 30).contains(bytes) else {
            throw Invalid(description: "\(option) is \"\(text)\"; it must be a number of bytes from 1 to 1073741824")
        }
        return bytes
    }

    private static func parseTotalBytes(_ text: String, of option: String) throws(Invalid) -> Int {
        guard let bytes = Int(text), (1...1 << 50).contains(bytes) else {
            throw Invalid(description: "\(option) is \"\(text)\"; it must be a number of bytes")
        }
        return bytes
    }

    private static func parseFlag(_ text: String, of name: String) throws(Invalid) -> Bool {
        guard let flag = Bool(text) else {
            throw Invalid(description: "\(name) is \"\(text)\"; it must be true or false")
        }
        return flag
    }
}
