internal import ArgumentParser
internal import ClickHouseWriter
internal import SQLiteSpool

struct ShowLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows all of some dead letters: the whole message, and the row both readable and exact.",
        discussion: "Example: spoolctl dead-letters show traces.spool 1042"
    )

    @OptionGroup var spool: SpoolArgument

    @Argument(help: "Ids of dead letters.")
    var ids: [Int64]

    func run() throws {
        let reader = try SpoolReader(path: spool.path)
        var output = LineOutput()
        var missing: [Int64] = []
        for id in ids {
            guard let letter = try reader.deadLetters(.ids([id]), limit: 1).first else {
                missing.append(id)
                continue
            }
            if spool.json {
                try output.write(json: JSONObject(letter).line)
            } else {
                try StandardOutput.say(LetterScreen(letter).text)
            }
        }
        try output.flush()
        if missing.isEmpty { return }
        StandardError.say(LetterScreen.missing(missing))
        throw ExitCode.failure
    }
}

/// One dead letter, whole.
struct LetterScreen {
    private let letter: StoredLetter

    init(_ letter: StoredLetter) {
        self.letter = letter
    }

    static func missing(_ ids: [Int64]) -> String {
        "there is no dead letter \(ids.map(String.init).joined(separator: ", "))"
    }

    var text: String {
        let payload = Paragraph.escaped(String(decoding: letter.payload, as: UTF8.self))
        let row =
            letter.obstacle == .damaged
            ? ["row          \(VisibleText.escape(bytes: letter.payload))"]
            : [
                "row          \(PrettyJSON(payload).text)",
                "exact        \(payload)",
            ]
        let head = [
            "dead letter  \(letter.id)",
            "enqueued     \(letter.enqueuedAt.words)",
            "dead since   \(letter.deadLetteredAt.words)",
            "code         \(letter.code.map { "\($0)" } ?? "none")",
            "attempts     \(letter.attempts)",
            "message      \(VisibleText.escapeLines(letter.message).replacing("\n", with: "\n" + String(repeating: " ", count: 13)))",
        ]
        let obstacle = letter.obstacle.map { ["requeuing    \($0.words)"] } ?? []
        return (head + obstacle + row + [""]).joined(separator: "\n")
    }
}
