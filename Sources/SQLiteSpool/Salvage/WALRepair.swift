/// Makes SQLite read a WAL to its end although something in the middle is damaged.
///
/// SQLite stops at the first frame whose checksum is wrong, and drops every commit behind it without a word. Their pages
/// are still there. This writes the same frames with checksums that are right again; what that lets in is for others to
/// check. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
struct WALRepair {
    /// The WAL with all frames of the newest generation.
    let bytes: [UInt8]

    private static let headerLength = 32
    private static let frameHeaderLength = 24

    /// - Returns: nil when SQLite reads all of it anyway.
    init?(_ wal: [UInt8]) {
        guard wal.count >= Self.headerLength else { return nil }
        let pageBytes = Self.pageBytes(of: wal)
        let frameLength = Self.frameHeaderLength + pageBytes
        let frames = (wal.count - Self.headerLength) / frameLength
        guard frames > 0 else { return nil }
        let starts = (0..<frames).map { Self.headerLength + $0 * frameLength }
        // A generation is told by its salts. Those of the header may be what is damaged, so two of three decide.
        let header = wal[16..<24]
        let first = wal[starts[0] + 8..<starts[0] + 16]
        let second = frames > 1 ? wal[starts[1] + 8..<starts[1] + 16] : first
        let salts = header.elementsEqual(first) || header.elementsEqual(second) ? header : first
        // The first commit of the old generation ends the new one.
        let generation = starts.prefix { start in
            wal[start + 8..<start + 16].elementsEqual(salts)
                || start + frameLength < wal.count
                    && wal[start + frameLength + 8..<min(start + frameLength + 16, wal.count)].elementsEqual(salts)
        }
        var repaired = Self.header(salts: salts, pageBytes: pageBytes, like: wal)
        var checksum = WALChecksum()
        checksum.add(repaired[0..<24])
        checksum.write(to: &repaired)
        var sound = repaired.elementsEqual(wal[0..<Self.headerLength]) ? 0 : -1
        var kept = 0
        for start in generation {
            var frame = Array(wal[start..<start + 8])
            guard frame[0..<4].contains(where: { $0 != 0 }) else { continue }
            checksum.add(frame[0..<8])
            frame += salts
            checksum.add(wal[start + Self.frameHeaderLength..<start + frameLength])
            checksum.write(to: &frame)
            if sound == kept, frame.elementsEqual(wal[start..<start + Self.frameHeaderLength]) { sound += 1 }
            kept += 1
            repaired += frame
            repaired += wal[start + Self.frameHeaderLength..<start + frameLength]
        }
        guard kept > max(sound, 0) else { return nil }
        bytes = repaired
    }

    /// As the header says; where that may be what is damaged, as new spools have it.
    private static func pageBytes(of wal: [UInt8]) -> Int {
        let stated = wal[8..<12].reduce(0) { $0 << 8 | Int($1) }
        return 512...65_536 ~= stated && stated.nonzeroBitCount == 1 ? stated : SpoolUsage.defaultPageBytes
    }

    private static func header(salts: ArraySlice<UInt8>, pageBytes: Int, like wal: [UInt8]) -> [UInt8] {
        // Little-endian checksums, as every machine writes that this runs on; version 3007000; the page size.
        var header: [UInt8] = [0x37, 0x7f, 0x06, 0x82, 0x00, 0x2d, 0xe2, 0x18]
        header.append(bigEndian: UInt32(pageBytes))
        return header + wal[12..<16] + salts
    }
}

/// The checksum of WAL headers and frames: each covers all before it.
private struct WALChecksum {
    private var first: UInt32 = 0
    private var second: UInt32 = 0

    /// - Parameter bytes: a multiple of eight.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
        unsafe bytes.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                let words = unsafe (
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)),
                    UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
                )
                first = first &+ words.0 &+ second
                second = second &+ words.1 &+ first
            }
        }
    }

    func write(to bytes: inout [UInt8]) {
        for word in [first, second] { bytes.append(bigEndian: word) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian word: UInt32) {
        for shift in [24, 16, 8, 0] { append(UInt8(truncatingIfNeeded: word >> UInt32(shift))) }
    }
}
