import ClickHouseHTTP
import ClickHouseWriter
import Foundation
import LLMTraces
import TestSupport

/// Runs `body` with a database name and a spool of its own. The database is not made, but dropped afterwards.
func withServer(
    _ body: @escaping @Sendable (ClickHouseServer, BatchWriterConfiguration) async throws -> Void
) async throws {
    try await ClickHouseServer.withServer { server in
        try await withTemporaryDirectory { directory in
            let configuration = BatchWriterConfiguration(
                spoolPath: directory + "/traces.spool",
                urls: [server.url],
                database: "test_\(UInt32.random(in: 0 ... .max))",
                table: "llm_traces"
            )
            do {
                try await body(server, configuration)
            } catch {
                _ = try? await server.query("DROP DATABASE IF EXISTS \(quoteIdentifier(configuration.database))")
                throw error
            }
            _ = try await server.query("DROP DATABASE IF EXISTS \(quoteIdentifier(configuration.database))")
        }
    }
}

/// The same with the database made, and waits that suit tests.
func withDatabase(
    _ body: @escaping @Sendable (ClickHouseServer, BatchWriterConfiguration) async throws -> Void
) async throws {
    try await withServer { server, configuration in
        var configuration = configuration
        configuration.minRetryDelay = .milliseconds(10)
        configuration.maxRetryDelay = .milliseconds(50)
        configuration.flushInterval = .milliseconds(50)
        _ = try await server.query("CREATE DATABASE \(quoteIdentifier(configuration.database))")
        try await body(server, configuration)
    }
}

/// The same as ``withServer(_:)`` with the table of traces made.
func withTable(
    _ body: @escaping @Sendable (ClickHouseServer, BatchWriterConfiguration) async throws -> Void
) async throws {
    try await withServer { server, configuration in
        try await TraceTable.create(configuration)
        try await body(server, configuration)
    }
}

/// What a table does with a batch that is sent twice, where the server leaves a choice. Old ones recognise none.
enum Deduplication: CaseIterable {
    case byToken
    case none
}

extension ClickHouseServer {
    /// Whether inserts with the same token are stored once.
    var knowsTokens: Bool {
        get async throws {
            try await query("SELECT count() FROM system.settings WHERE name = 'insert_deduplication_token'") == "1\n"
        }
    }

    /// Makes the table of traces.
    func createTraces(_ configuration: BatchWriterConfiguration, _ deduplication: Deduplication) async throws {
        var made = configuration
        if deduplication == .none { made.table += " with window" }
        try await TraceTable.create(made)
        if deduplication == .byToken { return }
        _ = try await query(
            "CREATE TABLE \(configuration.target) AS \(made.target)"
                + " ENGINE = MergeTree PARTITION BY toYYYYMM(event_date) ORDER BY (org_id, requested_at)"
        )
    }

    /// `count()` and `uniqExact(column)` of the table.
    func count(_ column: String, _ configuration: BatchWriterConfiguration) async throws -> String {
        try await query("SELECT count(), uniqExact(\(column)) FROM \(configuration.target)")
    }

    /// Makes a plain MergeTree.
    ///
    /// - Parameter columns: as in CREATE TABLE; the first one orders the table.
    /// - Parameter clauses: behind ORDER BY.
    func createTable(
        _ columns: String,
        _ configuration: BatchWriterConfiguration,
        _ deduplication: Deduplication,
        clauses: String = ""
    ) async throws {
        let remembers = deduplication == .byToken ? try await knowsTokens : false
        _ = try await query(
            "CREATE TABLE \(configuration.target) (\(columns)) ENGINE = MergeTree ORDER BY "
                + "\(columns.prefix { $0 != " " }) \(clauses)"
                + (remembers ? " SETTINGS non_replicated_deduplication_window = 10000" : "")
        )
    }
}

extension BatchWriterConfiguration {
    var target: String { "\(quoteIdentifier(database)).\(quoteIdentifier(table))" }
}

func openWriter<Record: ClickHouseRecord>(
    _ configuration: BatchWriterConfiguration,
    of type: Record.Type = TraceRecord.self
) throws -> BatchWriter<Record> {
    try BatchWriter<Record>(configuration: configuration, logger: LogRecorder().logger)
}

extension TraceRecord {
    /// Times of today: the table forgets what is older than 90 days.
    static let today = Date(
        timeIntervalSince1970: (Date().timeIntervalSince1970 / 86_400).rounded(.down) * 86_400
    )

    static func numbered(_ number: Int) -> TraceRecord {
        TraceRecord(
            traceID: uuid(number),
            requestID: "request \(String(100_000 + number)) 'quoted' ü",
            orgID: uuid(number),
            agentID: uuid(number + 1),
            sessionID: number % 2 == 0 ? nil : uuid(number + 2),
            checkpointID: number % 3 == 0 ? nil : uuid(number + 3),
            model: "gpt-\(number % 7)",
            provider: number % 5 == 0 ? "" : "openai",
            isStreaming: number % 2 == 0,
            inputTokens: UInt32(number),
            outputTokens: number % 11 == 0 ? .max : 7,
            totalTokens: 0,
            authLatencyMs: UInt16(clamping: number),
            directiveLatencyMs: .max,
            providerTTFBMs: 250,
            totalLatencyMs: .max,
            statusCode: 200,
            isComplete: number % 3 == 0,
            errorCode: number % 3 == 0 ? "" : "stream_aborted",
            requestedAt: today.addingTimeInterval(Double(number) + 0.123),
            completedAt: today.addingTimeInterval(Double(number) + 1.987)
        )
    }

    private static func uuid(_ number: Int) -> UUID {
        UUID(uuid: (0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(number >> 8 & 0xff), UInt8(number & 0xff)))
    }
}
