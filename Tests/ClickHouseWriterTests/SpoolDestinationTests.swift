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
}
