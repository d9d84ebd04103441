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
}
