/// What others wrote, as text that cannot act on a terminal, forge a line of a log, or hide in it.
///
/// What would act is shown as Swift writes it in a literal: `\u{1B}`, and `\n`, `\r` and `\t`. Bytes that are no UTF-8 are
/// shown as `\x{FF}`. A backslash stays as it is, so what is escaped already stays so.
package enum VisibleText {
    /// Whether a character acts or hides: controls (C0, DEL, C1), what turns the direction of text or has no width, the
    /// separators of lines and paragraphs, and the mark for what was no UTF-8.
    package static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.value {
        // Variation selectors only choose how the character before them looks.
        case 0xFE00...0xFE0F: return false
        case 0xFFFD: return true
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    package static func escape(_ text: some StringProtocol) -> String {
        guard text.unicodeScalars.contains(where: isHidden) else { return String(text) }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if isHidden(scalar) { escaped += name(scalar) } else { escaped.unicodeScalars.append(scalar) }
        }
        return escaped
    }

    /// In the lines that it has.
    package static func escapeLines(_ text: some StringProtocol) -> String {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
            .map { escape(String(String.UnicodeScalarView($0))) }
            .joined(separator: "\n")
    }

    /// In one line, also where the bytes are no UTF-8.
    package static func escape(bytes: some Collection<UInt8>) -> String {
        var escaped = ""
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            var decoder = UTF8()
            var iterator = rest.makeIterator()
            var length = 0
            // The longest start that is sound.
            sound: while true {
                switch decoder.decode(&iterator) {
                case .scalarValue(let scalar): length += UTF8.width(scalar)
                case .emptyInput, .error: break sound
                }
            }
            escaped += escape(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
            if let bad = rest.popFirst() { escaped += "\\x{\(hexadecimal(UInt32(bad)))}" }
        }
        return escaped
    }

    /// An error's text, in its lines, where it may repeat what the command was given.
    package static func message(_ text: String, quoting arguments: [String]) -> String {
        let hostile = arguments.filter { $0 != escape($0) }.sorted { $0.utf8.count > $1.utf8.count }
        return escapeLines(hostile.reduce(text) { $0.replacing($1, with: escape($1)) })
    }

    private static func name(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(hexadecimal(scalar.value))}"
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String { String(value, radix: 16, uppercase: true) }
}
