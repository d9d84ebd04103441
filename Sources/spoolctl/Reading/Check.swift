internal import ArgumentParser
internal import SQLiteSpool

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks at all of a spool: files, modes, structure, every record's checksum, counts, batches.",
        discussion: """
            Only reads, at any time. The counts are of one moment, so it is one read transaction, about two seconds for each \
            GiB; what a living owner commits meanwhile stays in the write-ahead log until it is over.

            Exits with 0 when all is sound, with 2 when something is not, with 1 when the spool cannot be read.

            Example: spoolctl check traces.spool
            """
    )

    @OptionGroup var spool: SpoolArgument

    func run() throws {
        let progress = CheckProgress(isShown: Terminal.standardError.isThere)
        let results = try SpoolCheck(path: spool.path) { progress.show($0, $1, of: $2) }.run()
        progress.end()
        let report = CheckReport(results)
        try StandardOutput.end(
            spool.json ? String(decoding: report.document.line, as: UTF8.self) : report.text,
            with: report.isSound ? .success : .attention
        )
    }
}

/// A line on the terminal while it takes long, gone when it is over.
final class CheckProgress {
    private let isShown: Bool
    private let start = ContinuousClock.now
    private var hasShown = false

    init(isShown: Bool) {
        self.isShown = isShown
    }

    func show(_ what: String, _ done: Int, of total: Int) {
        guard isShown, ContinuousClock.now - start > .milliseconds(500) else { return }
        let counts = total == 0 ? "" : ", \(Words.grouped(done)) of \(Words.grouped(total))"
        StandardError.draw("\r\u{1b}[K\(what)\(counts)")
        hasShown = true
    }

    func end() {
        if hasShown { StandardError.draw("\r\u{1b}[K") }
    }
}
