/// A member's name while it is read, its escapes undone, so that `"\u0075sage"` is found as what it is. Only short ASCII
/// names are looked for; what cannot be one is not kept.
struct JSONName {
    private static let maxBytes = 32

    /// Nil when it is longer than any name that is looked for, or is not ASCII.
    private(set) var bytes: [UInt8]? = []

    private(set) var isASCII = true

    /// How many hexadecimal digits of an escape are to come; nil outside of an escape.
    private var digits: Int?
    private var unit: UInt16 = 0
    private var isEscaped = false

    /// Whether the second half of a surrogate pair is to come.
    private var needsLow = false

    /// - Returns: whether that was the closing quote; nil when it is no JSON string.
    mutating func take(_ byte: UInt8) -> Bool? {
        if let left = digits {
            guard let digit = Self.digit(byte) else { return nil }
            unit = unit << 4 | UInt16(digit)
            digits = left > 1 ? left - 1 : nil
            return left > 1 || takeUnit() ? false : nil
        }
        if isEscaped {
            isEscaped = false
            if byte == UInt8(ascii: "u") {
                digits = 4
                unit = 0
                return false
            }
            guard !needsLow, let plain = Self.unescaped(byte) else { return nil }
            keep(plain)
            return false
        }
        if byte == UInt8(ascii: "\\") {
            isEscaped = true
            return false
        }
        guard !needsLow, byte >= 0x20 else { return nil }
        if byte == UInt8(ascii: "\"") { return true }
        keep(byte)
        return false
    }

    private mutating func takeUnit() -> Bool {
        let isLow = (0xdc00...0xdfff).contains(unit)
        guard isLow == needsLow else { return false }
        needsLow = (0xd800...0xdbff).contains(unit)
        keep(unit < 0x80 ? UInt8(unit) : 0xff)
        return true
    }

    private mutating func keep(_ byte: UInt8) {
        if byte >= 0x80 { isASCII = false }
        guard isASCII, let count = bytes?.count, count < Self.maxBytes else { return bytes = nil }
        bytes?.append(byte)
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func unescaped(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }
}
