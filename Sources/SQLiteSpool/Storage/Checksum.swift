/// Tells whether a row is still what was written. SQLite has no checksum over what is in the database file, so a flipped
/// bit would be delivered as if it had been a value.
///
/// Each step is a bijection of the state and of what is added, so damage within one value, or within eight bytes of text,
/// never goes unnoticed, and any other does so once in 2⁶⁴.
struct Checksum {
    private var state: UInt64 = 0

    init() {}

    init(_ payload: UnsafeRawBufferPointer) {
        unsafe add(payload)
    }

    /// - Returns: the checksum of a record, when this is its payload's.
    consuming func ofRecord(_ id: Int64, enqueuedAt: Int64) -> Int64 {
        add(id)
        add(enqueuedAt)
        return value
    }

    /// As it is stored.
    var value: Int64 { Int64(bitPattern: state) }

    mutating func add(_ number: UInt64) {
        let product = (state ^ number) &* Self.multiplier
        state = product ^ (product >> 32)
    }

    mutating func add(_ number: Int64) {
        add(UInt64(bitPattern: number))
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        add(UInt64(bytes.count))
        let wordsEnd = bytes.count & ~7
        for offset in stride(from: 0, to: wordsEnd, by: 8) {
            unsafe add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
        var rest: UInt64 = 0
        for offset in (wordsEnd..<bytes.count).reversed() { unsafe rest = rest << 8 | UInt64(bytes[offset]) }
        add(rest)
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { unsafe add(UnsafeRawBufferPointer($0)) }
    }

    /// Odd, so that multiplying loses nothing: 2⁶⁴ divided by the golden ratio.
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
}

extension Batch {
    /// Over everything that does not change once it is frozen.
    var checksum: Int64 {
        var checksum = Checksum()
        checksum.add(token)
        for number in [ids.lowerBound, ids.upperBound, Int64(records), Int64(payloadBytes), frozenAt.milliseconds] {
            checksum.add(number)
        }
        return checksum.value
    }
}

extension Ledger {
    /// Over the row of the table `spool`.
    var checksum: Int64 {
        var checksum = Checksum()
        checksum.add(uuid)
        for number in [records, payloadBytes, deadLetters, dropped] { checksum.add(Int64(number)) }
        checksum.add(lastID)
        return checksum.value
    }
}
