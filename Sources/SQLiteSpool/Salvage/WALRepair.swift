/// Where the commits of a WAL end.
struct WALEnd: Sendable, Equatable {
    /// Those of the WAL's generation, as they are in its header. They are others each time that the WAL is begun anew.
    let salts: UInt64
    /// From the beginning of the file.
    let bytes: Int
}

/// Makes SQLite read a WAL on behind a damaged frame.
///
/// SQLite stops at the first frame whose checksum is wrong, and drops every commit behind it without a word. Their pages
/// are still there. This writes the same frames with checksums that are right again; what that lets in is for others to
/// check. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
///
/// Behind the last commit there may be frames of commits that failed, with the same salts. Only the owner's note tells where the
/// commits end: so without it nothing is repaired.
enum WALRepair {
    static let headerLength = 32
    private static let frameHeaderLength = 24

    /// - Parameters:
    ///   - end: as the owner noted it.
    ///   - new: the file for the repaired WAL, synced. There must be none.
    /// - Returns: whether there was something to repair; else there is no new file.
    static func run(
        _ wal: String,
        through end: WALEnd,
        writingTo new: String,
        _ fileSystem: any FileSystem
    ) throws(FileSystemFailure) -> Bool {
        let header = try fileSystem.read(wal, from: 0, count: headerLength)
        guard header.count == headerLength else { return false }
        let pageBytes = pageBytes(of: header)
        let length = frameHeaderLength + pageBytes
        let salts = [UInt8](bigEndian: end.salts)
        // One of the three may be what is damaged. Where all are other ones, the note is about a WAL that was moved into the database.
        let first = try fileSystem.read(wal, from: headerLength + 8, count: 8)
        let second = try fileSystem.read(wal, from: headerLength + length + 8, count: 8)
        guard [Array(header[16..<24]), first, second].contains(salts) else { return false }
        try fileSystem.createPrivateFile(new)
        // Little-endian checksums, as every machine writes that this runs on; version 3007000; the page size.
        var output = [0x37, 0x7f, 0x06, 0x82, 0x00, 0x2d, 0xe2, 0x18] + [UInt8](bigEndian: UInt32(pageBytes))
        output += header[12..<16] + salts
        var checksum = WALChecksum()
        checksum.add(output[...])
        output += checksum.bytes
        var isSound = output == header
        var (offset, written) = (headerLength, 0)
        let pieceLength = max(1, (1 << 20) / length) * length
        while offset + length <= end.bytes {
            let piece = try fileSystem.read(wal, from: offset, count: min(pieceLength, end.bytes - offset))
            for start in stride(from: 0, through: piece.count - length, by: length) {
                // No page is the first one of a hole.
                guard piece[start..<start + 4].contains(where: { $0 != 0 }) else {
                    isSound = false
                    continue
                }
                let frame = output.count
                let page = piece[start + frameHeaderLength..<start + length]
                output += piece[start..<start + 8] + salts
                checksum.add(output[frame..<frame + 8])
                checksum.add(page)
                output += checksum.bytes
                isSound = isSound && output[frame...].elementsEqual(piece[start..<start + frameHeaderLength])
                output += page
            }
            try fileSystem.write(output, to: new, at: written)
            written += output.count
            output = []
            offset += pieceLength
            if piece.count < pieceLength { break }
        }
        if isSound { try fileSystem.remove(new) } else { try fileSystem.sync(new) }
        return !isSound
    }

    /// As the header says; where that may be what is damaged, as new spools have it.
    static func pageBytes(of header: [UInt8]) -> Int {
        let stated = header.dropFirst(8).prefix(4).reduce(0) { $0 << 8 | Int($1) }
        return 512...65_536 ~= stated && stated.nonzeroBitCount == 1 ? stated : SpoolUsage.defaultPageBytes
    }
}

/// The checksum of WAL headers and frames: each covers all before it.
private struct WALChecksum {
    private var first: UInt32 = 0
    private var second: UInt32 = 0

    /// As they are in the file.
    var bytes: [UInt8] { [UInt8](bigEndian: first) + [UInt8](bigEndian: second) }

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
}

extension [UInt8] {
    fileprivate init(bigEndian number: some FixedWidthInteger & UnsignedInteger) {
        self = stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
