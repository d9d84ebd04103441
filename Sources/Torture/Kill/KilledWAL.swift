internal import Foundation
internal import SQLiteSpool

/// The WAL of a spool whose owner was killed (https://www.sqlite.org/fileformat2.html#the_write_ahead_log).
struct KilledWAL {
    private let path: String
    private var bytes: [UInt8]
    private let frameBytes: Int
    /// How many frames there were at the end of each commit.
    private let commits: [Int]

    /// - Returns: nil when there is none, or the owner's durability allows to lose the newest, so that nothing is repaired.
    init?(ofSpool spool: String) throws {
        let note = try String(decoding: Data(contentsOf: URL(filePath: spool + ".lock")), as: UTF8.self)
        path = spool + "-wal"
        guard note.contains("power-loss") || note.contains("powerLoss"),
            let data = try? Data(contentsOf: URL(filePath: path)), data.count > 32
        else { return nil }
        bytes = [UInt8](data)
        frameBytes = 24 + bytes[8..<12].reduce(0) { $0 << 8 | Int($1) }
        var commits: [Int] = []
        var frame = 0
        while 32 + (frame + 1) * frameBytes <= bytes.count {
            let header = 32 + frame * frameBytes
            guard bytes[header + 8..<header + 16].elementsEqual(bytes[16..<24]) else { break }
            frame += 1
            if bytes[header + 4..<header + 8].contains(where: { $0 != 0 }) { commits.append(frame) }
        }
        self.commits = commits
    }

    /// Flips a bit in the checksum of a frame, so that no record is lost and SQLite stops there, and adds what a failed commit
    /// leaves behind the end: frames with the right salts, and with pages as they were before.
    ///
    /// - Returns: false when there is too little in it.
    func damage(using generator: inout SeededGenerator) throws -> Bool {
        guard commits.count >= 8, let end = commits.last else { return false }
        var new = bytes
        let frame = Int.random(in: 0..<commits[commits.count / 2], using: &generator)
        new[32 + frame * frameBytes + 16] ^= 1
        let tail = bytes[32..<32 + commits[.random(in: 1...3, using: &generator)] * frameBytes]
        let start = 32 + end * frameBytes
        new.replaceSubrange(start..<min(start + tail.count, new.count), with: tail)
        try Data(new).write(to: URL(filePath: path))
        return true
    }
}
