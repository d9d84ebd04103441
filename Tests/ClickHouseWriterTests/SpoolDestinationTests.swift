import ClickHouseHTTP
@testable import ClickHouseWriter
import Logging
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolDestinationTests {
    private struct Event: ClickHouseRecord {
        static let columns: [ColumnName] = ["id", "at"]
        static let identity: RecordIdentity? = RecordIdentity(id: "id", time: "at")

        func encode(to row: inout RowEncoder) {
            row.write("id", 1)
            row.write("at", 2)
        }
    }

    private func open<Record: ClickHouseRecord>(
        _ type: Record.Type,
        at path: String,
        table: String
    ) async throws -> SpoolDestination? {
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: table)
        configuration.reconciles = false
        let writer = try BatchWriter<Record>(
            configuration: configuration,
            logger: LogRecorder().logger,
            sink: RecordingSink()
        )
        await writer.close()
        return try SpoolHeader(readingSpoolAt: path).destination
    }

    @Test func `a spool says where its latest writer's records go, and what tells them apart`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let event = try await open(Event.self, at: path, table: "events")
            #expect(
                event == SpoolDestination(database: "default", table: "events", idColumn: "id", timeColumn: "at")
            )
            let sample = try await open(Sample.self, at: path, table: "samples")
            #expect(sample == SpoolDestination(database: "default", table: "samples"))
        }
    }

    @Test func `what waits for another table goes there, unless the writer is told to redirect it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let clock = ManualClock()
            let sink = RecordingSink()
            sink.answer(standing: .failed(InsertFailure(kind: .destination, code: 60, message: "no table")))
            try await withWriter(at: path, sink: sink, clock: clock) { writer in
                try await writer.write(contentsOf: samples(0..<2))
                try? await writer.flush()
            }
            await #expect {
                try await withWriter(at: path, configure: { $0.table = "u" }) { _ in }
            } throws: { error in
                guard let error = error as? WriterError, error.code == .spoolRefused else { return false }
                return ["default.t (2)", "default.u", "CLICKHOUSE_REDIRECTS"].allSatisfy(error.message.contains)
            }
            let redirected = RecordingSink()
            try await withWriter(at: path, sink: redirected) {
                $0.table = "u"
                $0.redirects = true
            } _: { writer in
                try await writer.flush()
            }
            #expect(redirected.sends.map(\.rows) == [rows(0..<2)])
            // Nothing waits any more.
            try await withWriter(at: path, configure: { $0.table = "v" }) { _ in }
        }
    }
}
