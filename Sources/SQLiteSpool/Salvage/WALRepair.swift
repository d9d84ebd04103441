/// Makes SQLite read a WAL on behind a damaged frame, as far as there were commits.
///
/// SQLite stops at the first frame whose checksum is wrong, and drops every commit behind it without a word. Their pages
/// are still there. This writes the same frames with checksums that are right again; what that lets in is for others to
/// check. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
///
/// Behind the last commit there may be frames of commits that failed, with the same salts. Only the owner's note tells where the
/// commits end: so without one nothing is repaired, nor when SQLite reads all that the note says.
struct WALRepair {
    /// The damaged spool.
    let file: DatabaseFile
    let note: OwnerNote

    private static let headerLength = 32
    private static let frameHeaderLength = 24

    /// How many commits are looked at in vain, because their counts cannot be read. Each costs SQLite a look at the whole WAL.
    private static let patience = 16

    private var fileSystem: any FileSystem { file.fileSystem }
    private var wal: String { file.path + "-wal" }

    /// After a power cut without syncs frames may be missing, and what comes behind them must not be read; but then that
    /// durability promises that nothing needs it.
    ///
    /// - Parameters:
    ///   - draft: the file for the repaired WAL. There must be none.
    ///   - exchange: puts it in the place of the WAL. Called only when there is something to repair.
    /// - Returns: whether there was.
    @discardableResult
    func run(writingTo draft: String, exchange: () throws -> Void) throws -> Bool {
        guard note.durability == .powerLoss, try fileSystem.hasBytes(wal), look()?.reachesNote != true else {
            return false
        }
        let chain = try write(to: draft)
        guard !chain.commits.isEmpty else {
            try fileSystem.remove(draft)
            return false
        }
        try fileSystem.sync(draft)
        try exchange()
        let frames = try chain.commits[firstToReachNote(of: chain)]
        try fileSystem.truncate(wal, to: chain.bytes(frames))
        try fileSystem.sync(wal)
        return true
    }

    // MARK: The note

    /// What SQLite reads, as counts.
    private struct Look {
        let lastID: Int64
        /// Whether it is all that was committed.
        let reachesNote: Bool
    }

    /// - Returns: nil when the counts cannot be read.
    private func look() -> Look? {
        guard let database = try? file.connect(), let counts = try? database.readCounts() else { return nil }
        // What cannot be read does not become readable with more commits. And batches may be acknowledged while an older one waits.
        var reaches = counts.lastID >= note.progress.committed
        if reaches, let ledger = try? database.readLedger() {
            reaches =
                !ledger.progress.isBehind(note.progress)
                && (ledger.lastID > note.progress.committed
                    || note.progress.records.map { ledger.records <= $0 } ?? true)
        }
        // The note says nothing about another spool.
        return Look(lastID: counts.lastID, reachesNote: reaches || counts.uuid != note.uuid)
    }

    /// - Returns: the index of the first commit of the chain that has all that the note says. When none has: of the last one before
    ///   the counts go back, as they do where a failed commit begins.
    private func firstToReachNote(of chain: Chain) throws -> Int {
        var newest: Int64 = 0
        var beforeStepBack: Int?
        var left = Self.patience
        for (start, end) in zip(chain.parts, chain.parts.dropFirst() + [chain.commits.count]) {
            let last = try hide(behind: chain.commits[end - 1], of: chain, look)
            if last?.reachesNote != false, let first = try firstToReachNote(of: chain, in: start..<end, &left) {
                return first
            }
            if let last {
                if last.lastID < newest { beforeStepBack = beforeStepBack ?? start - 1 }
                newest = max(newest, last.lastID)
            }
        }
        return beforeStepBack ?? chain.commits.count - 1
    }

    /// - Parameter part: of the chain. The commits in it followed one upon the other.
    private func firstToReachNote(of chain: Chain, in part: Range<Int>, _ left: inout Int) throws -> Int? {
        var (low, high) = (part.lowerBound, part.upperBound)
        var first: Int?
        while low < high, left > 0 {
            let middle = (low + high) / 2
            var probe = middle
            var found: Look?
            // One whose counts are damaged says nothing. The next one may.
            while probe < high, left > 0 {
                found = try hide(behind: chain.commits[probe], of: chain, look)
                if found != nil { break }
                (probe, left) = (probe + 1, left - 1)
            }
            if found?.reachesNote == false {
                low = probe + 1
            } else {
                if found != nil { first = probe }
                high = middle
            }
        }
        return first
    }

    /// SQLite reads only this number of frames meanwhile.
    private func hide<Result>(behind frames: Int, of chain: Chain, _ body: () -> Result) throws -> Result {
        let salts = chain.bytes(frames) + 8
        let hidden = try fileSystem.read(wal, from: salts, count: 8)
        if !hidden.isEmpty { try fileSystem.write(hidden.map { ~$0 }, to: wal, at: salts) }
        let result = body()
        if !hidden.isEmpty { try fileSystem.write(hidden, to: wal, at: salts) }
        // What this look found out of the WAL.
        try fileSystem.remove(file.path + "-shm")
        return result
    }

    // MARK: The frames

    /// A WAL of one generation whose checksums are right.
    private struct Chain {
        let pageBytes: Int
        /// How many frames there are at the end of each commit that SQLite did not reach before.
        var commits: [Int] = []
        /// The indices of commits before which the frames do not follow one upon the other: damage, or a failed commit.
        var parts: [Int] = []

        var frameLength: Int { WALRepair.frameHeaderLength + pageBytes }
        func bytes(_ frames: Int) -> Int { WALRepair.headerLength + frames * frameLength }
    }

    private func write(to draft: String) throws -> Chain {
        try fileSystem.createPrivateFile(draft)
        let header = try fileSystem.read(wal, from: 0, count: Self.headerLength)
        var chain = Chain(pageBytes: Self.pageBytes(of: header))
        guard header.count == Self.headerLength else { return chain }
        let length = chain.frameLength
        let salts = try salts(header, length)
        var output = Self.header(salts: salts, pageBytes: chain.pageBytes, like: header)
        var checksum = WALChecksum()
        checksum.add(output[0..<24])
        checksum.write(to: &output)
        // Whether SQLite has got this far.
        var isReached = output == header
        // Whether each frame since the last commit was written behind the one before it.
        var follows = true
        var previous = WALChecksum(header[24..<32])
        var (kept, written) = (0, 0)
        var offset = Self.headerLength
        let framesInPiece = max(1, (1 << 20) / length)
        scan: while true {
            // With the next one's header: the salts in one of them may be what is damaged. Where both are other ones, the old
            // generation begins.
            let piece = try fileSystem.read(wal, from: offset, count: framesInPiece * length + Self.frameHeaderLength)
            for start in stride(from: 0, to: min(framesInPiece, piece.count / length) * length, by: length) {
                let next = start + length + 16
                guard
                    piece[start + 8..<start + 16].elementsEqual(salts)
                        || next <= piece.count && piece[next - 8..<next].elementsEqual(salts)
                else { break scan }
                guard piece[start..<start + 4].contains(where: { $0 != 0 }) else {
                    (isReached, follows) = (false, false)
                    continue
                }
                let page = piece[start + Self.frameHeaderLength..<start + length]
                previous.add(piece[start..<start + 8])
                previous.add(page)
                let stored = WALChecksum(piece[start + 16..<start + 24])
                follows = follows && previous == stored
                previous = stored
                let frame = output.count
                output += piece[start..<start + 8]
                output += salts
                checksum.add(output[frame..<frame + 8])
                checksum.add(page)
                checksum.write(to: &output)
                isReached = isReached && output[frame...].elementsEqual(piece[start..<start + Self.frameHeaderLength])
                output += page
                kept += 1
                guard piece[start + 4..<start + 8].contains(where: { $0 != 0 }) else { continue }
                if !isReached {
                    if !follows || chain.commits.isEmpty { chain.parts.append(chain.commits.count) }
                    chain.commits.append(kept)
                }
                follows = true
            }
            try fileSystem.write(output, to: draft, at: written)
            written += output.count
            output = []
            offset += framesInPiece * length
            if piece.count < framesInPiece * length { break }
        }
        if !output.isEmpty { try fileSystem.write(output, to: draft, at: written) }
        return chain
    }

    /// The salts show the generation. Those of the header may be damaged, so two of three decide.
    private func salts(_ header: [UInt8], _ frameLength: Int) throws -> [UInt8] {
        func salts(ofFrame frame: Int) throws -> [UInt8] {
            try fileSystem.read(wal, from: Self.headerLength + frame * frameLength + 8, count: 8)
        }
        let (own, first, second) = (Array(header[16..<24]), try salts(ofFrame: 0), try salts(ofFrame: 1))
        return own == first || own == second || first.isEmpty ? own : first
    }

    /// As the header says; where that may be what is damaged, as new spools have it.
    private static func pageBytes(of header: [UInt8]) -> Int {
        let stated = header.dropFirst(8).prefix(4).reduce(0) { $0 << 8 | Int($1) }
        return 512...65_536 ~= stated && stated.nonzeroBitCount == 1 ? stated : SpoolUsage.defaultPageBytes
    }

    private static func header(salts: [UInt8], pageBytes: Int, like header: [UInt8]) -> [UInt8] {
        // Little-endian checksums, as every machine writes that this runs on; version 3007000; the page size.
        var new: [UInt8] = [0x37, 0x7f, 0x06, 0x82, 0x00, 0x2d, 0xe2, 0x18]
        new.append(bigEndian: UInt32(pageBytes))
        return new + header[12..<16] + salts
    }
}

/// The checksum of WAL headers and frames: each covers all before it.
private struct WALChecksum: Equatable {
    private var first: UInt32 = 0
    private var second: UInt32 = 0

    init() {}

    /// - Parameter bytes: as they are in the file.
    init(_ bytes: ArraySlice<UInt8>) {
        first = bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        second = bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

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
