@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolSalvageTests {
    /// Rows of an older schema have no checksums, so nothing but their sense tells whether they are damaged.
    @Test(arguments: [
        "UPDATE records SET id = 1 << 60 WHERE id = 5",
        "UPDATE batches SET last_id = 9223372036854775807",
        "UPDATE batches SET last_id = 1 << 60",
        "UPDATE spool SET last_id = 9223372036854775807, checksum = NULL",
    ])
    func `numbers that cannot be are left behind, and the rest is salvaged`(damage: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path, durability: .powerLoss) { spool in
                try await spool.appendNumbers(0..<5)
                _ = try #require(try await spool.next(2))
            }
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute("UPDATE records SET checksum = NULL; UPDATE batches SET checksum = NULL")
                try database.execute("UPDATE spool SET records = 77; \(damage)")
            }
            for _ in 0..<2 {
                try await withSpool(at: path, durability: .powerLoss) { spool in
                    #expect(4...5 ~= spool.summary.undelivered)
                    let lines = try await spool.next(10)?.lines
                    #expect(lines?.first == "{\"n\":0}")
                }
            }
        }
    }

    @Test func `a salvaged spool knows where its records go`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let destination = SpoolDestination(database: "d", table: "t", idColumn: "n")
            try await withSpool(at: path, durability: .powerLoss) { spool in
                try await spool.appendNumbers(0..<5)
                try await spool.report(DeliveryReport(state: .fine, destination: destination))
                // A note that says nothing of it changes nothing.
                try await spool.report(DeliveryReport(state: .held, reason: "no table"))
            }
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute("UPDATE spool SET records = 77")
            }
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.salvaged == 5)
                #expect(spool.recoveredDestination == destination)
            }
        }
    }

    @Test(arguments: ["spool", "delivery"])
    func `a schema whose text is damaged is set aside, and its records go on`(table: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path, durability: .powerLoss) { try await $0.appendNumbers(0..<5) }
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute(
                    """
                    PRAGMA writable_schema = ON;
                    UPDATE sqlite_schema SET sql = replace(replace(sql, 'last_id', 'last_ie'), 'time_column', 'time_colunn')
                    WHERE name = '\(table)'
                    """
                )
            }
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.salvaged == 5)
                #expect(spool.loss?.lost == 0)
            }
        }
    }

    @Test func `a note with numbers that cannot be is no note`() {
        let progress = OwnerNote.Progress(committed: .max, frozen: 2, delivered: 1)
        let note = OwnerNote(process: 1, uuid: "u", durability: .powerLoss, progress: progress, state: .sound)
        #expect(OwnerNote(note.text) == nil)
    }
}
