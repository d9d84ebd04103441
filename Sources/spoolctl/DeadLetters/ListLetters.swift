internal import ArgumentParser
internal import SQLiteSpool

struct ListLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists dead letters, the newest first, and how many there are of each code.",
        discussion: "Example: spoolctl dead-letters list traces.spool --code 27 -n 5"
    )

    @OptionGroup var spool: SpoolArgument

    @Option(help: "Only those that ClickHouse refused with this code; 'none': those without one.")
    var code: LetterCode?

    @Option(name: .customShort("n"), help: "At most so many.")
    var limit = 20

    func validate() throws {
        if limit < 1 { throw ValidationError("-n must be at least 1.") }
    }

    func run() throws {
        let reader = try SpoolReader(path: spool.path)
        let selection = code.map { LetterSelection.code($0.number) } ?? .all
        let table = LetterTable(
            groups: try reader.deadLetterGroups().filter { code == nil || $0.code == code?.number },
            letters: try reader.deadLetters(selection, limit: limit, newestFirst: true),
            total: try reader.countDeadLetters(selection)
        )
        guard spool.json else { return try StandardOutput.say(table.text) }
        var output = LineOutput()
        try output.write(json: table.document.line)
        try output.flush()
    }
}

extension LetterTable {
    var document: JSONObject {
        var document = JSONObject()
        document.add("dead_letters", total)
        document.add("by_code", groups.map(JSONObject.init))
        document.add("letters", letters.map(JSONObject.init))
        return document
    }
}
