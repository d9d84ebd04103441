import ClickHouseWriter
import ClickHouseWriterTesting
import Foundation
import TestSupport
import Testing

private struct Visit: ClickHouseRecord, Decodable, Equatable {
    var url: String
    var at = Date(timeIntervalSince1970: 0.125)

    static let columns: [Column<Visit>] = [
        Column("url", \.url),
        Column("at", \.at),
    ]
}

@Suite(.bounded) struct InMemoryDestinationTests {
    private let destination = InMemoryDestination()

    @Test func `rows are readable as JSON and as values`() async throws {
        let writer = try destination.makeWriter(for: Visit.self)
        let visits = [Visit(url: "/"), Visit(url: "/\"about\"")]
        try await writer.write(contentsOf: visits)
        #expect(destination.rows.isEmpty, "nothing is sent by time")
        try await writer.flush()
        #expect(destination.rows.first == #"{"url":"/","at":"1970-01-01T00:00:00.125Z"}"#)
        #expect(try destination.rows(as: Visit.self) == visits)
        #expect(await writer.close().delivered == 2)
    }

    @Test func `a row that is no such value is an error`() async throws {
        struct Other: Decodable { var count: Int }
        struct Text: Decodable { var url: Date }
        let writer = try destination.makeWriter(for: Visit.self)
        try await writer.write(Visit(url: "/"))
        try await writer.flush()
        await writer.close()
        #expect(throws: DecodingError.self) { try destination.rows(as: Other.self) }
        #expect(throws: DecodingError.self) { try destination.rows(as: Text.self) }
    }

    @Test func `while it is down records wait, and arrive in order afterwards`() async throws {
        let writer = try destination.makeWriter(for: Visit.self)
        destination.condition = .down
        try await writer.write(Visit(url: "/1"))
        let error = await #expect(throws: WriterError.self) { try await writer.flush() }
        #expect(error?.code == .notDelivered)
        try await writer.write(Visit(url: "/2"))
        #expect(destination.rows.isEmpty)
        #expect(destination.requests == 0)
        destination.condition = .accepting
        try await writer.flush()
        #expect(try destination.rows(as: Visit.self).map(\.url) == ["/1", "/2"])
        #expect(destination.duplicates == 0)
        await writer.close()
    }

    @Test func `what is sent again after a lost answer is recognised`() async throws {
        let writer = try destination.makeWriter(for: Visit.self)
        destination.condition = .silent
        try await writer.write(Visit(url: "/"))
        await #expect(throws: WriterError.self) { try await writer.flush() }
        #expect(writer.status.inFlight == 1)
        destination.condition = .accepting
        try await writer.flush()
        #expect(destination.rows.count == 1)
        #expect(destination.duplicates >= 1)
        #expect(writer.status.inFlight == 0)
        await writer.close()
    }

    @Test func `a wrong destination holds everything, with the reason`() async throws {
        let writer = try destination.makeWriter(for: Visit.self)
        destination.condition = .refusing(reason: "there is no table")
        try await writer.write(Visit(url: "/"))
        let error = await #expect(throws: WriterError.self) { try await writer.flush() }
        #expect(error?.message.contains("there is no table") == true)
        guard case .held = writer.status.delivery else { Issue.record("\(writer.status.delivery)"); return }
        destination.condition = .accepting
        try await writer.flush()
        #expect(destination.rows.count == 1)
        await writer.close()
    }

    @Test func `a refused record becomes a dead letter, and its neighbours arrive`() async throws {
        let writer = try destination.makeWriter(for: Visit.self)
        destination.refuseRecords { $0.contains("poison") }
        try await writer.write(contentsOf: ["/1", "/poison", "/2"].map { Visit(url: $0) })
        try await writer.flush()
        #expect(try destination.rows(as: Visit.self).map(\.url) == ["/1", "/2"])
        #expect(writer.status.deadLetters == 1)
        await writer.close()
    }

    @Test func `a spool at a given path outlives its writer`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/visits.spool"
            destination.condition = .down
            let first = try destination.makeWriter(for: Visit.self, spoolPath: path) {
                $0.shutdownTimeout = .milliseconds(10)
            }
            try await first.write(Visit(url: "/"))
            #expect(await first.close().remaining == 1)

            destination.condition = .accepting
            let second = try destination.makeWriter(for: Visit.self, spoolPath: path)
            #expect(second.recoveredRecords == 1)
            try await second.flush()
            #expect(destination.rows.count == 1)
            await second.close()
        }
    }

    @Test func `a spool without a path is removed with the destination`() async throws {
        func leaveSpool() async throws -> String {
            let writer = try InMemoryDestination().makeWriter(for: Visit.self)
            try await writer.write(Visit(url: "/"))
            #expect(FileManager.default.fileExists(atPath: writer.spoolPath))
            await writer.close()
            return writer.spoolPath
        }
        let directory = URL(filePath: try await leaveSpool()).deletingLastPathComponent()
        #expect(!FileManager.default.fileExists(atPath: directory.path(percentEncoded: false)))
    }

    @Test func `a record type that cannot be written is refused as by a real writer`() {
        struct Nothing: ClickHouseRecord {
            static let columns: [Column<Nothing>] = []
        }
        let error = #expect(throws: WriterError.self) { try destination.makeWriter(for: Nothing.self) }
        #expect(error?.code == .invalidConfiguration)
    }
}
