internal import Glibc
internal import SQLiteSpool

/// The stand-in's tables: a SQLite file, to be looked at with `sqlite3`.
package struct StandInStore: Sendable {
    /// One accepted insert's rows.
    struct Insert: Sendable {
        let database: String
        let table: String
        let token: String
        let rows: [String]
    }

    /// The first row that is no JSON object, counted from 1 as ClickHouse does.
    struct UnreadableRow: Error {
        let number: Int
    }

    private let database: DatabaseQueue

    /// - Parameter path: made when it is absent. What is in it stays.
    package init(path: String) throws {
        let path = try absolutePath(ofFile: path)
        // Those that SQLite makes beside it inherit its mode. A killed stand-in may have left some with another.
        let files = SystemFileSystem()
        if try files.status(of: path) == nil { try files.createPrivateFile(path) }
        for suffix in ["", "-wal", "-shm", "-journal"] where try files.status(of: path + suffix) != nil {
            guard unsafe chmod(path + suffix, 0o600) == 0 else {
                throw FileSystemFailure(errno: errno, action: "chmod \(path + suffix)")
            }
        }
        let opened = try Database(path: path, access: .readWrite)
        try opened.execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            CREATE TABLE IF NOT EXISTS inserted_rows (
                database   TEXT NOT NULL,
                table_name TEXT NOT NULL,
                token      TEXT NOT NULL,
                payload    TEXT NOT NULL
            ) STRICT;
            CREATE TABLE IF NOT EXISTS accepted_tokens (
                database   TEXT NOT NULL,
                table_name TEXT NOT NULL,
                token      TEXT NOT NULL,
                PRIMARY KEY (database, table_name, token)
            ) STRICT, WITHOUT ROWID;
            """
        )
        database = DatabaseQueue(opened, label: "clickhouse-stand-in")
    }

    /// Stores the rows, unless its token was accepted before: then it does nothing, as ClickHouse does.
    func insert(_ insert: Insert) async throws -> UnreadableRow? {
        try await database.run { database throws(SQLiteError) in
            do throws(SQLiteError) {
                try database.execute("BEGIN IMMEDIATE")
                let unreadable = try Self.apply(insert, to: database)
                try database.execute(unreadable == nil ? "COMMIT" : "ROLLBACK")
                return unreadable
            } catch {
                database.rollBack()
                throw error
            }
        }
    }

    /// The payloads of a table in the order of their insertion.
    package func rows(database name: String, table: String) async throws -> [String] {
        try await database.run { database throws(SQLiteError) in
            let rows = try database.prepare(
                "SELECT payload FROM inserted_rows WHERE database = ?1 AND table_name = ?2 ORDER BY rowid"
            )
            try rows.bind([.text(name), .text(table)])
            var payloads: [String] = []
            while try rows.step(), let payload = rows.text(0) { payloads.append(payload) }
            return payloads
        }
    }

    /// The answer to a query for stored rows, as `FORMAT TabSeparatedWithNames` has it.
    func count(_ query: StoredRowsQuery) async throws -> String {
        try await database.run { database throws(SQLiteError) in
            let rows = try database.prepare(
                """
                SELECT payload ->> ?3, coalesce(CAST(strftime('%s', payload ->> ?4) AS INTEGER), 0), count(*)
                FROM inserted_rows
                WHERE database = ?1 AND table_name = ?2 AND payload ->> ?3 IN (SELECT value FROM json_each(?5))
                GROUP BY 1, 2
                """
            )
            try rows.bind([
                .text(query.database), .text(query.table), .text(query.idColumn), .optional(query.timeColumn),
                .text(query.idsAsJSON),
            ])
            var text = "_writer_key\t_writer_seconds\t_writer_rows\n"
            while try rows.step() {
                text += "\(Self.escape(rows.text(0) ?? ""))\t\(rows.integer(1) ?? 0)\t\(rows.integer(2) ?? 0)\n"
            }
            return text
        }
    }

    private static func escape(_ field: String) -> String {
        field.replacing("\\", with: "\\\\").replacing("\t", with: "\\t").replacing("\n", with: "\\n")
    }

    package func close() async {
        database.closeNow()
    }

    private static func apply(
        _ insert: Insert,
        to database: borrowing Database
    ) throws(SQLiteError) -> UnreadableRow? {
        let target: [Statement.Value] = [.text(insert.database), .text(insert.table), .text(insert.token)]
        if !insert.token.isEmpty {
            let known = try database.prepare(
                "SELECT 1 FROM accepted_tokens WHERE database = ?1 AND table_name = ?2 AND token = ?3"
            )
            try known.bind(target)
            if try known.step() { return nil }
            let token = try database.prepare("INSERT INTO accepted_tokens VALUES (?1, ?2, ?3)")
            try token.bind(target)
            _ = try token.step()
        }
        let row = try database.prepare(
            """
            INSERT INTO inserted_rows SELECT ?1, ?2, ?3, ?4
            WHERE CASE WHEN json_valid(?4) THEN json_type(?4) = 'object' END
            RETURNING 1
            """
        )
        for (index, payload) in insert.rows.enumerated() {
            try row.bind(target + [.text(payload)])
            guard try row.step() else { return UnreadableRow(number: index + 1) }
            row.reset()
        }
        return nil
    }
}
