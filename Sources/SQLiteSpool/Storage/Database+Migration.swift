internal import Foundation
internal import Migrations

extension Database {
    /// Makes an empty file a spool's. The size of a page and auto-vacuum can only be chosen before the first is written.
    borrowing func markAsSpool() throws(SQLiteError) {
        try execute("PRAGMA page_size = \(SpoolUsage.defaultPageBytes)")
        try execute("PRAGMA auto_vacuum = INCREMENTAL")
        try execute("PRAGMA application_id = \(SpoolIdentity.applicationID)")
    }

    /// Whether all that is to be compared is in the form that this version gives it.
    borrowing func hasNewestSchema() throws(SQLiteError) -> Bool {
        try integer("PRAGMA user_version") == Int64(SpoolHeader.newestSchemaVersion)
    }

    /// Brings the schema up to date.
    borrowing func migrate(now: WallInstant) throws(SQLiteError) {
        let version = try integer("PRAGMA user_version") ?? 0
        let missing = Migration.spool.filter { $0.number > version }
        guard let newest = missing.last?.number else { return }
        do throws(SQLiteError) {
            try execute("BEGIN IMMEDIATE")
            for migration in missing {
                try execute(migration.sql)
                if migration.number == 1 {
                    try prepare("INSERT INTO spool VALUES (1, ?1, ?2, 0, 0, 0, 0)")
                        .run(.text(UUID().uuidString.lowercased()), .integer(now.milliseconds))
                }
            }
            try execute(Migration.spoolViews)
            try execute("PRAGMA user_version = \(newest)")
            try execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
    }
}
