internal import Foundation

/// JSON text that is being written. There is room for all of a value before its first byte, so that no byte has to ask for
/// it, and nothing is allocated but the text itself.
struct JSONText {
    /// The text, and the room behind it.
    private var storage: [UInt8]
    private var count = 0

    /// - Parameter capacity: bytes that are there at first; it grows when there are more.
    init(capacity: Int) {
        storage = [UInt8](repeating: 0, count: capacity)
    }

    /// The bytes of the text.
    consuming func finish() -> [UInt8] {
        storage.removeLast(storage.count - count)
        return storage
    }

    /// Appends a JSON string.
    mutating func append(_ text: String) {
        append(UInt8(ascii: "\""))
        if Self.hasEscapes(text) {
            for byte in text.utf8 { appendEscaped(byte) }
        } else {
            append(text.utf8.span)
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends text that is JSON as it is.
    mutating func append(json: String) {
        append(json.utf8.span)
    }

    mutating func append(_ bytes: [UInt8]) {
        append(bytes.span)
    }

    private mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        // Safe: there is room for all of them, and neither pointer outlives the call.
        unsafe storage.withUnsafeMutableBufferPointer { storage in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                guard let source = bytes.baseAddress, let target = storage.baseAddress else { return }
                unsafe (target + count).update(from: source, count: bytes.count)
            }
        }
        count += bytes.count
    }

    mutating func append(_ byte: UInt8) {
        reserve(1)
        storage[count] = byte
        count += 1
    }

    mutating func append(magnitude: UInt64, isNegative: Bool) {
        if isNegative { append(UInt8(ascii: "-")) }
        var digits = 1
        var rest = magnitude / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        reserve(digits)
        let start = count
        count += digits
        var out = storage.mutableSpan
        rest = magnitude
        for index in stride(from: start + digits - 1, through: start, by: -1) {
            out[index] = Self.digit(rest % 10)
            rest /= 10
        }
    }

    mutating func append(_ uuid: UUID) {
        reserve(38)
        var position = count
        count += 38
        var out = storage.mutableSpan
        func put(_ byte: UInt8, _ out: inout MutableSpan<UInt8>) {
            out[position] = byte
            position += 1
        }
        put(UInt8(ascii: "\""), &out)
        // Safe: nothing of it is kept, and the index ends with the bytes.
        unsafe withUnsafeBytes(of: uuid.uuid) { bytes in
            for index in 0..<bytes.count {
                if index == 4 || index == 6 || index == 8 || index == 10 { put(UInt8(ascii: "-"), &out) }
                let byte = unsafe bytes[index]
                put(Self.hexDigit(byte >> 4), &out)
                put(Self.hexDigit(byte & 0xf), &out)
            }
        }
        put(UInt8(ascii: "\""), &out)
    }

    /// Appends `"2026-11-22T16:23:00.123Z"`.
    mutating func append(_ timestamp: Timestamp) {
        reserve(26)
        var position = count
        count += 26
        var out = storage.mutableSpan
        func put(_ number: Int64, _ end: Unicode.Scalar, _ out: inout MutableSpan<UInt8>) {
            out[position] = Self.digit(UInt64(truncatingIfNeeded: number / 10))
            out[position + 1] = Self.digit(UInt64(truncatingIfNeeded: number % 10))
            out[position + 2] = UInt8(ascii: end)
            position += 3
        }
        let parts = timestamp.parts
        out[position] = UInt8(ascii: "\"")
        position += 1
        put(parts.year / 100, "-", &out)
        // What stood behind the century is overwritten by the year's other half.
        position -= 1
        put(parts.year % 100, "-", &out)
        put(parts.month, "-", &out)
        put(parts.day, "T", &out)
        put(parts.hour, ":", &out)
        put(parts.minute, ":", &out)
        put(parts.second, ".", &out)
        put(parts.millisecond / 10, "0", &out)
        out[position - 1] = Self.digit(UInt64(truncatingIfNeeded: parts.millisecond % 10))
        out[position] = UInt8(ascii: "Z")
        out[position + 1] = UInt8(ascii: "\"")
    }

    /// Whether JSON has the text otherwise than it is.
    static func hasEscapes(_ text: String) -> Bool {
        let bytes = text.utf8.span
        for index in bytes.indices where mustBeEscaped(bytes[index]) { return true }
        return false
    }

    /// Makes room for so many more bytes.
    private mutating func reserve(_ bytes: Int) {
        let missing = count + bytes - storage.count
        if missing > 0 { storage.append(contentsOf: repeatElement(0, count: max(missing, storage.count))) }
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        guard Self.mustBeEscaped(byte) else { return append(byte) }
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        case 0..<0x20:
            append(json: "u00")
            append(Self.hexDigit(byte >> 4))
            append(Self.hexDigit(byte & 0xf))
        default: append(byte)
        }
    }

    private static func mustBeEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value &+ (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") &- 10)
    }
}
