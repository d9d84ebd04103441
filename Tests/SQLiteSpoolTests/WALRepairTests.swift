import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct WALRepairTests {
    /// Leaves the files of a killed owner whose commits are all in the WAL. Spools of earlier versions have pages of 4 KiB.
    private func makeKilledSpool(at path: String, pageBytes: Int) async throws {
        let living = path + ".living"
        do {
            let database = try Database(path: living, access: .create)
            try database.execute(
                "PRAGMA page_size = \(pageBytes); PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x43485350"
            )
        }
        try await withSpool(
            at: living,
            durability: .powerLoss,
            configure: { $0.checkpoints.quietPeriodMilliseconds = 3_600_000 }
        ) { spool in
            for number in 0..<30 { try await spool.append(payload(number)) }
            for suffix in ["", "-wal", ".lock"] {
                try FileManager.default.copyItem(atPath: living + suffix, toPath: path + suffix)
            }
        }
    }

    private func bytes(_ path: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: path))) }

    @Test(arguments: [4_096, SpoolUsage.defaultPageBytes])
    func `a WAL with a damaged frame is read as far as the note says, whatever its pages have`(
        pageBytes: Int
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, pageBytes: pageBytes)
            let (wal, repaired) = (path + "-wal", path + "-wal.repaired")
            let whole = try bytes(wal)
            let note = try #require(OwnerNote(String(decoding: try bytes(path + ".lock"), as: UTF8.self)))
            let end = try #require(note.progress.wal)
            func repair(through end: WALEnd) throws -> [UInt8]? {
                defer { try? FileManager.default.removeItem(atPath: repaired) }
                return try WALRepair.run(wal, through: end, writingTo: repaired, .system) ? bytes(repaired) : nil
            }
            #expect(end.bytes <= whole.count)
            #expect(try repair(through: end) == nil)
            #expect(!FileManager.default.fileExists(atPath: repaired))
            let length = 24 + pageBytes
            let middle = 32 + end.bytes / length / 2 * length
            // A salt or a checksum: of the header, the first frame, and one in the middle.
            for place in [16, 30, 32 + 8, 32 + 16, middle + 8, middle + 16] {
                var damaged = whole
                damaged[place] ^= 1
                try Data(damaged).write(to: URL(filePath: wal))
                #expect(try repair(through: end) == Array(whole.prefix(end.bytes)), "byte \(place)")
            }
            // Nothing behind what the note says, and no WAL that it is not about.
            let less = WALEnd(salts: end.salts, bytes: end.bytes - 2 * length)
            #expect(try repair(through: less) == Array(whole.prefix(less.bytes)))
            #expect(try repair(through: WALEnd(salts: end.salts, bytes: middle)) == nil)
            #expect(try repair(through: WALEnd(salts: end.salts ^ 1, bytes: end.bytes)) == nil)
            // What is cut off is not made up.
            try Data(whole.prefix(middle + 7)).write(to: URL(filePath: wal))
            #expect(try repair(through: end) == nil)
        }
    }
}
