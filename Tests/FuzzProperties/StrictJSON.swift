/// JSON by the letter of RFC 8259, to be stricter than any server: no field twice, no half of a surrogate pair, nothing
/// before or after the value, not even a space.
package indirect enum StrictJSON {
    case null
    case bool(Bool)
    /// As it is written.
    case number(String)
    /// UTF-8. Not a `String`, for which two spellings of one character are the same.
    case string([UInt8])
    case array([StrictJSON])
    case object([[UInt8]: StrictJSON])

    /// - Throws: ``Violation`` saying what is wrong, and where.
    package init(_ text: [UInt8]) throws(Violation) {
        var parser = Parser(text: text)
        self = try parser.value()
        try parser.require(parser.position == text.count, "something after the value")
    }

    private struct Parser {
        let text: [UInt8]
        var position = 0

        var next: UInt8? { position < text.count ? text[position] : nil }

        func require(_ holds: Bool, _ description: String) throws(Violation) {
            if !holds {
                throw Violation("\(description) at byte \(position) of \(String(decoding: text, as: UTF8.self))")
            }
        }

        mutating func take(_ expected: String) throws(Violation) {
            try require(text[position...].starts(with: expected.utf8), "no \(expected)")
            position += expected.utf8.count
        }

        mutating func takeIf(_ byte: Unicode.Scalar) -> Bool {
            guard next == UInt8(ascii: byte) else { return false }
            position += 1
            return true
        }

        mutating func value() throws(Violation) -> StrictJSON {
            switch next {
            case UInt8(ascii: "n"): try take("null"); return .null
            case UInt8(ascii: "t"): try take("true"); return .bool(true)
            case UInt8(ascii: "f"): try take("false"); return .bool(false)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "["): return .array(try elements())
            case UInt8(ascii: "{"): return .object(try fields())
            default: return .number(try number())
            }
        }

        private mutating func elements() throws(Violation) -> [StrictJSON] {
            try take("[")
            var elements: [StrictJSON] = []
            if takeIf("]") { return elements }
            repeat { elements.append(try value()) } while takeIf(",")
            try take("]")
            return elements
        }

        private mutating func fields() throws(Violation) -> [[UInt8]: StrictJSON] {
            try take("{")
            var fields: [[UInt8]: StrictJSON] = [:]
            if takeIf("}") { return fields }
            repeat {
                let name = try string()
                try require(fields[name] == nil, "a field twice")
                try take(":")
                fields[name] = try value()
            } while takeIf(",")
            try take("}")
            return fields
        }

        private mutating func number() throws(Violation) -> String {
            let start = position
            _ = takeIf("-")
            if !takeIf("0") { try digits() }
            if takeIf(".") { try digits() }
            if takeIf("e") || takeIf("E") {
                if !takeIf("+") { _ = takeIf("-") }
                try digits()
            }
            return String(decoding: text[start..<position], as: UTF8.self)
        }

        private mutating func digits() throws(Violation) {
            let start = position
            while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { position += 1 }
            try require(position > start, "no digit")
        }

        private mutating func string() throws(Violation) -> [UInt8] {
            try take("\"")
            var bytes: [UInt8] = []
            while let byte = next, byte != UInt8(ascii: "\"") {
                try require(byte >= 0x20, "a raw control character")
                position += 1
                if byte == UInt8(ascii: "\\") {
                    bytes += Array(String(try escaped()).utf8)
                } else {
                    bytes.append(byte)
                }
            }
            try take("\"")
            try require(String(validating: bytes, as: UTF8.self) != nil, "a string that is not UTF-8")
            return bytes
        }

        private mutating func escaped() throws(Violation) -> Unicode.Scalar {
            let byte = next
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return "\""
            case UInt8(ascii: "\\"): return "\\"
            case UInt8(ascii: "/"): return "/"
            case UInt8(ascii: "b"): return "\u{8}"
            case UInt8(ascii: "f"): return "\u{c}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"): return try unicodeEscape()
            default: throw Violation("an unknown escape at byte \(position)")
            }
        }

        private mutating func unicodeEscape() throws(Violation) -> Unicode.Scalar {
            let high = try hex()
            if let scalar = Unicode.Scalar(high) { return scalar }
            try take("\\u")
            let low = try hex()
            try require(0xd800..<0xdc00 ~= high && 0xdc00..<0xe000 ~= low, "half of a surrogate pair")
            let value = 0x1_0000 + (UInt32(high) - 0xd800) << 10 + (UInt32(low) - 0xdc00)
            guard let scalar = Unicode.Scalar(value) else { throw Violation("no character \(value)") }
            return scalar
        }

        private mutating func hex() throws(Violation) -> UInt16 {
            let digits = text[position...].prefix(4)
            try require(digits.count == 4 && digits.allSatisfy(Character.isHexDigit), "not four hexadecimal digits")
            position += 4
            return UInt16(String(decoding: digits, as: UTF8.self), radix: 16) ?? 0
        }
    }
}

extension Character {
    fileprivate static func isHexDigit(_ byte: UInt8) -> Bool {
        Character(Unicode.Scalar(byte)).isHexDigit
    }
}
