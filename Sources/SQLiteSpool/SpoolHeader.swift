internal import Migrations

/// What a spool says of itself, read from the file without owning it.
package struct SpoolHeader: Sendable, Equatable {
    /// The schema that a spool has once this program has owned it.
    package static var newestSchemaVersion: Int { Migration.spool.last?.number ?? 0 }

    /// Of the file as it is.
    package var schemaVersion: Int

    /// Where its records go; nil when its writer was older than schema version 4, or never began to deliver.
    package var destination: SpoolDestination?

    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, `damaged` or `failed` when it cannot
    ///   be read.
    package init(readingSpoolAt path: String) throws(SpoolError) {
        let file = try DatabaseFile(path: path)
        self = try SpoolError.wrapping { try Self(file.openForReading()) }
    }

    private init(_ database: consuming Database) throws(SQLiteError) {
        database.setDeadline(in: .longestQuery)
        schemaVersion = Int(try database.integer("PRAGMA user_version") ?? 0)
        destination = try database.readDestination()
    }
}
