internal import CSQLite
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

    /// Compares the file with the one that its latest owner had, and says in it that its owner has it open. Where it is another
    /// one, it is a copy, and gets a uuid of its own: a note about the other file says nothing about this one.
    ///
    /// - Parameter marks: the file's (``FileSystem/marks(of:)``); nil compares nothing.
    /// - Returns: whether it is a copy that no owner has known of.
    borrowing func recognizeCopy(_ marks: String?, now: WallInstant) throws(SQLiteError) -> Bool {
        let known = try readMark()
        let mark = FileMark(marks: marks ?? known.marks, openSchema: try integer("PRAGMA schema_version"))
        let isCopy = known.marks != nil && known.marks != mark.marks
        if mark == known { return false }
        do throws(SQLiteError) {
            try execute("BEGIN IMMEDIATE")
            if isCopy {
                var ledger = try readCounts()
                try write(SpoolOrigin(copyOf: ledger.uuid, foundAt: now, doubtedThrough: ledger.lastID))
                ledger.uuid = UUID().uuidString.lowercased()
                try prepare("UPDATE spool SET uuid = ?1, checksum = ?2")
                    .run(.text(ledger.uuid), .integer(ledger.checksum))
            }
            try write(mark)
            try execute("COMMIT")
        } catch {
            rollBack()
            // A full disk is no reason not to open: what is in the file can be delivered.
            if isCopy || error.primaryCode != SQLITE_FULL { throw error }
        }
        return isCopy
    }

    /// Says that the owner lets the file go, with nothing in its WAL that it misses once that is moved.
    borrowing func markClosed() throws(SQLiteError) {
        var mark = try readMark()
        mark.openSchema = nil
        try write(mark)
    }

    /// Whether the last owner did not close the file, as far as the database says without its WAL. False for a copy that SQLite
    /// has made (`.backup`, `VACUUM INTO`): it has another schema number, and misses nothing.
    borrowing func isLeftOpen() throws(SQLiteError) -> Bool {
        guard try integer("PRAGMA user_version") ?? 0 >= 5, let open = try readMark().openSchema else { return false }
        return try integer("PRAGMA schema_version") == open
    }

    borrowing func readMark() throws(SQLiteError) -> FileMark {
        FileMark(try text("SELECT file FROM spool"))
    }

    borrowing func write(_ mark: FileMark) throws(SQLiteError) {
        try prepare("UPDATE spool SET file = ?1").run(.optional(mark.text))
    }
}

/// The column `file` of the table `spool`: which file this is, and whether an owner has it open.
struct FileMark: Equatable {
    /// Those of the file that the latest owner had; nil where they are not known.
    var marks: String?
    /// The number of the database's schema (`PRAGMA schema_version`) when its owner opened it; nil when the owner has closed it.
    var openSchema: Int64?

    private static let separator = "; open "

    /// For example: inode 12, born 34; open 23
    var text: String? {
        openSchema.map { (marks ?? "") + Self.separator + String($0) } ?? marks
    }
}

extension FileMark {
    init(_ text: String?) {
        let parts = text?.split(separator: Self.separator, omittingEmptySubsequences: false) ?? []
        marks = parts.first.flatMap { $0.isEmpty ? nil : String($0) }
        openSchema = parts.dropFirst().first.flatMap { Int64($0) }
    }
}
