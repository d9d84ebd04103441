internal import ArgumentParser

@main
struct SpoolControl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spoolctl",
        abstract: "Looks into a spool of records on their way to ClickHouse.",
        subcommands: [Status.self, Watch.self, Drain.self, Migrate.self]
    )
}
