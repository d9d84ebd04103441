/// An SQL statement as ClickHouse parts it, to see that nothing of a record's leaves its quotes.
struct SentStatement {
    /// In single quotes, their escapes undone.
    private(set) var strings: [String] = []
    /// In backquotes, their escapes undone.
    private(set) var identifiers: [String] = []
    /// What remains, with `?` for each of the above.
    private(set) var skeleton = ""

    /// - Throws: ``Violation`` for a quote that is not closed, or an escape that ClickHouse might read otherwise.
    init(_ sql: String) throws(Violation) {
        var rest = sql.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch scalar {
            case "'": strings.append(try Self.takeQuoted(by: "'", &rest))
            case "`": identifiers.append(try Self.takeQuoted(by: "`", &rest))
            default:
                skeleton.unicodeScalars.append(scalar)
                continue
            }
            skeleton += "?"
        }
    }

    private static func takeQuoted(
        by quote: Unicode.Scalar,
        _ rest: inout String.UnicodeScalarView.SubSequence
    ) throws(Violation) -> String {
        let escapes: [Unicode.Scalar: Unicode.Scalar] = ["\\": "\\", "'": "'", "`": "`", "n": "\n", "0": "\0"]
        var text = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == quote {
                // Doubled it would be a quote in the text.
                try require(rest.first != quote, "two quotes side by side")
                return String(text)
            }
            guard scalar == "\\" else { text.append(scalar); continue }
            guard let escaped = rest.popFirst().flatMap({ escapes[$0] }) else { throw Violation("an unknown escape") }
            text.append(escaped)
        }
        throw Violation("a quote that is not closed")
    }
}
