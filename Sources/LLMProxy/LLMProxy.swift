internal import ArgumentParser
internal import ClickHouseWriter
internal import Glibc
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

    private static let log = LogQueue()

    func run() async throws {
        LoggingSystem.bootstrap { label in
            VisibleLogHandler(StreamLogHandler.standardError(label: label), queue: Self.log)
        }
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

    /// As ArgumentParser's own, but what it says is visible text, and help that cannot be written is a failure (74,
    /// `EX_IOERR`).
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            finishLog(code: 0)
        } catch {
            finishLog(code: exitCode(for: error).rawValue)
            end(error)
        }
    }

    /// While a line is stuck, `exit` would wait for standard error, too.
    private static func finishLog(code: Int32) {
        if !log.finish() { _exit(code) }
    }

    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        let text = VisibleText.message(fullMessage(for: error), quoting: CommandLine.arguments)
        if text.isEmpty { exit(withError: code) }
        if code.isSuccess {
            do throws(StandardOutput.Failure) {
                try StandardOutput.say(text)
            } catch {
                StandardOutput.sayAsError("Error: \(error)")
                exit(withError: ExitCode(74))
            }
        } else {
            StandardOutput.sayAsError(text)
        }
        exit(withError: code)
    }
}
