internal import ArgumentParser
internal import ClickHouseWriter
internal import Configuration
internal import Foundation

/// Where ClickHouse is, for the commands that talk to it. What is not given comes from the environment, under the keys
/// that a writer reads.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: .customLong("url"),
        help: "ClickHouse's HTTP interface, like http://localhost:8123; repeat it for replicas. [CLICKHOUSE_URL]"
    )
    var urls: [String] = []

    @Option(help: "The password is CLICKHOUSE_PASSWORD, never an option: others see those. [CLICKHOUSE_USER]")
    var user: String?

    @Option(help: "The table's database. [CLICKHOUSE_DATABASE]")
    var database: String?

    @Option(help: "The table. [CLICKHOUSE_TABLE]")
    var table: String?

    /// The options over the environment over `defaults`.
    ///
    /// - Throws: ``ConnectionProblem`` with all that is wrong.
    func apply(
        to defaults: BatchWriterConfiguration,
        needsURL: Bool = true
    ) throws(ConnectionProblem) -> BatchWriterConfiguration {
        let environment = ProcessInfo.processInfo.environment
        var configuration = defaults
        var problems = configuration.applyWhatCanBeRead(
            ConfigReader(providers: [provider, EnvironmentVariablesProvider(environmentVariables: environment)])
        )
        problems += BatchWriterConfiguration.unknownVariables(in: environment.keys)
            .filter { $0.likely != nil }.map(\.description)
        if needsURL, configuration.urls.isEmpty {
            problems.append("nobody says where ClickHouse is; give --url http://localhost:8123, or set CLICKHOUSE_URL")
        }
        if !problems.isEmpty { throw ConnectionProblem(description: problems.joined(separator: "; ")) }
        return configuration
    }

    private var provider: InMemoryProvider {
        let given: [(ConfigKey, String?)] = [
            ("clickhouse.url", urls.isEmpty ? nil : urls.joined(separator: ",")),
            ("clickhouse.user", user),
            ("clickhouse.database", database),
            ("clickhouse.table", table),
        ]
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in given {
            if let value { values[AbsoluteConfigKey(key)] = ConfigValue(.string(value), isSecret: false) }
        }
        return InMemoryProvider(values: values)
    }
}

/// Why the options and the environment cannot be used.
struct ConnectionProblem: Error, CustomStringConvertible {
    let description: String

    /// - Parameter description: may quote a setting, which may not act on a terminal.
    init(description: String) { self.description = Paragraph.oneLine(description) }
}
