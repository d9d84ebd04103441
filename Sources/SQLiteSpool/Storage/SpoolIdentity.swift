internal import CSQLite
internal import Migrations

/// What tells a spool from any other file at its path.
struct SpoolIdentity {
    /// "CHSP": marks a SQLite file as a spool, also for `file(1)`.
    static let applicationID: Int64 = 0x4348_5350

    let path: String
    /// Whether a spool was at the path before.
    let hadSpool: Bool
    /// Whether the file has any.
    let hasBytes: Bool

    /// - Returns: whether the file is empty and becomes a spool now.
    /// - Throws: ``SpoolError`` with code `refused` when it is not ours to use, `damaged` when it was a spool.
    func check(_ database: borrowing Database) throws -> Bool {
        // Reading a schema that somebody has made for it may never end.
        database.setDeadline(in: .longestQuery)
        defer { database.setDeadline(in: nil) }
        do {
            let applicationID = try database.integer("PRAGMA application_id")
            let version = try database.integer("PRAGMA user_version") ?? 0
            let isEmpty = try database.integer("SELECT count(*) FROM sqlite_schema") == 0
            if version == 0, isEmpty, applicationID == 0 || applicationID == Self.applicationID {
                // Where a spool was, nothing of it may be written over.
                if hadSpool, hasBytes {
                    throw SpoolError(.damaged, "\(path) was a spool, and holds nothing that can be read as one")
                }
                return applicationID == 0
            }
            guard applicationID == Self.applicationID else {
                if hadSpool, try database.integer(Self.countOfOurTables) == 3 {
                    throw SpoolError(.damaged, "\(path) has another application's id, and the tables of a spool")
                }
                throw SpoolError(.refused, "\(path) is a database of another application; it was left as it is")
            }
            let newest = SpoolHeader.newestSchemaVersion
            guard version <= newest else {
                throw SpoolError(
                    .refused,
                    "\(path) has schema version \(version), this program knows \(newest); use a newer program"
                )
            }
            try checkSchema(of: database, version: version)
            return false
        } catch let error as SQLiteError where error.primaryCode == SQLITE_NOTADB && !hadSpool {
            throw SpoolError(.refused, "\(path) is not a SQLite database; it was left as it is", cause: error)
        }
    }

    private func checkSchema(of database: borrowing Database, version: Int64) throws {
        switch try SpoolSchema.difference(in: database, version: version) {
        case nil: break
        case .changed(let difference):
            throw SpoolError(.damaged, "\(path) is not what a spool of version \(version) is: \(difference)")
        case .foreign(let difference):
            throw SpoolError(
                .refused,
                """
                \(path) is not a spool as this program makes it: \(difference); it was left as it is. If it is yours, \
                drop what you have added to it
                """
            )
        }
    }

    private static let countOfOurTables =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('records', 'batches', 'dead_letters')"
}
