internal import ArgumentParser
internal import ClickHouseHTTP
internal import ClickHouseWriter
internal import Foundation
internal import Glibc
internal import LLMTraces
internal import Logging
internal import SQLiteSpool
internal import UnixSignals

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delivers a spool that a dead writer left.",
        discussion: """
            Where the records go is in the spool, except in one of an older version. Batches that were begun go on under \
            their tokens, as in the writer, so nothing is stored twice where the table knows tokens or can be asked, \
            also when this is interrupted and run again. A spool whose owner lives is refused: it delivers itself. \
            Failures that may pass are waited out; where somebody has to mend something, this ends and says what. The \
            first Ctrl-C waits for the answer to what is being sent [CLICKHOUSE_REQUEST_TIMEOUT], the second one does not.

            The writer's settings are read from the environment as well (CLICKHOUSE_PASSWORD, CLICKHOUSE_TLS_CA_FILE, \
            CLICKHOUSE_COMPRESSION, …). No record is dropped for its age.

            Exit code 0: the spool is empty. 2: it is, but for dead letters; or the file was copied without its -wal, and nothing \
            was begun. 1: something is left, or nothing was begun. 130 and 143: interrupted.

            Example: CLICKHOUSE_PASSWORD=… spoolctl drain traces.spool --url https://clickhouse.example.com:8443
            """
    )

    @OptionGroup var spool: SpoolArgument
    @OptionGroup var connection: ConnectionOptions

    @Option(
        help: """
            Records of a batch; fewer where they take more than 8 MiB [CLICKHOUSE_MAX_BATCH_BYTES], or where ClickHouse \
            finds them too many, down to 100 [CLICKHOUSE_MAX_BATCH_SIZE].
            """
    )
    var batchSize = 10_000

    @Option(help: "Batches that are sent at once. With 1 the records keep their order.")
    var inFlight = 1

    @Option(
        help: "Ends when nothing was delivered for so long because of failures, like 30s, 10m or 2h. Never, if absent."
    )
    var giveUpAfter: DurationArgument?

    @Option(help: "The column that tells a record from all others, for a spool that does not say it.")
    var idColumn: String?

    @Option(help: "The column of the record's own time, for a spool that does not say it.")
    var timeColumn: String?

    @Flag(
        help: """
            No column tells a record from others: what is in flight in a spool that does not say its table may be stored \
            twice where that table knows no tokens.
            """
    )
    var noIdColumn = false

    @Flag(help: "Delivers to another table than the spool's. What the first one has already is stored again.")
    var forceTable = false

    func validate() throws {
        if batchSize < 1 { throw ValidationError("--batch-size must be at least 1.") }
        if !(1...64).contains(inFlight) { throw ValidationError("--in-flight must be from 1 to 64.") }
        if noIdColumn, idColumn != nil || timeColumn != nil {
            throw ValidationError("--no-id-column cannot be together with --id-column or --time-column.")
        }
    }

    func run() async throws {
        // It could be opened and delivered, but "the spool is empty" would not be true of it.
        if (try? SpoolStatus(readingSpoolAt: spool.path))?.missesWAL == true {
            StandardError.say(Paragraph.oneLine("\(MissingWAL.finding(spool.path)). \(MissingWAL.remedy(spool.path))."))
            throw ExitCode.attention
        }
        let found = try DrainTarget.Finding(readingSpoolAt: spool.path)
        let (configuration, destination) = try makeConfiguration(found)
        let delivery = try SpoolDelivery(
            configuration: configuration,
            identity: destination.identity,
            logger: Logger(label: "spoolctl.drain") { _ in SwiftLogNoOpLogHandler() }
        )
        // Not before: until the spool is open, a signal ends the process, whatever SQLite is at.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let display = DrainDisplay(DrainDisplay.State(delivery.status), terminal: .standardError)
        await announce(delivery, found, configuration, on: display)
        let (ending, elapsed) = await DrainRun(delivery: delivery, display: display, patience: giveUpAfter?.duration)
            .run(signals: signals)
        let status = delivery.status
        let report = DrainReport(
            ending: ending,
            spool: spool.path,
            destination: destination,
            guarantee: status.guarantee,
            delivered: status.delivered,
            pending: status.pending,
            inFlight: status.inFlight,
            deadLetters: status.deadLetters,
            elapsed: elapsed
        )
        try StandardOutput.end(spool.json ? try report.jsonLine : report.text, with: report.exitCode)
    }

    private func makeConfiguration(
        _ found: DrainTarget.Finding
    ) throws -> (BatchWriterConfiguration, SpoolDestination) {
        var configuration = try connection.apply(
            to: BatchWriterConfiguration(spoolPath: spool.path, urls: [], database: "", table: "")
        )
        func given(_ name: String) -> String? { name.isEmpty ? nil : name }
        let destination = try DrainTarget.decide(
            found,
            DrainTarget.Request(
                database: given(configuration.database),
                table: given(configuration.table),
                idColumn: idColumn,
                timeColumn: timeColumn,
                forcesTable: forceTable,
                goesWithoutID: noIdColumn
            )
        )
        configuration.database = destination.database
        configuration.table = destination.table
        configuration.spoolPath = spool.path
        configuration.prepareForDrain(batchSize: batchSize, inFlight: inFlight)
        return (configuration, destination)
    }

    private func announce(
        _ delivery: SpoolDelivery,
        _ found: DrainTarget.Finding,
        _ configuration: BatchWriterConfiguration,
        on display: DrainDisplay
    ) async {
        if let notice = MigrationNotice.text(from: found.schemaVersion) { await display.say(notice) }
        for notice in delivery.spool.notices { await display.say(Paragraph.oneLine(notice.message)) }
        if let loss = delivery.spool.loss {
            let file = loss.quarantinedFile.map { "; the damaged file is \($0)" } ?? ""
            await display.say(
                "the spool was damaged: \(Paragraph.oneLine(loss.reason)); \(SalvageWords.summary(of: loss))\(file)"
            )
        }
        // Without the credentials that a URL may hold.
        let servers = configuration.urls.compactMap { try? Endpoint.parse($0).endpoint.url }
        await display.say(
            "\(delivery.spool.path): \(Words.count(delivery.spool.recovered.undelivered, "record")) for "
                + "\(configuration.database).\(configuration.table) at \(servers.joined(separator: ", "))"
        )
    }
}

/// A duration as the environment has it: `500ms`, `2s`, `1m`, `1h`.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = Duration(settingText: argument) else { return nil }
        self.duration = duration
    }
}

extension SpoolDestination {
    /// Of traces it is known that their table may lack the column.
    fileprivate var identity: RecordIdentity? {
        idColumn.map { id in
            RecordIdentity(id: id, time: timeColumn, isOptional: id == TraceRecord.identity?.id)
        }
    }
}
