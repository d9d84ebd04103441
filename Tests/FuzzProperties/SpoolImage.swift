import Foundation
import Migrations
import SQLiteSpool

/// The bytes of a spool's files, to be damaged and written out again.
struct SpoolImage: Sendable {
    enum Part: Sendable, CaseIterable {
        case database, wal
    }

    var database: [UInt8]
    var wal: [UInt8]

    init(database: [UInt8], wal: [UInt8]) {
        self.database = database
        self.wal = wal
    }

    subscript(part: Part) -> [UInt8] {
        get { part == .database ? database : wal }
        set { if part == .database { database = newValue } else { wal = newValue } }
    }

    func write(to path: String) throws {
        try Data(database).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        if !wal.isEmpty { try Data(wal).write(to: URL(filePath: path + "-wal")) }
    }

    init(readingFrom path: String) throws {
        database = [UInt8](try Data(contentsOf: URL(filePath: path)))
        wal = (try? Data(contentsOf: URL(filePath: path + "-wal"))).map { [UInt8]($0) } ?? []
    }

    /// Makes the sums right again in the WAL's header and frames, so that SQLite reads what was changed in them
    /// (https://www.sqlite.org/fileformat2.html#walformat).
    mutating func mendSums() {
        guard wal.count >= 32 else { return }
        let isBigEndian = wal[3] & 1 == 1
        var sum: (UInt32, UInt32) = (0, 0)
        func word(_ offset: Int) -> UInt32 {
            let bytes = wal[offset..<offset + 4]
            return (isBigEndian ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | UInt32($1) }
        }
        func add(_ range: Range<Int>) {
            for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                sum.0 &+= word(offset) &+ sum.1
                sum.1 &+= word(offset + 4) &+ sum.0
            }
        }
        /// Sums are big-endian, whatever the words are.
        func store(at offset: Int) {
            for (index, part) in [sum.0, sum.1].enumerated() {
                for byte in 0..<4 {
                    wal[offset + 4 * index + byte] = UInt8(truncatingIfNeeded: part >> UInt32(24 - 8 * byte))
                }
            }
        }
        add(0..<24)
        store(at: 24)
        for frame in stride(from: 32, through: wal.count - Self.frameBytes, by: Self.frameBytes) {
            wal.replaceSubrange(frame + 8..<frame + 16, with: wal[16..<24])
            add(frame..<frame + 8)
            add(frame + 24..<frame + Self.frameBytes)
            store(at: frame + 16)
        }
    }

    static let pageBytes = SpoolUsage.defaultPageBytes
    private static let frameBytes = 24 + pageBytes
}

extension SpoolImage {
    /// One of each kind: new, with pending records, with all there is, the same after a crash, and of the first schema.
    ///
    /// - Parameter directory: an empty one, to make them in.
    static func samples(in directory: String) async throws -> [SpoolImage] {
        let path = directory + "/sample"
        var images: [SpoolImage] = []
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        let copyWhileOpen = { try SpoolImage(readingFrom: path) }
        images.append(try copyWhileOpen())
        try await spool.append(contentsOf: (1...9).map { Array("{\"n\":\($0)}".utf8) })
        images.append(try copyWhileOpen())
        for _ in 0..<3 {
            guard let frozen = try await spool.freeze(maxRecords: 2, maxBytes: 1_000) else { continue }
            try await spool.recordFailure(of: frozen.batch, error: "it failed")
        }
        try await spool.deadLetter(spool.batches[1], code: 27, message: "no number")
        try await spool.report(DeliveryReport(state: .held, reason: "no table", guarantee: "at-least-once"))
        images.append(try copyWhileOpen())
        await spool.close()
        images.append(try SpoolImage(readingFrom: path))
        return images + [try firstSchema(in: directory)]
    }

    private static func firstSchema(in directory: String) throws -> SpoolImage {
        let path = directory + "/first"
        do {
            let database = try Database(path: path, access: .create)
            try database.execute(Migration.spool[0].sql)
            try database.execute(
                """
                INSERT INTO spool VALUES (1, '0a1b', 0, 2, 2, 14, 0);
                INSERT INTO records VALUES (1, 0, '{"n":1}'), (2, 0, '{"n":2}');
                PRAGMA application_id = 0x43485350; PRAGMA user_version = 1
                """
            )
        }
        return try SpoolImage(readingFrom: path)
    }
}
