internal import SQLiteSpool

/// Where a spool's records are to be delivered: decided from what the spool says and what was asked for.
enum DrainTarget {
    /// Why there is no answer, and what to do about it.
    struct Refusal: Error, Equatable, CustomStringConvertible {
        let description: String

        /// - Parameter text: may quote the spool, which may not act on a terminal.
        init(_ text: String) { description = Paragraph.oneLine(text) }
    }

    /// What the spool says of itself before it is opened.
    struct Finding: Equatable {
        /// nil when it does not say it.
        var destination: SpoolDestination?

        /// nil when that cannot be read.
        var schemaVersion: Int?

        /// Records in batches that were begun; nil when that cannot be read.
        var inFlight: Int?
    }

    /// What was asked for; nil leaves it to the spool.
    struct Request: Equatable {
        var database: String?
        var table: String?
        var idColumn: String?
        var timeColumn: String?

        /// Whether another table than the spool's will do.
        var forcesTable = false

        /// Whether it is known that no column tells a record from others.
        var goesWithoutID = false
    }

    static func decide(_ found: Finding, _ request: Request) throws(Refusal) -> SpoolDestination {
        let recorded = found.destination
        guard let database = request.database ?? recorded?.database, let table = request.table ?? recorded?.table else {
            throw Refusal("\(found.silence); give --database and --table, and \(columns)")
        }
        if let recorded, (recorded.database, recorded.table) != (database, table), !request.forcesTable {
            throw Refusal(
                """
                the spool's records go to \(recorded.database).\(recorded.table), and \(database).\(table) was asked \
                for; the first may have some of them already, which the second does not recognise and stores again. \
                Leave out --database and --table (CLICKHOUSE_DATABASE, CLICKHOUSE_TABLE), or add --force-table
                """
            )
        }
        // A spool that says its table and no column had a writer that knew none.
        if recorded == nil, request.idColumn == nil, !request.goesWithoutID, found.inFlight != 0 {
            throw Refusal("\(found.silence), and \(found.doubt). Give \(columns)")
        }
        return SpoolDestination(
            database: database,
            table: table,
            idColumn: request.idColumn ?? recorded?.idColumn,
            timeColumn: request.timeColumn ?? recorded?.timeColumn
        )
    }

    private static let columns = """
        --id-column, the column that tells a record from all others (and --time-column, that of its own time, which \
        makes asking for it fast); or --no-id-column, if there is none: what is in flight may then be stored twice where \
        the table knows no tokens
        """
}

extension SpoolDestination {
    /// Spools of earlier versions have no place for it.
    fileprivate static let firstSchemaVersion = 4
}

extension DrainTarget.Finding {
    /// - Throws: ``SpoolError`` with code `refused` or `failed`; what is damaged is not known.
    init(readingSpoolAt path: String) throws(SpoolError) {
        do throws(SpoolError) {
            let header = try SpoolHeader(readingSpoolAt: path)
            destination = header.destination
            // A damaged log may leave a file without a schema.
            schemaVersion = header.schemaVersion > 0 ? header.schemaVersion : nil
            // What is damaged here is no reason to end: opening it salvages what is readable.
            inFlight = (try? SpoolStatus(readingSpoolAt: path))?.inFlight
        } catch {
            guard error.code == .damaged else { throw error }
        }
    }

    fileprivate var silence: String {
        guard let schemaVersion else { return "the spool is damaged where it says where its records go" }
        return schemaVersion < SpoolDestination.firstSchemaVersion
            ? "the spool does not say where its records go, as its writer was of an older version"
            : "the spool does not say where its records go, as its writer never began to deliver"
    }

    fileprivate var doubt: String {
        guard let inFlight else { return "batches may have been begun, which the table may have already" }
        return "the table may have \(Words.count(inFlight, "record")) in batches that were begun already"
    }
}
