internal import Foundation
internal import NIOCore

/// The members of a JSON object by where they stand in its text, so that one of them can be read or changed while every
/// other byte stays what it is. What is inside of a value is not looked at, beyond finding its end.
struct JSONMembers: Equatable {
    struct Member: Equatable {
        var name: String
        /// From the beginning of the text.
        var value: Range<Int>
    }

    /// In the order in which they stand.
    private(set) var all: [Member] = []

    /// Behind the object's opening brace, from the beginning of the text.
    private(set) var start = 0

    /// - Parameter range: where in the text the object is, and nothing but it.
    /// - Returns: nil when it is no object.
    init?(_ text: ByteBuffer, in range: Range<Int>? = nil) {
        let bytes = text.readableBytesUInt8Span
        let range = range ?? 0..<bytes.count
        var reader = Position(index: range.lowerBound, end: range.upperBound)
        reader.skipSpace(bytes)
        guard reader.skip("{", bytes) else { return nil }
        start = reader.index
        reader.skipSpace(bytes)
        if !reader.skip("}", bytes) {
            repeat {
                reader.skipSpace(bytes)
                guard let name = reader.skipString(bytes) else { return nil }
                reader.skipSpace(bytes)
                guard reader.skip(":", bytes) else { return nil }
                reader.skipSpace(bytes)
                guard let value = reader.skipValue(bytes) else { return nil }
                guard let name = Self.decodeName(text, name) else { return nil }
                all.append(Member(name: name, value: value))
                reader.skipSpace(bytes)
            } while reader.skip(",", bytes)
            guard reader.skip("}", bytes) else { return nil }
        }
        reader.skipSpace(bytes)
        guard reader.index == range.upperBound else { return nil }
    }

    /// Where the member's value stands: the last one's where there are several, as most parsers have it.
    subscript(name: String) -> Range<Int>? {
        all.last { $0.name == name }?.value
    }

    /// - Parameter range: where the value stands in the text.
    /// - Returns: nil when it is of another type, or no JSON.
    static func decode<Value: Decodable>(_ type: Value.Type, _ text: ByteBuffer, _ range: Range<Int>) -> Value? {
        let start = text.readerIndex + range.lowerBound
        guard let value = text.getSlice(at: start, length: range.count) else { return nil }
        return try? JSONDecoder().decode(Value.self, from: Data(value.readableBytesView))
    }

    /// - Parameter range: with its quotes.
    private static func decodeName(_ text: ByteBuffer, _ range: Range<Int>) -> String? {
        let name = text.getString(at: text.readerIndex + range.lowerBound + 1, length: range.count - 2)
        return name?.utf8.contains(UInt8(ascii: "\\")) == true ? decode(String.self, text, range) : name
    }

    /// Where a reader of the text is.
    private struct Position {
        var index: Int
        let end: Int

        mutating func skipSpace(_ bytes: Span<UInt8>) {
            while index < end, " \n\r\t".utf8.contains(bytes[index]) { index += 1 }
        }

        mutating func skip(_ character: Unicode.Scalar, _ bytes: Span<UInt8>) -> Bool {
            guard index < end, bytes[index] == UInt8(ascii: character) else { return false }
            index += 1
            return true
        }

        /// - Returns: where it stands, its quotes included.
        mutating func skipString(_ bytes: Span<UInt8>) -> Range<Int>? {
            let start = index
            guard skip("\"", bytes) else { return nil }
            while index < end {
                switch bytes[index] {
                case UInt8(ascii: "\""):
                    index += 1
                    return start..<index
                case UInt8(ascii: "\\"): index += 2
                default: index += 1
                }
            }
            return nil
        }

        mutating func skipValue(_ bytes: Span<UInt8>) -> Range<Int>? {
            guard index < end else { return nil }
            switch bytes[index] {
            case UInt8(ascii: "\""): return skipString(bytes)
            case UInt8(ascii: "{"), UInt8(ascii: "["): return skipNested(bytes)
            default:
                let start = index
                while index < end, !",]} \n\r\t".utf8.contains(bytes[index]) { index += 1 }
                return start < index ? start..<index : nil
            }
        }

        /// An object or an array, with all that is in it.
        private mutating func skipNested(_ bytes: Span<UInt8>) -> Range<Int>? {
            let start = index
            var depth = 0
            while index < end {
                switch bytes[index] {
                case UInt8(ascii: "\""):
                    guard skipString(bytes) != nil else { return nil }
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                index += 1
                if depth == 0 { return start..<index }
            }
            return nil
        }
    }
}
