import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// A spool that somebody else has made, to hurt whoever opens it.
@Suite(.bounded) struct HostileFileTests {
    private static let endless = """
        WITH RECURSIVE c(id, enqueued_at, payload, checksum) AS
            (SELECT 1, 1, '{}', NULL UNION ALL SELECT id + 1, 1, '{}', NULL FROM c)
        SELECT * FROM c ORDER BY id DESC
        """

    /// What is done to a sound spool, and what is said of it.
    private static let foreign: [(sql: String, said: String)] = [
        ("DROP TABLE records; CREATE VIEW records AS \(endless)", "records is a view"),
        ("DROP TABLE batches; CREATE VIEW Batches AS \(endless)", "Batches is a view"),
        ("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM dead_letters; END", "it has create trigger t"),
        ("CREATE TRIGGER t BEFORE UPDATE ON spool BEGIN SELECT RAISE(ABORT, 'no'); END", "it has create trigger t"),
        ("CREATE INDEX i ON records (length(payload))", "it has create index i"),
        ("CREATE VIRTUAL TABLE f USING fts5(x)", "it has create virtual f"),
        ("CREATE TABLE more (x)", "it has a table more"),
    ]

    private static let changed: [String] = [
        "DROP TABLE records",
        "DROP TABLE records; CREATE TABLE records (id INTEGER PRIMARY KEY, enqueued_at, payload, checksum)",
        """
        DROP TABLE records;
        CREATE TABLE records (id INTEGER PRIMARY KEY, enqueued_at INTEGER, n INTEGER, checksum INTEGER,
            payload TEXT AS (printf('%.*c', n, 'x')))
        """,
        "ALTER TABLE records ADD COLUMN more TEXT AS (payload || payload)",
        "PRAGMA user_version = 3",
        "PRAGMA user_version = 0",
    ]

    private func withChangedSpool(_ sql: String, _ body: (String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            // As from elsewhere: without its owner's note.
            try FileManager.default.removeItem(atPath: path + ".lock")
            do {
                let database = try Database(path: path, access: .readWrite)
                try database.execute(sql)
            }
            try await body(path)
        }
    }

    @Test(arguments: foreign)
    func `what runs in a file is refused before any query, by readers and by a writer, and the file stays as it is`(
        sql: String,
        said: String
    ) async throws {
        try await withChangedSpool(sql) { path in
            let before = try Data(contentsOf: URL(filePath: path))
            for open in Self.openers {
                let error = #expect(throws: SpoolError.self) { try open(path) }
                #expect(error?.code == .refused)
                #expect(error?.message.contains(said) == true, "\(error?.message ?? "")")
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: directory(ofFile: path))
            #expect(!names.contains { $0.contains("damaged") })
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
        }
    }

    @Test func `a view of an operator's, however large, is no damage`() async throws {
        let terms = (0..<30).map { "SELECT \($0) AS n" }.joined(separator: " UNION ALL ")
        let deep = "SELECT " + Array(repeating: "1", count: 200).joined(separator: " + ")
        try await withChangedSpool("CREATE VIEW terms AS \(terms); CREATE VIEW deep AS \(deep) AS n") { path in
            #expect(try SpoolStatus(readingSpoolAt: path).pending == 5)
            try await withSpool(at: path) { spool in
                #expect(spool.loss == nil)
                #expect(spool.recovered.undelivered == 5)
            }
        }
    }

    private static let openers: [@Sendable (String) throws -> Void] = [
        { _ = try SpoolStatus(readingSpoolAt: $0) },
        { _ = try SpoolHeader(readingSpoolAt: $0) },
        { _ = try SpoolReader(path: $0) },
        { _ = try SpoolCheck(path: $0).run() },
        { _ = try Spool(SpoolConfiguration(path: $0)) },
    ]

    @Test(arguments: changed)
    func `a table that is none of ours is damage to who reads`(sql: String) async throws {
        try await withChangedSpool(sql) { path in
            let error = #expect(throws: SpoolError.self) { try SpoolStatus(readingSpoolAt: path) }
            #expect(error?.code == .damaged)
        }
    }

    @Test func `what computes a table's columns is never salvaged, and not set aside`() async throws {
        for sql in Self.changed.filter({ $0.contains(" AS (") }) {
            try await withChangedSpool(sql) { path in
                let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
                #expect(error?.code == .refused)
                #expect(error?.message.contains("records is no table of a spool") == true, "\(error?.message ?? "")")
                let copy = #expect(throws: SpoolError.self) { try SalvageCopy(of: path, to: path + "-new").run() }
                #expect(copy?.code == .refused)
                let names = try FileManager.default.contentsOfDirectory(atPath: directory(ofFile: path))
                #expect(!names.contains { $0.contains("damaged") || $0.contains("salvag") || $0.contains("-new") })
            }
        }
    }

    @Test func `views, an operator's statistics, and other comments are no obstacle`() async throws {
        let sql = """
            CREATE VIEW mine AS SELECT count(*) FROM records;
            DROP VIEW pending;
            ANALYZE;
            PRAGMA writable_schema = ON;
            UPDATE sqlite_schema SET sql = replace(sql, '-- grows by one a record', '/* grows */ -- by')
            """
        try await withChangedSpool(sql) { path in
            #expect(try SpoolStatus(readingSpoolAt: path).pending == 5)
            try await withSpool(at: path) { spool in #expect(spool.loss == nil) }
        }
    }

    @Test func `no connection of ours runs a view or a trigger that a file got later`() async throws {
        try await withChangedSpool("") { path in
            let reader = try DatabaseFile(path: path).openForReading()
            do {
                let other = try Database(path: path, access: .readWrite)
                try other.execute("DROP TABLE records; CREATE VIEW records AS SELECT * FROM spool")
            }
            let error = #expect(throws: SQLiteError.self) { try reader.integer("SELECT count(*) FROM records") }
            #expect(error?.message == "access to view \"records\" prohibited")
        }
    }

    @Test func `a schema that is read for ever is ended at the deadline`() throws {
        let database = try Database(path: ":memory:", access: .create)
        database.setDeadline(in: .milliseconds(50))
        let error = #expect(throws: SQLiteError.self) { try database.integer("SELECT count(*) FROM (\(Self.endless))") }
        #expect(error?.isInterruption == true)
        database.setDeadline(in: nil)
        #expect(try database.integer("SELECT 1") == 1)
    }

    @Test func `what a reader sorts stays in memory, and no value is longer than a record may be`() async throws {
        try await withChangedSpool("") { path in
            let reader = try DatabaseFile(path: path).openForReading()
            #expect(try reader.integer("PRAGMA temp_store") == 2)
            #expect(try reader.integer("PRAGMA trusted_schema") == 0)
            let error = #expect(throws: SQLiteError.self) { try reader.integer("SELECT length(zeroblob(300 << 20))") }
            #expect(error?.primaryCode == 18)
            #expect(throws: SQLiteError.self) { try reader.execute("ATTACH ':memory:' AS other") }
        }
    }

    /// The file's schema says STRICT, and what is in its cells is of another type: by another program, or by hand.
    @Test func `cells of any type are read, and end nothing`() async throws {
        try await withChangedSpool("") { path in
            let wrong = "x'ff1b', x'00', -9223372036854775808, 'text', 1e300, NULL"
            try await Self.writeUntyped(path, values: wrong)
            for open in Self.openers.dropLast() { try? open(path) }
            let reader = try SpoolReader(path: path)
            _ = try? reader.records()
            _ = try? reader.deadLetters(limit: 10)
            _ = try? reader.deadLetterGroups()
            let spool = try? Spool(SpoolConfiguration(path: path))
            await spool?.close()
        }
    }

    /// Fills every table with all these values in all columns that may hold them.
    private static func writeUntyped(_ path: String, values: String) async throws {
        let database = try Database(path: path, access: .readWrite)
        // The same text without STRICT for as long as it takes to write: SQLite checks types when it writes only.
        try database.execute(
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')')"
        )
        let loose = try Database(path: path, access: .readWrite)
        for value in values.split(separator: ", ") {
            try? loose.execute("INSERT INTO records VALUES (abs(random()) >> 1, \(value), \(value), \(value))")
            try? loose.execute(
                "INSERT INTO dead_letters VALUES (abs(random()), \(value), \(value), \(value), \(value), \(value), \(value), NULL)"
            )
            try? loose.execute("UPDATE delivery SET state = \(value), reason = \(value), guarantee = \(value)")
            try? loose.execute("UPDATE batches SET token = \(value), records = \(value)")
            try? loose.execute("UPDATE spool SET records = \(value), payload_bytes = \(value), checksum = NULL")
        }
        try database.execute("UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE type = 'table'")
    }
}
