internal import Foundation

/// What a spool says of the file that it was copied from.
package struct SpoolOrigin: Sendable, Equatable {
    /// The uuid of the spool that was copied.
    package let copyOf: String

    /// When an owner found that its file is a copy.
    package let foundAt: WallInstant

    /// Records up to this id were in the file when it was copied. Another copy may have delivered them.
    package let doubtedThrough: Int64
}

extension Database {
    /// - Returns: nil when the file is no copy, as far as it knows.
    borrowing func readOrigin() throws(SQLiteError) -> SpoolOrigin? {
        guard try integer("PRAGMA user_version") ?? 0 >= 5 else { return nil }
        let row = try prepare("SELECT substr(copy_of, 1, 1000), copy_found_at, doubted_through FROM spool")
        guard try row.step(), let copyOf = row.text(0) else { return nil }
        return SpoolOrigin(
            copyOf: copyOf,
            foundAt: WallInstant(stored: row.integer(1) ?? 0),
            doubtedThrough: row.integer(2) ?? 0
        )
    }

    borrowing func write(_ origin: SpoolOrigin) throws(SQLiteError) {
        try prepare("UPDATE spool SET copy_of = ?1, copy_found_at = ?2, doubted_through = ?3").run(
            .text(origin.copyOf),
            .integer(origin.foundAt.milliseconds),
            .integer(origin.doubtedThrough)
        )
    }

    /// Compares the file with the one that its latest owner had. Where it is another one, it is a copy, and gets a uuid of its
    /// own: a note about the other file says nothing about this one.
    ///
    /// - Parameter marks: the file's (``FileSystem/marks(of:)``); nil compares nothing.
    /// - Returns: whether it is a copy that no owner has known of.
    borrowing func recognizeCopy(_ marks: String?, now: WallInstant) throws(SQLiteError) -> Bool {
        let known = try text("SELECT file FROM spool")
        guard let marks, known != marks else { return false }
        do throws(SQLiteError) {
            try execute("BEGIN IMMEDIATE")
            if known != nil {
                var ledger = try readCounts()
                try write(SpoolOrigin(copyOf: ledger.uuid, foundAt: now, doubtedThrough: ledger.lastID))
                ledger.uuid = UUID().uuidString.lowercased()
                try prepare("UPDATE spool SET uuid = ?1, checksum = ?2")
                    .run(.text(ledger.uuid), .integer(ledger.checksum))
            }
            try writeMarks(marks)
            try execute("COMMIT")
        } catch {
            rollBack()
            throw error
        }
        return known != nil
    }

    /// - Parameter marks: those of the file that the database is in.
    borrowing func writeMarks(_ marks: String) throws(SQLiteError) {
        try prepare("UPDATE spool SET file = ?1").run(.text(marks))
    }
}
