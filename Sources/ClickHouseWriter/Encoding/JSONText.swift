internal import Foundation

/// Appends values to JSON text, byte by byte and without allocating.
enum JSONText {
    static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if hasEscapes(text) {
            for byte in text.utf8 { appendEscaped(byte, to: &bytes) }
        } else {
            bytes.append(contentsOf: text.utf8)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Whether JSON has the text otherwise than it is.
    static func hasEscapes(_ text: String) -> Bool {
        text.utf8.contains(where: mustBeEscaped)
    }

    static func append(magnitude: UInt64, isNegative: Bool, to bytes: inout [UInt8]) {
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        var divisor: UInt64 = 1
        while magnitude / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude / divisor % 10))
            divisor /= 10
        }
    }

    static func append(_ uuid: UUID, to bytes: inout [UInt8]) {
        let u = uuid.uuid
        bytes.append(UInt8(ascii: "\""))
        for byte in [u.0, u.1, u.2, u.3] { appendHex(byte, to: &bytes) }
        bytes.append(UInt8(ascii: "-"))
        for byte in [u.4, u.5] { appendHex(byte, to: &bytes) }
        bytes.append(UInt8(ascii: "-"))
        for byte in [u.6, u.7] { appendHex(byte, to: &bytes) }
        bytes.append(UInt8(ascii: "-"))
        for byte in [u.8, u.9] { appendHex(byte, to: &bytes) }
        bytes.append(UInt8(ascii: "-"))
        for byte in [u.10, u.11, u.12, u.13, u.14, u.15] { appendHex(byte, to: &bytes) }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func mustBeEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func appendEscaped(_ byte: UInt8, to bytes: inout [UInt8]) {
        guard mustBeEscaped(byte) else { return bytes.append(byte) }
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        case 0..<0x20:
            bytes.append(contentsOf: "u00".utf8)
            appendHex(byte, to: &bytes)
        default: bytes.append(byte)
        }
    }

    private static func appendHex(_ byte: UInt8, to bytes: inout [UInt8]) {
        bytes.append(hexDigit(byte >> 4))
        bytes.append(hexDigit(byte & 0xf))
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
