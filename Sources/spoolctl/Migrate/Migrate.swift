internal import ArgumentParser
internal import ClickHouseHTTP
internal import ClickHouseWriter
internal import LLMTraces

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Creates the table of llm-proxy's traces, or adds the columns that it lacks.",
        discussion: """
            Runs the statements of Migrations/clickhouse on every server that is named, or those of \
            Migrations/clickhouse_legacy where it is older than 21.12. What exists stays as it is, so it can be run again. \
            Afterwards the table is asked whether it can take traces, and what it guarantees.

            Exit code 0: it can. 1: it cannot, or a server failed.

            Example: CLICKHOUSE_PASSWORD=… spoolctl migrate --url http://localhost:8123 --user admin
            """
    )

    @OptionGroup var connection: ConnectionOptions

    @Flag(help: "Prints the SQL, to be run by somebody else, and runs nothing.")
    var dryRun = false

    @Flag(help: "Which statements; absent: by the server's version, which is asked.")
    var dialect: TraceTable.Dialect?

    @Flag(help: "JSON for machines.")
    var json = false

    func run() async throws {
        let defaults = BatchWriterConfiguration(spoolPath: "", urls: [], database: "ibex", table: "llm_traces")
        if dryRun { return try await printSQL(defaults) }
        let configuration = try connection.apply(to: defaults)
        var report = MigrateReport(table: "\(configuration.database).\(configuration.table)")
        // The statements that are begun go on, whether anybody reads of them or not.
        var unsaid: (any Error)?
        try await TraceTable.create(configuration, dialect: dialect) { step in
            let lines = report.add(step)
            guard !json, unsaid == nil else { return }
            do { try StandardOutput.say(lines) } catch { unsaid = error }
        }
        if let unsaid { throw unsaid }
        let guarantee = try await TraceTable.check(configuration).promise
        try StandardOutput.say(
            json ? report.document(guarantee: guarantee).jsonLine : report.closing(guarantee: guarantee)
        )
    }

    private func printSQL(_ defaults: BatchWriterConfiguration) async throws {
        // With the dialect told, no server is needed.
        let configuration = try connection.apply(to: defaults, needsURL: false)
        guard dialect != nil || !configuration.urls.isEmpty else {
            throw ValidationError("Which SQL depends on the server: give --url, or --modern or --legacy.")
        }
        let known = if let dialect { dialect } else { try await TraceTable.askDialect(configuration) }
        let sql = TraceTable.sql(known, database: configuration.database, table: configuration.table)
        if json {
            try StandardOutput.say(["dialect": known.rawValue, "sql": sql].jsonLine)
        } else {
            try StandardOutput.write(Terminal.standardOutput.shows ? VisibleText.escapeLines(sql) : sql)
        }
    }
}

extension TraceTable.Dialect: EnumerableFlag {
    static func help(for value: Self) -> ArgumentHelp? {
        switch value {
        case .modern: "The statements for ClickHouse 21.12 and later."
        case .legacy: "The statements for older ones."
        }
    }
}
