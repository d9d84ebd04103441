import Foundation
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
                try database.execute(
                    """
                    UPDATE records SET checksum = NULL; UPDATE batches SET checksum = NULL;
                    ALTER TABLE dead_letters DROP COLUMN checksum; PRAGMA user_version = 5;
                    UPDATE spool SET records = 77; \(damage)
                    """
                )
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

    /// `torture corrupt --seed 5`, cycle 5247: one bit of the schema, and rows that were altered were delivered.
    @Test func `where the schema has lost the checksums, no row is taken for what was written`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path, durability: .powerLoss) { try await $0.appendNumbers(0..<5) }
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute("UPDATE records SET payload = '{\"n\":9}' WHERE id = 3")
                try database.execute(
                    """
                    PRAGMA writable_schema = ON;
                    UPDATE sqlite_schema SET sql = replace(sql, ', checksum', ', chec_sum') WHERE name = 'records'
                    """
                )
            }
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.quarantinedFile != nil)
                #expect(spool.summary.undelivered == 0)
                #expect(spool.summary.deadLetters == 5)
            }
        }
    }

    /// As a page does that has got into the place of another.
    @Test(arguments: ["5", "?1 - 3"])
    func `a table that answers with rows from before what is asked for is read to an end`(answer: String) throws {
        let failure = "SELECT abs(-9223372036854775807 - 1)"
        let database = try Database(path: ":memory:", access: .create)
        let reader = RowReader(
            forwards: try database.prepare("SELECT 5 UNION ALL \(failure)"),
            backwards: try database.prepare(failure),
            after: try database.prepare("SELECT \(answer) WHERE ?1 > 0 UNION ALL \(failure)"),
            maxSteps: 1_000
        )
        var found: [Int64?] = []
        try reader.read(through: Ledger.largest) { found.append($0.integer(0)) }
        #expect(found == [5])
    }

    @Test func `dead letters on a page that is there twice are read once, and it is said`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { _ in }
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute(
                    """
                    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                    INSERT INTO dead_letters SELECT i, 1, '{}', NULL, 'm', 1, 1, NULL FROM n;
                    PRAGMA wal_checkpoint(TRUNCATE);
                    """
                )
                let root = Int(
                    try #require(
                        try database.integer(
                            "SELECT rootpage FROM sqlite_schema WHERE name = 'dead_letters'"
                        )
                    )
                )
                try copyFirstChild(of: root, overTheNextIn: path)
            }
            let reader = try SpoolReader(path: path)
            var read = 0
            let error = #expect(throws: SpoolError.self) {
                var position: Int64 = 0
                while let last = try reader.deadLetters(after: position, limit: 100).last {
                    position = last.id
                    read += 1
                }
            }
            #expect(error?.code == .damaged && 1...50 ~= read)
        }
    }

    /// `torture corrupt --seed 5`, cycle 3334: a flipped bit gave a dead letter another id, and nothing was reported.
    @Test(arguments: ["id = id + 4096", "payload = '{\"n\":9}'"])
    func `a damaged dead letter is kept, is not requeued, and counts as lost`(damage: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path, durability: .powerLoss) { spool in
                try await spool.appendNumbers(0..<5)
                let batch = try #require(try await spool.next(3)).batch
                try await spool.deadLetter(batch, code: 27, message: "refused")
            }
            try Database(path: path, access: .readWrite)
                .execute("UPDATE dead_letters SET \(damage) WHERE id = 2; UPDATE spool SET records = 77")
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.lost == 1)
                let letters = try await spool.deadLetters(limit: 10)
                #expect(letters.map(\.obstacle).count { $0 == .damaged } == 1)
                #expect(try await spool.requeueDeadLetters(.all).count == 2)
                #expect(try SpoolCheck(path: path).run().filter { !$0.isSound } == [])
            }
        }
    }

    /// An interior page of a table (https://www.sqlite.org/fileformat2.html#b_tree_pages) begins with 12 bytes, then come the places
    /// of its cells, and each cell begins with the number of the page below.
    private func copyFirstChild(of root: Int, overTheNextIn path: String) throws {
        let size = SpoolUsage.defaultPageBytes
        var file = try [UInt8](Data(contentsOf: URL(filePath: path)))
        func number(_ offset: Int, bytes: Int) -> Int { file[offset..<offset + bytes].reduce(0) { $0 << 8 | Int($1) } }
        let page = (root - 1) * size
        try #require(file[page] == 5 && number(page + 3, bytes: 2) >= 2)
        let children = (0..<2).map { cell in number(page + number(page + 12 + 2 * cell, bytes: 2), bytes: 4) - 1 }
        file.replaceSubrange(
            children[1] * size..<(children[1] + 1) * size,
            with: file[children[0] * size..<(children[0] + 1) * size]
        )
        try Data(file).write(to: URL(filePath: path))
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
