/// Makes values of the bytes that a fuzzer gives. When they have run out, everything is zero and empty.
package struct ByteSource {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: [UInt8]) {
        rest = bytes[...]
    }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 {
        rest.popFirst() ?? 0
    }

    mutating func bool() -> Bool {
        byte() & 1 == 1
    }

    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) -> Integer {
        var integer: Integer = 0
        for _ in 0..<Integer.bitWidth / 8 {
            // By two halves, because shifting an `Int8` by 8 at once is an overshift.
            integer = (integer << 4) << 4 | Integer(truncatingIfNeeded: byte())
        }
        return integer
    }

    /// - Parameter choices: at least one and at most 256.
    mutating func choice<Value>(_ choices: [Value]) -> Value {
        choices[Int(byte()) % choices.count]
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// As many as the next byte says.
    mutating func bytes() -> [UInt8] {
        bytes(Int(byte()))
    }

    /// Valid UTF-8, of as many bytes as the next one says or three times that where they are not valid.
    mutating func text() -> String {
        String(decoding: bytes(), as: UTF8.self)
    }

    mutating func remainder() -> [UInt8] {
        bytes(rest.count)
    }
}
