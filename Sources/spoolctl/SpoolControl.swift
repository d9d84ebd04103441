internal import ArgumentParser

@main
struct SpoolControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spoolctl",
        abstract: "Looks into a spool of records on their way to ClickHouse, and recovers what a dead writer left.",
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
}
