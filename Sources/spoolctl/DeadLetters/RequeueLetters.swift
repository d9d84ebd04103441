internal import ArgumentParser
internal import SQLiteSpool

struct RequeueLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue",
        abstract: "Makes dead letters pending records again, to be sent once more.",
        discussion: """
            Do it when the cause is mended: a column was widened, a constraint dropped. They go to the end of the queue, with \
            new ids and the same bytes. A row that was damaged is never requeued, and one that a salvage set aside only by \
            its id. Refused while the spool's owner lives.

            Exits with 2 when some of them stay dead letters. When one of the ids is not there, nothing is done.

            Example: spoolctl dead-letters requeue traces.spool --code 27
            """
    )

    @OptionGroup var spool: SpoolArgument
    @OptionGroup var choice: LetterChoice

    func validate() throws { _ = try choice.required() }

    func run() async throws {
        let selection = try choice.required()
        let missing = try choice.missing(in: spool.path)
        if !missing.isEmpty {
            StandardError.say("\(LetterScreen.missing(missing)); nothing was requeued")
            throw ExitCode.failure
        }
        let requeued = try await withOwnedSpool(at: spool.path) { try await $0.requeueDeadLetters(selection) }
        try StandardOutput.say(
            spool.json ? String(decoding: requeued.document.line, as: UTF8.self) : requeued.words(path: spool.path)
        )
        if !requeued.left.isEmpty { throw ExitCode.attention }
    }
}

extension Spool.Requeued {
    var document: JSONObject {
        var document = JSONObject()
        document.add("requeued", count)
        document.add(
            "left",
            left.sorted { $0.key < $1.key }.map { id, obstacle in
                var entry = JSONObject()
                entry.add("id", id)
                entry.add("obstacle", obstacle.key)
                return entry
            }
        )
        return document
    }

    func words(path: String) -> String {
        let next = count == 0 ? "" : ": they are pending; start the spool's owner, or run: spoolctl drain \(path)"
        let first = "requeued \(Words.count(count, "dead letter"))\(next)"
        let stay = [StoredLetter.Obstacle.damaged, .setAside].compactMap { obstacle -> String? in
            let ids = left.filter { $0.value == obstacle }.keys.sorted()
            if ids.isEmpty { return nil }
            let shown = ids.prefix(20).map(String.init).joined(separator: ", ") + (ids.count > 20 ? ", …" : "")
            return "\(Words.count(ids.count, "dead letter")) left, \(obstacle.words): \(shown)"
        }
        return ([first] + stay).joined(separator: "\n")
    }
}
