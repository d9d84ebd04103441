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
                if migration.number == Self.firstSchemaWithAllChecksums { try addChecksums() }
            }
            try execute(Migration.spoolViews)
            try execute("PRAGMA user_version = \(newest)")
            try execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
    }

    /// From this version on a record, batch or dead letter without a checksum is not what was written.
    static var firstSchemaWithAllChecksums: Int { 6 }

    /// Whether an older version has written the file. A damaged one may say anything.
    borrowing func mayLackChecksums() -> Bool {
        (try? integer("PRAGMA user_version")).map { 1..<Int64(Self.firstSchemaWithAllChecksums) ~= $0 } ?? false
    }

    /// The column may be missing, in an older version or because damage hides it.
    borrowing func checksumColumn(of table: String) -> String {
        (try? prepare("SELECT checksum FROM \(table) LIMIT 0")) != nil ? "checksum" : "NULL"
    }

    /// `Statement.checkedColumns` of `records` or `dead_letters` in any version, and whether a row without a checksum is taken for
    /// what was written.
    borrowing func checkedColumns(of table: String) -> String {
        let columns = "id, payload, \(checksumColumn(of: table)), enqueued_at"
        guard mayLackChecksums() else { return columns + ", FALSE" }
        let condition = table == "records" ? "" : " AND (code IS NOT NULL OR message <> '\(Salvage.damagedMessage)')"
        return columns + ", \(Statement.isRow)\(condition)"
    }

    /// What older versions have left gets checksums as it is now: more is not known of it. The first versions wrote none for records,
    /// so those without come before all others. None is given to what cannot have been written.
    private borrowing func addChecksums() throws(SQLiteError) {
        for table in ["records", "dead_letters"] {
            let update = try prepare("UPDATE \(table) SET checksum = ?2 WHERE id = ?1")
            let rows = try prepare("SELECT \(checkedColumns(of: table)) FROM \(table) ORDER BY id")
            while try rows.step(), rows.integer(2) == nil {
                guard let checksum = rows.checksumIfSound else { continue }
                try update.run(.optional(rows.integer(0)), .integer(checksum))
            }
        }
        for batch in try readBatches() {
            try prepare("UPDATE batches SET checksum = ?2 WHERE first_id = ?1")
                .run(.integer(batch.ids.lowerBound), .integer(batch.checksum))
        }
    }
}
