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

    private func repair(_ path: String, _ note: OwnerNote) throws -> Bool {
        let draft = path + "-wal.repaired"
        return try WALRepair(file: DatabaseFile(path: path), note: note).run(writingTo: draft) {
            try FileManager.default.removeItem(atPath: path + "-wal")
            try FileManager.default.moveItem(atPath: draft, toPath: path + "-wal")
        }
    }

    @Test(arguments: [4_096, SpoolUsage.defaultPageBytes])
    func `a WAL with a damaged frame is read as far as the note says, whatever its pages have`(
        pageBytes: Int
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, pageBytes: pageBytes)
            let whole = try bytes(path + "-wal")
            var note = try #require(OwnerNote(String(decoding: try bytes(path + ".lock"), as: UTF8.self)))
            #expect(try !repair(path, note))
            var damaged = whole
            damaged[32 + whole.count / (24 + pageBytes) / 2 * (24 + pageBytes) + 16] ^= 1
            try Data(damaged).write(to: URL(filePath: path + "-wal"))
            #expect(try repair(path, note))
            #expect(try bytes(path + "-wal") == whole)
            // Nothing behind the first commit that has all that the note says.
            for committed in [29, 25, 27] as [Int64] {
                note.progress = OwnerNote.Progress(committed: committed, frozen: 0, delivered: 0)
                try Data(damaged).write(to: URL(filePath: path + "-wal"))
                #expect(try repair(path, note))
                let repaired = try bytes(path + "-wal")
                #expect(repaired.elementsEqual(whole.prefix(repaired.count)))
                #expect(try DatabaseFile(path: path).connect().readLedger().lastID == committed)
            }
            // SQLite reads all that this note says.
            note.progress.committed = 2
            try Data(damaged).write(to: URL(filePath: path + "-wal"))
            #expect(try !repair(path, note))
            #expect(try bytes(path + "-wal") == damaged)
        }
    }
}
