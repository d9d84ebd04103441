import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct WALRepairTests {
    /// Spools of earlier versions have pages of 4 KiB.
    @Test(arguments: [4_096, SpoolUsage.defaultPageBytes])
    func `a WAL with a damaged frame is read to its end, whatever its pages have`(pageBytes: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/d"
            let copy = directory + "/copy"
            do {
                let database = try Database(path: path, access: .create)
                try database.execute("PRAGMA page_size = \(pageBytes); PRAGMA journal_mode = WAL")
                try database.execute("CREATE TABLE rows (value)")
                for value in 0..<5 { try database.execute("INSERT INTO rows VALUES (\(value))") }
                for file in ["", "-wal"] {
                    try FileManager.default.copyItem(atPath: path + file, toPath: copy + file)
                }
            }
            let wal = [UInt8](try Data(contentsOf: URL(filePath: copy + "-wal")))
            #expect(WALRepair(wal) == nil)
            var damaged = wal
            damaged[32 + 2 * (24 + pageBytes) + 16] ^= 1
            try Data(damaged).write(to: URL(filePath: copy + "-wal"))
            #expect(try rows(in: copy) == 0)
            let repaired = try #require(WALRepair(damaged)?.bytes)
            #expect(repaired == wal)
            try Data(repaired).write(to: URL(filePath: copy + "-wal"))
            #expect(try rows(in: copy) == 5)
        }
    }

    private func rows(in path: String) throws -> Int64? {
        // What an earlier look found out of the WAL.
        try? FileManager.default.removeItem(atPath: path + "-shm")
        return try Database(path: path, access: .readOnly).integer("SELECT count(*) FROM rows")
    }
}
