internal import ArgumentParser
internal import Logging

@main
struct LLMProxy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "llm-proxy",
        abstract: "A proxy for language models whose traces are not lost on their way to ClickHouse.",
        discussion: """
            Forwards POST /v1/chat/completions and writes one trace for each when its response is over. Without --upstream-url a \
            built-in echo answers; without --clickhouse-url a built-in stand-in takes the traces.

            Every option can be given in the environment too, and so can the writer's settings \
            (CLICKHOUSE_FLUSH_INTERVAL=500ms, CLICKHOUSE_MAX_BATCH_SIZE=1000, …). An option wins.

            Example: llm-proxy --upstream-url https://api.openai.com --clickhouse-url http://localhost:8123
            """
    )

    @OptionGroup var options: ProxyOptions

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        let configuration: ProxyConfiguration
        do {
            configuration = try ProxyConfiguration(options)
        } catch {
            throw ValidationError("\(error)")
        }
        let logger = Logger(label: "llm-proxy")
        for warning in configuration.warnings {
            logger.warning("The configuration may be wrong", metadata: ["reason": "\(warning)"])
        }
        try await ProxyProcess.run(configuration)
    }
}
