import ClickHouseWriter
import ClickHouseWriterTesting
import Testing

/// The examples of how to test, of the pages Getting started and ClickHouseWriterTesting.
@Suite(.timeLimit(.minutes(1))) struct TestingExamples {
    struct Visit: ClickHouseRecord {
        var url: String
        var status: UInt16

        static let columns: [Column<Visit>] = [Column("url", \.url), Column("status", \.status)]
    }

    private func handleRequest(path: String, writer: BatchWriter<Visit>) async throws {
        try await writer.write(Visit(url: path, status: 200))
    }

    @Test func `a visit is recorded`() async throws {
        let destination = InMemoryDestination()
        let writer = try destination.makeWriter(for: Visit.self)
        try await handleRequest(path: "/about", writer: writer)
        try await writer.flush()
        #expect(destination.rows == [#"{"url":"/about","status":200}"#])
        await writer.close()
    }

    @Test func `a visit waits while ClickHouse is down`() async throws {
        let destination = InMemoryDestination()
        let writer = try destination.makeWriter(for: Visit.self)
        destination.condition = .down
        try await writer.write(Visit(url: "/", status: 200))
        await #expect(throws: WriterError.self) { try await writer.flush() }

        destination.condition = .accepting
        try await writer.flush()
        #expect(destination.rows.count == 1)
        await writer.close()
    }
}
