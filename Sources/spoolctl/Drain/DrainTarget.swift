internal import SQLiteSpool

/// Where a spool's records are to be delivered: decided from what the spool says and what was asked for.
enum DrainTarget {
    /// Why there is no answer, and what to do about it.
    struct Refusal: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// What was asked for; nil leaves it to the spool.
    struct Request: Equatable {
        var database: String?
        var table: String?
        var idColumn: String?
        var timeColumn: String?

        /// Whether another table than the spool's will do.
        var forcesTable = false
    }

    /// - Parameter recorded: what the spool says; nil when it says nothing.
    static func decide(_ recorded: SpoolDestination?, _ request: Request) throws(Refusal) -> SpoolDestination {
        guard let database = request.database ?? recorded?.database, let table = request.table ?? recorded?.table else {
            throw Refusal(
                description: """
                    the spool does not say where its records go, as its writer was of an older version; give --database \
                    and --table
                    """
            )
        }
        if let recorded, (recorded.database, recorded.table) != (database, table), !request.forcesTable {
            throw Refusal(
                description: """
                    the spool's records go to \(recorded.database).\(recorded.table), and \(database).\(table) was asked \
                    for; the first may have some of them already, which the second does not recognise and stores again. \
                    Leave out --database and --table (CLICKHOUSE_DATABASE, CLICKHOUSE_TABLE), or add --force-table
                    """
            )
        }
        return SpoolDestination(
            database: database,
            table: table,
            idColumn: request.idColumn ?? recorded?.idColumn,
            timeColumn: request.timeColumn ?? recorded?.timeColumn
        )
    }
}
