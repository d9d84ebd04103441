internal import ArgumentParser
internal import SQLiteSpool

struct AddLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Makes records that wait dead letters, so that nothing is held up by them.",
        discussion: """
            They keep their ids and bytes, and can be exported, requeued and discarded. What was sent may be stored already: a \
            requeue then stores it twice. What stands in a batch with others is left. Refused while the spool's owner lives.

            Exits with 2 when some of the records are left.

            Example: spoolctl dead-letters add traces.spool 5 17 --reason 'its column was dropped'
            """
    )

    @OptionGroup var spool: SpoolArgument

    @Argument(help: "Ids of records, as peek shows them.")
    var ids: [Int64]

    @Option(help: "Why; kept with each of them.")
    var reason = "set aside by hand"

    func run() async throws {
        let left = try await withOwnedSpool(at: spool.path) { try await $0.setAside(Set(ids), reason: reason) }
        let count = Set(ids).count - left.count
        var document = JSONObject()
        document.add("added", count)
        document.add("left", json: Array("\(left)".utf8))
        let words = left.isEmpty ? "" : "\nleft, because they are in a batch with others, or not there: "
        try StandardOutput.say(
            spool.json
                ? String(decoding: document.line, as: UTF8.self)
                : "added \(Words.count(count, "dead letter"))\(words)\(left.map(String.init).joined(separator: ", "))"
        )
        if !left.isEmpty { throw ExitCode.attention }
    }
}

extension Spool {
    /// - Returns: the ids of those that stay.
    fileprivate func setAside(_ ids: Set<Int64>, reason: String) async throws(SpoolError) -> [Int64] {
        var left = ids
        let last = summary.lastID
        func setAside(_ batches: [Batch]) async throws(SpoolError) {
            for batch in batches where batch.records == 1 && left.contains(batch.ids.lowerBound) {
                try await deadLetter(batch, code: nil, message: reason)
                left.remove(batch.ids.lowerBound)
            }
        }
        try await setAside(batches)
        // A batch that is frozen here was not sent, so it may be cut.
        while left.contains(where: { $0 > summary.frozenThrough && $0 <= last }),
            let frozen = try await freeze(maxRecords: 100, maxBytes: 8 << 20)
        {
            let members = try await members(of: frozen.batch)
            let pieces = members.reduce(into: [[BatchMember]]()) { pieces, member in
                let isAlone = left.contains(member.id) || (pieces.last?.last).map { left.contains($0.id) } ?? true
                isAlone ? pieces.append([member]) : pieces[pieces.count - 1].append(member)
            }
            if pieces.count > 1 {
                try await setAside(replace(frozen.batch, members: members, with: pieces))
            } else {
                try await setAside([frozen.batch])
            }
        }
        return left.sorted()
    }
}
