internal import ArgumentParser
internal import SQLiteSpool

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a spool holds and what is stuck.",
        discussion: """
            Only reads, so it can be used while the spool's owner runs and after it died.

            Example: spoolctl status traces.spool
            """
    )

    @OptionGroup var spool: SpoolArgument

    func run() throws {
        let status = try SpoolStatus(readingSpoolAt: spool.path)
        print(try spool.json ? StatusDocument(status).jsonLine : StatusScreen(status).text)
    }
}
