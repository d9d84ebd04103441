internal import Foundation

/// JSON text that is being written.
///
/// Nobody else has the bytes until it is finished, so that none of them asks whether it may be changed, and there is room
/// for all of a value before its first byte.
@safe
struct JSONText: ~Copyable {
    // Each use of the pointer is safe because `reserve` came before it: what is written lies within `capacity`, and what is
    // read within `count`.
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// Whether the bytes are in the memory that it was given.
    private(set) var isInPlace = false

    /// - Parameter capacity: bytes that are there at first; it grows when there are more.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
        unsafe bytes = .allocate(capacity: self.capacity)
    }

    /// - Parameter memory: where it is written while there is room. It must stay where it is as long as the text is there.
    init(in memory: UnsafeMutableBufferPointer<UInt8>) {
        guard let start = memory.baseAddress else { fatalError("a text without memory") }
        unsafe bytes = start
        capacity = memory.count
        isInPlace = true
    }

    deinit {
        if !isInPlace { unsafe bytes.deallocate() }
    }

    consuming func finish() -> [UInt8] {
        unsafe [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    }

    mutating func append(_ text: String) {
        let span = text.utf8.span
        reserve(span.count + 2)
        put(UInt8(ascii: "\""))
        if Self.hasEscapes(span) {
            for index in span.indices { appendEscaped(span[index]) }
            reserve(1)
        } else {
            put(span)
        }
        put(UInt8(ascii: "\""))
    }

    /// Appends text that is JSON as it is.
    mutating func append(json: String) {
        append(json.utf8.span)
    }

    mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        put(bytes)
    }

    mutating func append(_ byte: UInt8) {
        reserve(1)
        put(byte)
    }

    mutating func append(magnitude: UInt64, isNegative: Bool) {
        // The digits of 2⁶⁴, and the sign.
        reserve(21)
        if isNegative { put(UInt8(ascii: "-")) }
        var digits = 1
        var limit: UInt64 = 10
        while digits < 20, magnitude >= limit {
            digits += 1
            limit = digits < 20 ? limit &* 10 : .max
        }
        var rest = magnitude
        var position = count + digits
        count = position
        repeat {
            position -= 1
            unsafe bytes[position] = Self.digit(rest % 10)
            rest /= 10
        } while rest > 0
    }

    mutating func append(_ uuid: UUID) {
        reserve(38)
        let id = uuid.uuid
        put(UInt8(ascii: "\""))
        put(Self.hexDigits(id.0, id.1, id.2, id.3))
        put(UInt8(ascii: "-"))
        let middle = Self.hexDigits(id.4, id.5, id.6, id.7)
        put(UInt32(truncatingIfNeeded: middle))
        put(UInt8(ascii: "-"))
        put(UInt32(truncatingIfNeeded: middle >> 32))
        put(UInt8(ascii: "-"))
        let end = Self.hexDigits(id.8, id.9, id.10, id.11)
        put(UInt32(truncatingIfNeeded: end))
        put(UInt8(ascii: "-"))
        put(UInt32(truncatingIfNeeded: end >> 32))
        put(Self.hexDigits(id.12, id.13, id.14, id.15))
        put(UInt8(ascii: "\""))
    }

    /// Appends `"2026-11-22T16:23:00.123Z"`.
    mutating func append(_ timestamp: Timestamp) {
        reserve(26)
        let parts = timestamp.parts
        put(UInt8(ascii: "\""))
        putTwoDigits(parts.year / 100)
        putTwoDigits(parts.year % 100)
        put(UInt8(ascii: "-"))
        putTwoDigits(parts.month)
        put(UInt8(ascii: "-"))
        putTwoDigits(parts.day)
        put(UInt8(ascii: "T"))
        putTwoDigits(parts.hour)
        put(UInt8(ascii: ":"))
        putTwoDigits(parts.minute)
        put(UInt8(ascii: ":"))
        putTwoDigits(parts.second)
        put(UInt8(ascii: "."))
        putTwoDigits(parts.millisecond / 10)
        put(Self.digit(UInt64(truncatingIfNeeded: parts.millisecond % 10)))
        put(UInt8(ascii: "Z"))
        put(UInt8(ascii: "\""))
    }

    /// Whether JSON has the text otherwise than it is.
    static func hasEscapes(_ text: String) -> Bool {
        hasEscapes(text.utf8.span)
    }

    private static func hasEscapes(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where mustBeEscaped(bytes[index]) { return true }
        return false
    }

    /// Makes room for so many more bytes.
    private mutating func reserve(_ more: Int) {
        if count + more > capacity { grow(to: count + more) }
    }

    private mutating func grow(to least: Int) {
        capacity = max(least, 2 * capacity)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        unsafe larger.update(from: bytes, count: count)
        if !isInPlace { unsafe bytes.deallocate() }
        isInPlace = false
        unsafe bytes = larger
    }

    // MARK: Where there is room

    private mutating func put(_ byte: UInt8) {
        unsafe bytes[count] = byte
        count += 1
    }

    /// The lowest byte first.
    private mutating func put<Word: FixedWidthInteger>(_ word: Word) {
        unsafe UnsafeMutableRawPointer(bytes + count).storeBytes(of: word.littleEndian, as: Word.self)
        count += Word.bitWidth / 8
    }

    private mutating func put(_ span: Span<UInt8>) {
        unsafe span.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe (bytes + count).update(from: start, count: source.count)
        }
        count += span.count
    }

    private mutating func putTwoDigits(_ number: Int64) {
        put(Self.digit(UInt64(truncatingIfNeeded: number / 10)))
        put(Self.digit(UInt64(truncatingIfNeeded: number % 10)))
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        guard Self.mustBeEscaped(byte) else { return append(byte) }
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        case 0..<0x20:
            let digits = Self.hexDigits(byte, 0, 0, 0)
            append(json: "u00")
            append(UInt8(truncatingIfNeeded: digits))
            append(UInt8(truncatingIfNeeded: digits >> 8))
        default: append(byte)
        }
    }

    private static func mustBeEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
    }

    /// The eight digits of four bytes, the first in the lowest byte; all are computed at once.
    private static func hexDigits(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> UInt64 {
        let bytes = UInt64(a) | UInt64(b) << 16 | UInt64(c) << 32 | UInt64(d) << 48
        let nibbles = (bytes >> 4 & 0x000f_000f_000f_000f) | (bytes & 0x000f_000f_000f_000f) << 8
        // One where the nibble is a letter.
        let letters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* (0x61 - 0x3a)
    }
}
