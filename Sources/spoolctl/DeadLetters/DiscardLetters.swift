internal import ArgumentParser
internal import SQLiteSpool

struct DiscardLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Deletes dead letters for good.",
        discussion: """
            Asks before it does; without a terminal it wants --yes. To keep them elsewhere, export them first. Refused while \
            the spool's owner lives.

            Example: spoolctl dead-letters discard traces.spool --code 27 --yes
            """
    )

    @OptionGroup var spool: SpoolArgument
    @OptionGroup var choice: LetterChoice

    @Flag(help: "Without asking.")
    var yes = false

    func validate() throws { _ = try choice.required() }

    func run() async throws {
        let selection = try choice.required()
        let missing = try choice.missing(in: spool.path)
        if !missing.isEmpty {
            StandardError.say("\(LetterScreen.missing(missing)); nothing was discarded")
            throw ExitCode.failure
        }
        if !yes { try ask(SpoolReader(path: spool.path).countDeadLetters(selection)) }
        let count = try await withOwnedSpool(at: spool.path) { try await $0.discardDeadLetters(selection) }
        var document = JSONObject()
        document.add("discarded", count)
        try StandardOutput.say(
            spool.json
                ? String(decoding: document.line, as: UTF8.self) : "discarded \(Words.count(count, "dead letter"))"
        )
    }

    private func ask(_ count: Int) throws {
        if count == 0 { return }
        guard Terminal.standardInput.isThere, Terminal.standardError.isThere else {
            throw ValidationError("\(Words.count(count, "dead letter")) would be gone for good: say so with --yes.")
        }
        StandardError.say("Discard \(Words.count(count, "dead letter")) for good? [y/N] ", terminator: "")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            StandardError.say("nothing was discarded")
            throw ExitCode.failure
        }
    }
}
