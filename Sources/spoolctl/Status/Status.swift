internal import ArgumentParser
internal import SQLiteSpool

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a spool holds, what is stuck and why, and what to do about it.",
        discussion: """
            Only reads, and takes a few milliseconds however much is in the spool: use it while the spool's owner runs \
            and after it died. Run it where the owner runs: from another container the owner is not seen.

            Exits with 0 when nothing needs a person, with 2 when something does (delivery held or a record refused, dead \
            letters, records without an owner, a damaged file, a full disk, a forgotten reader), and with 1 when the spool \
            cannot be read.

            Example: spoolctl status traces.spool
            """
    )

    @OptionGroup var spool: SpoolArgument

    func run() throws {
        let view = try SpoolView.read(spool.path)
        let needsPerson = Advice.list(view).contains(where: \.needsPerson)
        try StandardOutput.end(
            spool.json ? StatusDocument(view).jsonLine : StatusScreen(view).text,
            with: needsPerson ? .attention : .success
        )
    }
}
