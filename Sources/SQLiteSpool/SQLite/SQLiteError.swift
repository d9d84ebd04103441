internal import CSQLite

/// A call into SQLite that failed.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
    /// The extended result code (https://www.sqlite.org/rescode.html), for example 1034 for `SQLITE_IOERR_FSYNC`.
    package let code: Int32

    /// SQLite's own message.
    package let message: String

    /// What was attempted: a statement or the name of a C function.
    package let action: String

    /// The records that are not what was written, where nothing else of the file is known to be wrong.
    var damagedRecords: [Int64] = []

    /// The result code without its extension, for example 10 for `SQLITE_IOERR`.
    package var primaryCode: Int32 { code & 0xff }

    /// Whether the file is not what SQLite wrote.
    var isDamage: Bool { primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB }

    /// A deadline has ended it.
    var isInterruption: Bool { primaryCode == SQLITE_INTERRUPT }

    /// The file is readable, and what is in it cannot be right.
    static func corrupt(_ message: String, action: String) -> SQLiteError {
        SQLiteError(code: SQLITE_CORRUPT, message: message, action: action)
    }

    /// Some records are not what was written; the others can be read.
    static func damaged(_ records: [Int64]) -> SQLiteError {
        let list = records.prefix(20).map(String.init).joined(separator: ", ")
        var error = corrupt("not what was written: records \(list)", action: "read records")
        error.damagedRecords = records
        return error
    }

    package var description: String { "SQLite error \(code) (\(message)) in: \(action)" }
}

extension SQLiteError {
    /// What the latest call on a connection failed with. To be made before anything else is asked of it.
    init(_ code: Int32, _ connection: OpaquePointer?, action: String) {
        let message = unsafe String(cString: sqlite3_errmsg(connection))
        // SQLite knows a full disk only by ENOSPC (https://www.sqlite.org/rescode.html#full).
        let writing = [SQLITE_IOERR | 3 << 8, SQLITE_IOERR | 19 << 8]  // SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE
        let isFull =
            writing.contains(code) && FileSystemFailure.fullDisk.contains(unsafe sqlite3_system_errno(connection))
        // What was written is not there any more, as in a WAL that was cut. SQLITE_IOERR_SHORT_READ
        let isCut = code == SQLITE_IOERR | 2 << 8
        self.init(code: isFull ? SQLITE_FULL : isCut ? SQLITE_CORRUPT : code, message: message, action: action)
    }
}
