import ClickHouseStandIn
@testable import ClickHouseWriter
import Foundation
import Logging
import SQLiteSpool
import TestSupport
import Testing

/// Records that were pending when a spool's file was copied, or rolled back: each copy would deliver them, under tokens of its
/// own. Over HTTP, to a table that can be asked.
@Suite(.startsProcesses(seconds: 300)) struct CopiedFileTests {
    private struct Event: ClickHouseRecord {
        var n: Int

        static let columns: [Column<Event>] = [Column("n", \.n)]
        static let identity: RecordIdentity? = RecordIdentity(id: "n")
    }

    private func append(_ numbers: Range<Int>, to path: String) async throws {
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        try await spool.append(contentsOf: numbers.map { Array("{\"n\":\($0)}".utf8) })
        await spool.close()
    }

    private func deliver(_ path: String, to server: StandInServer) async throws {
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: [server.url], table: "t")
        configuration.durability = .processCrash
        configuration.maxBatchSize = 10
        configuration.catchUpBatchSize = nil
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let writer = try BatchWriter<Event>(configuration: configuration, logger: logger)
        #expect(await writer.close().remaining == 0)
    }

    private func stored(_ server: StandInServer) async throws -> [String] {
        try await server.store.rows(database: "default", table: "t").sorted()
    }

    private func rows(_ numbers: Range<Int>) -> [String] { numbers.map { "{\"n\":\($0)}" }.sorted() }

    @Test(arguments: [true, false], [true, false])
    func `what another copy has delivered is found before it is sent`(
        knowsTokens: Bool,
        isNewFile: Bool
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, deduplicates: knowsTokens) { server in
                let path = directory + "/s"
                try await append(0..<35, to: path)
                let image = try Data(contentsOf: URL(filePath: path))
                try await deliver(path, to: server)
                #expect(try await stored(server) == rows(0..<35))
                if isNewFile { try FileManager.default.removeItem(atPath: path) }
                try FileManager.default.removeItem(atPath: path + ".lock")
                // Not atomically, so that a file that is there stays the same one, as in a machine that was rolled back.
                let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
                try FileHandle(fileDescriptor: file, closeOnDealloc: true).write(contentsOf: image)
                try await append(100..<120, to: path)
                try await deliver(path, to: server)
                #expect(try await stored(server) == (rows(0..<35) + rows(100..<120)).sorted())
            }
        }
    }

    /// The part is of an owner that left no trace: the oldest records, or later ones, because the oldest were refused.
    @Test(arguments: [0..<0, 0..<100, 30..<60, 700..<800])
    func `of many records of a file that was rolled back a sample tells whether all must be asked for`(
        delivered: Range<Int>
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.forgetsTokens, clock: SystemWallClock())
            if !delivered.isEmpty {
                let rows = delivered.map { "{\"n\":\($0)}\n" }.joined()
                guard case .accepted = await server.insert(Array(rows.utf8), token: "lost") else { return }
            }
            try await append(0..<2_500, to: directory + "/s")
            try await withWriter(on: server, at: directory + "/s") { writer in try await writer.flush() }
            #expect(server.rows.count == 2_500)
            #expect(server.rows.values.allSatisfy { $0 == 1 })
            // The oldest hundred, and each hundredth. All of the batch where some are there, and a sample of the next one.
            #expect(server.questions == (delivered.isEmpty ? [109] : [109, 1_000, 109]))
        }
    }

    private func withWriter(
        on sink: SimulatedClickHouse,
        at path: String,
        _ body: (BatchWriter<Event>) async throws -> Void
    ) async throws {
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: "t")
        configuration.durability = .processCrash
        configuration.maxBatchSize = 1_000
        configuration.catchUpBatchSize = nil
        let writer = try BatchWriter<Event>(
            configuration: configuration,
            logger: LogRecorder().logger,
            sink: sink,
            clock: SystemWallClock(),
            jitter: { 0.5 }
        )
        try await body(writer)
        await writer.close()
    }
}
