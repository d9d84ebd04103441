internal import CSQLite

/// An attacker may have made the spool's file to harm the program that opens it.
extension Database {
    /// Lets nothing in the file run: no view, no trigger, no function with an effect. Call it before the first statement.
    borrowing func distrust() throws(SQLiteError) {
        try configure(SQLITE_DBCONFIG_ENABLE_VIEW, false)
        try configure(SQLITE_DBCONFIG_ENABLE_TRIGGER, false)
        try configure(SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)
        try configure(SQLITE_DBCONFIG_DEFENSIVE, true)
        limit(SQLITE_LIMIT_ATTACHED, to: 0)
        limit(SQLITE_LIMIT_VDBE_OP, to: 25_000)
    }

    /// Bounds what one value takes, and keeps what is sorted out of files.
    borrowing func boundReading() throws(SQLiteError) {
        limit(SQLITE_LIMIT_LENGTH, to: Int32(Self.longestRow))
        try execute("PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0")
    }

    /// Bounds what a statement may be. Call it when the schema was read: SQLite takes a view of an operator's that is beyond
    /// these for a malformed schema.
    borrowing func boundStatements() {
        limit(SQLITE_LIMIT_COLUMN, to: 100)
        limit(SQLITE_LIMIT_COMPOUND_SELECT, to: 20)
        limit(SQLITE_LIMIT_EXPR_DEPTH, to: 100)
        limit(SQLITE_LIMIT_SQL_LENGTH, to: 100_000)
    }

    /// Bytes: of the longest record that a writer takes (256 MiB), and the rest of its row.
    private static var longestRow: Int { 257 << 20 }
}

extension Duration {
    /// A statement about a foreign file that takes longer is ended.
    package static let longestQuery = Duration.seconds(60)
}
