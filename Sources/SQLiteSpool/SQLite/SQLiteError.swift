internal import CSQLite

/// A call into SQLite that failed.
package struct SQLiteError: Error, Equatable, CustomStringConvertible {
    /// The extended result code (https://www.sqlite.org/rescode.html), for example 1034 for `SQLITE_IOERR_FSYNC`.
    package let code: Int32

    /// SQLite's own message.
    package let message: String

    /// What was attempted: a statement or the name of a C function.
    package let action: String

    /// The result code without its extension, for example 10 for `SQLITE_IOERR`.
    package var primaryCode: Int32 { code & 0xff }

    /// The file is readable, and what is in it cannot be right.
    static func corrupt(_ message: String, action: String) -> SQLiteError {
        SQLiteError(code: SQLITE_CORRUPT, message: message, action: action)
    }

    package var description: String { "SQLite error \(code) (\(message)) in: \(action)" }
}
