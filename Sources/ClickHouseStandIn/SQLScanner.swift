/// Reads as much of SQL as a batch writer sends.
struct SQLScanner {
    var rest: Substring

    mutating func skip(_ character: Character) -> Bool {
        rest = rest.trimmingPrefix { $0.isWhitespace }
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    mutating func skip(word: String) -> Bool {
        rest = rest.trimmingPrefix { $0.isWhitespace }
        guard rest.prefix(word.count).uppercased() == word else { return false }
        rest = rest.dropFirst(word.count)
        return true
    }

    /// Everything up to and including `text`.
    mutating func skip(past text: String) -> Bool {
        guard let range = rest.firstRange(of: text) else { return false }
        rest = rest[range.upperBound...]
        return true
    }

    /// A string in single quotes with backslash escapes, or a number.
    mutating func literal() -> String? {
        guard skip("'") else {
            let digits = rest.prefix { $0.isNumber || $0 == "-" }
            rest = rest[digits.endIndex...]
            return digits.isEmpty ? nil : String(digits)
        }
        return unescape(until: "'")
    }

    /// A bare name, or one in backquotes with backslash escapes.
    mutating func identifier() -> String? {
        guard skip("`") else {
            let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            rest = rest[name.endIndex...]
            return name.isEmpty ? nil : String(name)
        }
        return unescape(until: "`")
    }

    private mutating func unescape(until quote: Character) -> String {
        var text = ""
        while let character = rest.popFirst(), character != quote {
            text.append(character == "\\" ? rest.popFirst() ?? character : character)
        }
        return text
    }
}
