internal import ClickHouseWriter

/// A record that shows whether it arrived, how often and unaltered: its text follows from its number.
struct NumberedRecord: ClickHouseRecord {
    let number: Int
    let textBytes: Int

    static let columns: [Column<NumberedRecord>] = [Column("n", \.number), Column("text", \.text)]
    static let identity: RecordIdentity? = RecordIdentity(id: "n")

    /// The row as it must arrive.
    var row: String { "{\"n\":\(number),\"text\":\"\(text)\"}" }

    /// The number in a row; nil when it has none.
    static func number(in row: String) -> Int? {
        let start = "{\"n\":"
        guard row.hasPrefix(start) else { return nil }
        return Int(row.dropFirst(start.count).prefix(while: \.isNumber))
    }

    private var text: String {
        let word = "\(number) "
        let words = String(repeating: word, count: textBytes / word.utf8.count + 1)
        return String(words.utf8.prefix(textBytes)) ?? words
    }
}
