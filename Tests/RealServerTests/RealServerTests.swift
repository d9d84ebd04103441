import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import LLMTraces
import TestSupport
import Testing

/// The writer against a real ClickHouse.
@Suite(
    .enabled(if: ClickHouseServer.isAvailable, "needs Debian's clickhouse-server, or CLICKHOUSE_URL"),
    .serialized,
    .oneAtATime(seconds: 300)
)
struct RealServerTests {
    @Test func `traces of many tasks arrive once and as they were written`() async throws {
        try await withTable { server, configuration in
            let traces = (0..<10_000).map { TraceRecord.numbered($0) }
            let writer = try openWriter(configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<50 {
                    group.addTask {
                        for trace in traces[(task * 200)..<(task * 200 + 200)] { try await writer.write(trace) }
                    }
                }
                try await group.waitForAll()
            }
            try await writer.flush()
            #expect(await writer.close() == CloseReport(delivered: 10_000, remaining: 0, reason: nil))

            // Booleans as numbers, which they are in an old server's table.
            let columns = TraceRecord.columns.map(\.name).filter { !$0.hasSuffix("_at") }
                .map { $0.hasPrefix("is_") ? "toUInt8(\($0))" : $0 }.joined(separator: ", ")
            let times = ["requested_at", "completed_at"].map { "toUnixTimestamp(\($0))" }.joined(separator: ", ")
            let rows = try await server.query(
                "SELECT \(columns), \(times) FROM \(configuration.target) ORDER BY request_id FORMAT TabSeparated"
            )
            #expect(rows.split(separator: "\n").map(String.init) == traces.map(Self.expectedRow))
        }
    }

    @Test func `milliseconds arrive where the server has them`() async throws {
        try await withTable { server, configuration in
            let type = try await server.query(
                "SELECT type FROM system.columns WHERE database = \(quoteString(configuration.database)) "
                    + "AND table = \(quoteString(configuration.table)) AND name = 'requested_at'"
            )
            guard type.hasPrefix("DateTime64") else { return }
            let writer = try openWriter(configuration)
            try await writer.write(TraceRecord.numbered(0))
            try await writer.flush()
            await writer.close()
            let time = try await server.query("SELECT toString(requested_at) FROM \(configuration.target)")
            let day = TraceRecord.today.formatted(.iso8601.year().month().day())
            #expect(time == "\(day) 00:00:00.123\n")
        }
    }

    @Test func `a batch sent twice under one token is stored once where the table deduplicates`() async throws {
        try await withTable { server, configuration in
            let client = try InsertClient(configuration)
            let row = try TraceRecord.numbered(1).row(ColumnNames(TraceRecord.columnNames))
            let body = row + [UInt8(ascii: "\n")]
            for _ in 0..<3 { #expect(await client.insert(body, token: "\(configuration.table)-1-1") == .accepted) }
            await client.close()
            let count = try await server.query("SELECT count() FROM \(configuration.target)")
            #expect(count == (try await server.knowsTokens ? "1\n" : "3\n"))
        }
    }

    @Test(arguments: Deduplication.allCases)
    func `a writer killed at any moment loses nothing, and nothing comes twice`(
        deduplication: Deduplication
    ) async throws {
        try await withDatabase { server, configuration in
            if deduplication == .none, try await !server.knowsTokens { return }
            var configuration = configuration
            configuration.table = "crash"
            configuration.shutdownTimeout = .seconds(60)
            try await server.createTable("n UInt64", configuration, deduplication)
            let child = CrashingWriter(
                spool: configuration.spoolPath,
                url: server.url,
                database: configuration.database
            )
            var acknowledged: [Int] = []
            var random = SeededRandom(1)
            for kill in 0..<12 {
                acknowledged += try await child.run(
                    from: kill * 1_000_000,
                    killAfter: .random(in: 1...1_000, using: &random)
                )
                .acknowledged
                // Otherwise the next child would only ask what became of the batch, and be killed meanwhile.
                if kill % 2 == 1 {
                    let rest = try openWriter(configuration, of: Text.self)
                    #expect(await rest.close().remaining == 0)
                }
            }

            let stored = try await server.query("SELECT n FROM \(configuration.target)").split(separator: "\n")
                .compactMap { Int($0) }
            #expect(Set(acknowledged).subtracting(stored) == [], "acknowledged and lost")
            #expect(Set(stored).count == stored.count, "stored twice")
        }
    }

    @Test func `what an older record type left in the spool arrives after an upgrade`() async throws {
        try await withServer { server, configuration in
            _ = try await server.query("CREATE DATABASE IF NOT EXISTS \(quoteIdentifier(configuration.database))")
            _ = try await server.query(
                "CREATE TABLE \(configuration.target) (n String, note String) ENGINE = MergeTree ORDER BY n"
            )
            var away = configuration
            away.urls = ["http://127.0.0.1:1"]
            away.shutdownTimeout = .zero
            let old = try BatchWriter<OldText>(configuration: away, logger: LogRecorder().logger)
            try await old.write(OldText(n: "1", note: "old"))
            await #expect(throws: WriterError.self) { try await old.flush() }
            await old.close()

            let new = try BatchWriter<Text>(configuration: configuration, logger: LogRecorder().logger)
            try await new.write(Text(n: "2"))
            try await new.flush()
            await new.close()
            let rows = try await server.query("SELECT n, note FROM \(configuration.target) ORDER BY n")
            #expect(rows == "1\told\n2\t\n")
        }
    }

    @Test func `names that need quoting are quoted`() async throws {
        try await withServer { server, configuration in
            var configuration = configuration
            configuration.table = "a`b\\c'd e"
            try await TraceTable.create(configuration)
            let writer = try openWriter(configuration)
            try await writer.write(TraceRecord.numbered(1))
            try await writer.flush()
            await writer.close()
            #expect(try await server.query("SELECT count() FROM \(configuration.target)") == "1\n")
        }
    }

    @Test(.enabled(if: ClickHouseServer.isOurs, "needs a server with the user writer"))
    func `a user and password in headers are taken`() async throws {
        try await withTable { server, configuration in
            var configuration = configuration
            configuration.user = "writer"
            configuration.password = server.writerPassword.map { Secret($0) }
            let writer = try openWriter(configuration)
            try await writer.write(TraceRecord.numbered(1))
            try await writer.flush()
            #expect(await writer.close().delivered == 1)
        }
    }

    @Test func `a wrong password is held and named, without the password`() async throws {
        try await withTable { _, configuration in
            var configuration = configuration
            configuration.user = "nobody"
            configuration.password = "hunter2"
            let writer = try openWriter(configuration)
            try await writer.write(TraceRecord.numbered(1))
            let error = await #expect(throws: WriterError.self) { try await writer.flush() }
            guard case .held = writer.status.delivery else { Issue.record("\(writer.status)"); return }
            #expect(error?.message.contains("hunter2") == false)
            #expect(await writer.close().remaining == 1)
        }
    }

    // MARK: -

    private struct Text: ClickHouseRecord {
        var n: String

        static let columns: [Column<Text>] = [Column("n", \.n)]
        static let identity: RecordIdentity? = RecordIdentity(id: "n")
    }

    private struct OldText: ClickHouseRecord {
        var n: String
        var note: String

        static let columns: [Column<OldText>] = [Column("n", \.n), Column("note", \.note)]
    }

    /// As ClickHouse writes the row with FORMAT TabSeparated.
    private static func expectedRow(_ trace: TraceRecord) -> String {
        let fields: [any CustomStringConvertible] = [
            trace.traceID.text, trace.requestID.replacing("'", with: "\\'"), trace.orgID.text, trace.agentID.text,
            trace.sessionID?.text ?? "\\N", trace.checkpointID?.text ?? "\\N", trace.model, trace.provider,
            trace.isStreaming ? 1 : 0, trace.inputTokens, trace.outputTokens, trace.totalTokens, trace.authLatencyMs,
            trace.directiveLatencyMs, trace.providerTTFBMs, trace.totalLatencyMs, trace.statusCode,
            trace.isComplete ? 1 : 0,
            trace.errorCode, Int(trace.requestedAt.timeIntervalSince1970), Int(trace.completedAt.timeIntervalSince1970),
        ]
        return fields.map(\.description).joined(separator: "\t")
    }
}

extension UUID {
    fileprivate var text: String { uuidString.lowercased() }
}
