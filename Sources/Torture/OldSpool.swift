internal import CSQLite
internal import Foundation
internal import Migrations
internal import SQLiteSpool

/// Makes spools as earlier versions of the package left them.
enum OldSpool {
    /// The schema versions before today's.
    static var versions: Range<Int> { 1..<Migration.spool.count }

    /// - Parameters:
    ///   - version: of its schema, at least 1.
    ///   - rows: the payloads of its records, whose ids begin at 1.
    ///   - frozen: how many of the records, the first ones, are a batch in flight.
    ///   - keepsLog: leaves the WAL as a process does that is killed.
    /// - Returns: the batch in flight: its token and what must be sent under it.
    static func make(
        at path: String,
        version: Int,
        rows: [String],
        frozen: Int,
        keepsLog: Bool = false
    ) throws -> (token: String, body: String)? {
        let database = try Database(path: path, access: .create)
        if keepsLog { try database.configure(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) }
        try database.execute(
            """
            PRAGMA auto_vacuum = INCREMENTAL;
            PRAGMA application_id = 0x43485350;
            PRAGMA journal_mode = WAL;
            """
        )
        for migration in Migration.spool where migration.number <= version { try database.execute(migration.sql) }
        try database.execute("PRAGMA user_version = \(version)")

        let uuid = UUID().uuidString.lowercased()
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        try database.execute("BEGIN")
        let insert = try database.prepare("INSERT INTO records (id, enqueued_at, payload) VALUES (?1, ?2, ?3)")
        for (index, row) in rows.enumerated() {
            try insert.run(.integer(Int64(index + 1)), .integer(now), .text(row))
        }
        try database.prepare(
            """
            INSERT INTO spool (singleton, uuid, created_at, last_id, records, payload_bytes, dead_letters)
            VALUES (1, ?1, ?2, ?3, ?3, ?4, 0)
            """
        ).run(.text(uuid), .integer(now), .integer(Int64(rows.count)), .integer(Int64(rows.byteCount)))
        let token = "\(uuid)-1-\(frozen)"
        if frozen > 0 {
            try database.prepare(
                """
                INSERT INTO batches (first_id, last_id, token, records, payload_bytes, frozen_at)
                VALUES (1, ?1, ?2, ?1, ?3, ?4)
                """
            ).run(
                .integer(Int64(frozen)),
                .text(token),
                .integer(Int64(Array(rows.prefix(frozen)).byteCount)),
                .integer(now)
            )
        }
        try database.execute("COMMIT")
        return frozen > 0 ? (token, rows.prefix(frozen).map { $0 + "\n" }.joined()) : nil
    }
}

extension [String] {
    fileprivate var byteCount: Int { reduce(0) { $0 + $1.utf8.count } }
}
