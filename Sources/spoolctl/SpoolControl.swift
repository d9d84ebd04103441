internal import ArgumentParser
internal import ClickHouseWriter
internal import SQLiteSpool

@main
struct SpoolControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spoolctl",
        abstract: "Looks into a spool of records on their way to ClickHouse, and recovers what a dead writer left.",
        discussion: """
            A spool may come from anywhere: nothing in it runs, and what others wrote is shown with \\u{1B} for what would \
            act on the terminal. Exit code 64: wrong usage. 74: the output could not be written.
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Reading",
                subcommands: [Status.self, Watch.self, Peek.self, Export.self, Check.self]
            ),
            CommandGroup(
                name: "Recovering",
                subcommands: [Drain.self, DeadLetters.self, SalvageCommand.self]
            ),
            CommandGroup(name: "Preparing", subcommands: [Migrate.self]),
        ]
    )

    /// Bytes that SQLite may take: three of the longest records.
    private static let memoryLimit = 1 << 30

    /// As ArgumentParser's own, but what it says is visible text, and output that cannot be written is a failure.
    static func main() async {
        Database.limitMemory(toBytes: memoryLimit)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(error)
        }
    }

    private static func end(_ error: any Error) -> Never {
        let code = error is OutputFailure ? ExitCode.outputFailure : exitCode(for: error)
        let message = fullMessage(for: error)
        // Ours is one line, whatever a path in it holds; ArgumentParser's has several.
        let text =
            code == .failure
            ? Paragraph.oneLine(message) : VisibleText.message(message, quoting: CommandLine.arguments)
        if !text.isEmpty {
            if !code.isSuccess {
                StandardError.say(text)
            } else {
                do { try StandardOutput.say(text) } catch { end(error) }
            }
        }
        exit(withError: code)
    }
}
