internal import ClickHouseWriter

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

    /// As visible text, with a space for a line break or a tab.
    static func oneLine(_ text: some StringProtocol) -> String {
        VisibleText.escape(
            String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\n" || $0 == "\t" ? " " : $0 }))
        )
    }
}

extension Paragraph {
    /// JSON in one line, with what a terminal would act on as JSON escapes: another text for the same value.
    static func escaped(_ json: String) -> String {
        json.unicodeScalars.reduce(into: "") { text, scalar in
            if !VisibleText.isHidden(scalar) { return text.unicodeScalars.append(scalar) }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
    }
}
