internal import ClickHouseWriter
internal import SQLiteSpool

/// Dead letters for people: groups by code when there are more than are shown, then one line each.
struct LetterTable {
    private static let messageWidth = 60
    private static let payloadWidth = 40

    let groups: [SpoolStatus.DeadLetterGroup]
    let letters: [StoredLetter]
    /// Those that were chosen, shown or not.
    let total: Int

    var text: String {
        if total == 0 { return "no dead letters" }
        let isCut = total > letters.count
        let heading = isCut || groups.count > 1 ? groups.map(describe) + [""] : []
        let rest =
            isCut ? ["", "the newest \(Words.grouped(letters.count)) of \(Words.grouped(total)); more with -n"] : []
        return (heading + rows + rest).joined(separator: "\n")
    }

    private func describe(_ group: SpoolStatus.DeadLetterGroup) -> String {
        let name = group.code.map { "code \($0)" } ?? "no code"
        let times = "\(group.firstAt.words) to \(group.lastAt.words)"
        return
            "\(name): \(Words.count(group.records, "dead letter")), \(times), \(Paragraph.cut(group.message, to: Self.messageWidth))"
    }

    private var rows: [String] {
        let head = ["ID", "DEAD SINCE", "CODE", "ATTEMPTS", "MESSAGE", "ROW"]
        let cells = letters.map { letter in
            [
                "\(letter.id)", letter.deadLetteredAt.words, letter.code.map { "\($0)" } ?? "-",
                "\(letter.attempts)",
                Paragraph.cut(letter.message, to: Self.messageWidth),
                Paragraph.cut(VisibleText.escape(bytes: letter.payload.prefix(200)), to: Self.payloadWidth),
            ]
        }
        let widths = head.indices.map { column in ([head] + cells).map { $0[column].count }.max() ?? 0 }
        return ([head] + cells).map { row in
            let padded = zip(row, widths).map { $0.padding(to: $1) }
            return padded.dropLast().joined(separator: "  ") + "  " + row[row.count - 1]
        }
    }
}
