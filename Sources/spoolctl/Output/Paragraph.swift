/// Text for a terminal.
enum Paragraph {
    /// The lines of a text, none wider than `width` unless one of its words is.
    ///
    /// - Parameters:
    ///   - first: what the first line begins with.
    ///   - indent: what the others begin with.
    ///   - most: the most lines; the last of them ends with `…` where there would be more.
    static func lines(
        _ text: some StringProtocol,
        width: Int = 80,
        first: String = "",
        indent: String = "",
        atMost most: Int = .max
    ) -> [String] {
        var lines: [String] = []
        var line = first
        var isEmpty = true
        for word in oneLine(text).split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > width {
                if lines.count + 1 == most { return lines + [line + " …"] }
                lines.append(line)
                (line, isEmpty) = (indent, true)
            }
            line += isEmpty ? word : " " + word
            isEmpty = false
        }
        return lines + [line]
    }

    /// At most so many characters; the last is `…` where something was cut off.
    static func cut(_ text: some StringProtocol, to width: Int) -> String {
        let line = oneLine(text)
        if line.count <= width { return line }
        return width < 1 ? "" : line.prefix(width - 1) + "…"
    }

    /// Without line breaks, and without what would move a terminal's cursor or change its colours.
    static func oneLine(_ text: some StringProtocol) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.isControl ? " " : $0 }))
    }
}

extension Paragraph {
    /// The same for a text of several lines, which stay.
    static func clean(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { oneLine(String($0)) }.joined(
            separator: "\n"
        )
    }
}

extension Paragraph {
    /// JSON in one line, with what a terminal would act on as JSON escapes: another text for the same value.
    static func escaped(_ json: String) -> String {
        json.unicodeScalars.reduce(into: "") { text, scalar in
            if !scalar.isControl { return text.unicodeScalars.append(scalar) }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
    }
}

extension Unicode.Scalar {
    /// Line breaks, escape sequences, and what turns the direction of a text.
    fileprivate var isControl: Bool {
        if isASCII { return value < 0x20 || value == 0x7f }
        return [.control, .format, .lineSeparator, .paragraphSeparator].contains(properties.generalCategory)
    }
}
