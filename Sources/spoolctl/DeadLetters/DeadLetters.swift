internal import ArgumentParser

struct DeadLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at the records that ClickHouse refused, and sends them again or gives them up.",
        discussion: """
            list, show and export only read, at any time. add, requeue and discard write, so they are refused while the \
            spool's owner lives: a program that lives calls BatchWriter.requeueDeadLetters and discardDeadLetters.

            Example: spoolctl dead-letters list traces.spool
            """,
        subcommands: [
            ListLetters.self, ShowLetters.self, AddLetters.self, RequeueLetters.self, DiscardLetters.self,
            ExportLetters.self,
        ]
    )
}
