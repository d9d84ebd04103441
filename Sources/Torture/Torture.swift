internal import ArgumentParser

/// Breaks the writer in every way it promises to survive, and counts what that cost.
@main
struct Torture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture",
        abstract: "Proves on this machine that the spool loses nothing and stores nothing twice.",
        discussion: """
            Every mode ends with one line of JSON, and with exit code 0 only when it says that nothing was lost, \
            duplicated or corrupt.

            Example: torture power-cut --cycles 2000 --seed 1
            """,
        subcommands: [
            All.self, Kill.self, PowerCut.self, Faults.self, DiskFull.self, Corrupt.self, Copies.self, KillChild.self,
            DiskFullChild.self, OwnChild.self,
        ],
        defaultSubcommand: All.self
    )
}
