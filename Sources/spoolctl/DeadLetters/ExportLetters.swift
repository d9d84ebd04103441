internal import ArgumentParser
internal import SQLiteSpool

struct ExportLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Prints dead letters as lines of JSON, with the row, the code, the message and the times.",
        discussion: """
            All of them when nothing is chosen. Read in pieces: what changes meanwhile may be in it or not.

            Example: spoolctl dead-letters export traces.spool --code 27 > refused.jsonl
            """
    )

    @OptionGroup var spool: SpoolArgument
    @OptionGroup var choice: LetterChoice

    func run() throws {
        let reader = try SpoolReader(path: spool.path)
        var output = LineOutput(keepsBytes: !Terminal.standardOutput.shows)
        var position: Int64 = 0
        while true {
            let letters = try reader.deadLetters(choice.selection ?? .all, after: position, limit: 500)
            guard let last = letters.last else { break }
            for letter in letters { try output.write(json: JSONObject(letter).line) }
            position = last.id
        }
        try output.flush()
        let missing = try choice.missing(in: spool.path)
        if missing.isEmpty { return }
        StandardError.say(LetterScreen.missing(missing))
        throw ExitCode.failure
    }
}
