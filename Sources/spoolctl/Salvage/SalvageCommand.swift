internal import ArgumentParser
internal import SQLiteSpool

struct SalvageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Makes a new spool of what can be read of a broken one.",
        discussion: """
            For a file whose owner will not start again; an owner does the same by itself when it starts. The broken file and \
            its write-ahead log are left as they are: it works on a copy beside the new file, which needs room for twice the \
            size. Refused while the broken file's owner lives, and when the file is sound and has all that its owner's note says \
            was committed. Behind damage the write-ahead log is read as far as that note says: keep the .lock file beside it.

            The new spool can be delivered with spoolctl drain, or be given to a writer. Frozen batches keep their tokens.

            Exit code 2: a writer had set the file aside, and has salvaged it already; do not deliver it a second time.

            Example: spoolctl salvage traces.spool recovered.spool
            """
    )

    @Argument(help: "The broken file.", completion: .file())
    var broken: String

    @Argument(help: "The new file; there must be none.", completion: .file())
    var new: String

    @Flag(help: "JSON for machines.")
    var json = false

    func run() throws {
        let report = try SalvageCopy(of: broken, to: new).run()
        if let notice = report.leftAlone { StandardError.say(Paragraph.oneLine(notice.message)) }
        try StandardOutput.end(
            json ? String(decoding: report.document.line, as: UTF8.self) : report.words,
            with: report.wasSetAside ? .attention : .success
        )
    }
}

extension SalvageCopy.Report {
    var words: String {
        let advice =
            wasSetAside
            ? "do not deliver it: what could be read of this file went on in its writer's spool when it was set aside;"
                + " look at it with spoolctl export"
            : "to deliver it: spoolctl drain \(path)"
        let letters =
            deadLetters == 0 ? [] : ["\(Words.count(deadLetters, "dead letter")): spoolctl dead-letters list \(path)"]
        let head = [
            "the broken file: \(Paragraph.oneLine(loss.reason))", SalvageWords.summary(of: loss),
            "the new spool is \(Paragraph.oneLine(path))",
        ]
        return (head + letters + [advice]).joined(separator: "\n")
    }

    var document: JSONObject {
        var document = JSONObject()
        document.add("path", path)
        document.add("reason", loss.reason)
        document.add("salvaged", loss.salvaged)
        document.add("set_aside", loss.setAside)
        document.add("lost_at_most", loss.lostAtMost)
        document.add("dead_letters", deadLetters)
        document.add("was_set_aside", wasSetAside)
        return document
    }
}
