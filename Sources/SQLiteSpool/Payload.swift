/// A record's row as one line of JSON, with what tells later whether it is still the same.
struct Payload: Sendable {
    let bytes: [UInt8]
    private let digest: UInt64

    /// Done by the task that appends, so that the commit thread need not.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        digest = unsafe bytes.withUnsafeBytes { unsafe Self.digest($0) }
    }

    /// What is stored beside the payload of the record `id`.
    func checksum(id: Int64) -> Int64 {
        Self.checksum(digest, id: id)
    }

    static func checksum(_ bytes: UnsafeRawBufferPointer, id: Int64) -> Int64 {
        unsafe checksum(digest(bytes), id: id)
    }

    /// The id takes part, so that a record which turns up in the place of another one is found out as well.
    private static func checksum(_ digest: UInt64, id: Int64) -> Int64 {
        Int64(bitPattern: (digest ^ UInt64(bitPattern: id)) &* multiplier)
    }

    /// Eight bytes at a time. Each step is a bijection of the word and of the state, so damage within one word never goes
    /// unnoticed, and any other does so once in 2⁶⁴.
    private static func digest(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = UInt64(bytes.count)
        let wordsEnd = bytes.count & ~7
        for offset in stride(from: 0, to: wordsEnd, by: 8) {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state = mixed(state, UInt64(littleEndian: word))
        }
        var rest: UInt64 = 0
        for offset in (wordsEnd..<bytes.count).reversed() { unsafe rest = rest << 8 | UInt64(bytes[offset]) }
        return mixed(state, rest)
    }

    private static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word) &* multiplier
        return product ^ (product >> 32)
    }

    /// Odd, so that multiplying loses nothing: 2⁶⁴ divided by the golden ratio.
    private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
}
