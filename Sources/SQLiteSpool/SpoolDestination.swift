/// Where a spool's records go, kept in it so that somebody else than their writer can deliver them.
package struct SpoolDestination: Sendable, Equatable {
    package var database: String
    package var table: String

    /// The column that tells a record from all others; nil when none does.
    package var idColumn: String?

    /// A column with the record's own time; nil when there is none.
    package var timeColumn: String?

    package init(database: String, table: String, idColumn: String? = nil, timeColumn: String? = nil) {
        self.database = database
        self.table = table
        self.idColumn = idColumn
        self.timeColumn = timeColumn
    }
}

extension Database {
    /// - Returns: nil when nobody has written it, or the schema is too old to have it.
    borrowing func readDestination() throws(SQLiteError) -> SpoolDestination? {
        guard try integer("PRAGMA user_version") ?? 0 >= 4 else { return nil }
        let row = try prepare("SELECT database, table_name, id_column, time_column FROM delivery")
        guard try row.step(), let database = row.text(0), let table = row.text(1) else { return nil }
        return SpoolDestination(database: database, table: table, idColumn: row.text(2), timeColumn: row.text(3))
    }

    borrowing func write(_ destination: SpoolDestination) throws(SQLiteError) {
        try prepare("UPDATE delivery SET database = ?1, table_name = ?2, id_column = ?3, time_column = ?4").run(
            .text(destination.database),
            .text(destination.table),
            .optional(destination.idColumn),
            .optional(destination.timeColumn)
        )
    }
}
