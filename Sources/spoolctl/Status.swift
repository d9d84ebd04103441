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

    @Argument(help: "The spool's file.", completion: .file())
    var path: String

    @Flag(help: "One JSON object for machines.")
    var json = false

    func run() throws {
        let status = try SpoolStatus(readingSpoolAt: path)
        print(try json ? StatusDocument(status).text : StatusScreen(status).text)
    }
}
