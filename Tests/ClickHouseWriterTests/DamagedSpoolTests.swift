import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import SQLiteSpool
import Synchronization
import TestSupport
import Testing

/// What is delivered of a spool whose file is damaged while the writer runs.
@Suite(.bounded(seconds: 300)) struct DamagedSpoolTests {
    private struct Event: ClickHouseRecord {
        var n: Int

        static let columns: [Column<Event>] = [Column("n", \.n)]
        static let identity: RecordIdentity? = RecordIdentity(id: "n")
    }

    /// Of several pages. What a writer reads when it opens the spool is on the first one.
    private static let count = 1_000
    private static let damaged = 500

    private func row(_ number: Int) -> String { "{\"n\":\(number)}" }

    /// A closed spool with all of the records.
    ///
    /// - Parameter send: is given the first batch, as a process that died before it knew what became of it.
    private func makeSpool(at path: String, batch: Int = 0, send: (FrozenBatch) async -> Void = { _ in }) async throws {
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        try await spool.append(contentsOf: (0..<Self.count).map { Array(row($0).utf8) })
        if batch > 0, let frozen = try await spool.freeze(maxRecords: batch, maxBytes: 1 << 20) { await send(frozen) }
        await spool.close()
    }

    /// Damages the file when the writer has opened it, and before it delivers anything.
    private func deliver(
        _ path: String,
        to server: SimulatedClickHouse,
        log: LogRecorder = LogRecorder(),
        _ damage: @escaping @Sendable (inout [UInt8], _ place: Int) -> Void
    ) async throws -> WriterStatus {
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: "t")
        configuration.durability = .processCrash
        configuration.catchUpBatchSize = nil
        let text = Array("\(row(Self.damaged))".utf8)
        let sink = LateSink(server) {
            guard let bytes = try? [UInt8](Data(contentsOf: URL(filePath: path))),
                let place = Data(bytes).firstRange(of: Data(text))?.lowerBound
            else {
                Issue.record("the record is not in the file")
                return
            }
            var changed = bytes
            damage(&changed, place)
            let file = FileHandle(forUpdatingAtPath: path)
            try? file?.write(contentsOf: changed)
            try? file?.close()
        }
        let writer = try BatchWriter<Event>(
            configuration: configuration,
            logger: log.logger,
            sink: sink,
            clock: SkippingClock(),
            jitter: { 0.5 }
        )
        // One that meets the damage fails, and the delivery goes on by itself.
        while writer.status.pending + writer.status.inFlight > 0 {
            try Task.checkCancellation()
            try? await writer.flush()
            await Task.yield()
        }
        let status = writer.status
        await writer.close()
        return status
    }

    @Test func `all but the damaged record are delivered, and it is named`() async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.knowsTokens)
            let log = LogRecorder()
            try await makeSpool(at: directory + "/s")
            let status = try await deliver(directory + "/s", to: server, log: log) { bytes, place in
                bytes[place + 5] ^= 1
            }
            #expect(
                server.rows == Dictionary(uniqueKeysWithValues: (0..<Self.count).filter { $0 != 500 }.map { ($0, 1) })
            )
            #expect(status.deadLetters == 1)
            #expect(status.delivered == 999)
            #expect(status.spool == .fine)
            #expect(status.delivery == .fine)
            let said = log.entries.filter { $0.level == .error }
            #expect(said.count == 1)
            #expect(said.first?.metadata.contains("501") == true)
            #expect(said.first?.message.contains("spoolctl") == true)
        }
    }

    @Test(arguments: [SimulatedClickHouse.Table.knowsTokens, .forgetsTokens, .plain], [true, false])
    fileprivate func `a batch of unknown outcome is stored once, without its damaged record`(
        table: SimulatedClickHouse.Table,
        isStored: Bool
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(table)
            try await makeSpool(at: directory + "/s", batch: 600) { frozen in
                if isStored { _ = await server.insert(frozen.body, token: frozen.batch.token) }
            }
            let status = try await deliver(directory + "/s", to: server) { bytes, place in bytes[place + 5] ^= 1 }
            let expected = (0..<Self.count).filter { isStored || $0 != 500 }
            #expect(server.rows == Dictionary(uniqueKeysWithValues: expected.map { ($0, 1) }))
            #expect(status.deadLetters == 1)
            #expect(status.spool == .fine)
        }
    }

    @Test func `a damaged page costs the records on it, and no restart`() async throws {
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.knowsTokens)
            let log = LogRecorder()
            try await makeSpool(at: directory + "/s")
            let status = try await deliver(directory + "/s", to: server, log: log) { bytes, place in
                let page = place / SpoolUsage.defaultPageBytes * SpoolUsage.defaultPageBytes
                for index in page..<page + SpoolUsage.defaultPageBytes { bytes[index] = 0 }
            }
            #expect(server.rows.values.allSatisfy { $0 == 1 })
            #expect(server.rows.count > Self.count / 2 && server.rows[0] == 1 && server.rows[999] == 1)
            #expect(server.rows[500] == nil)
            #expect(status.spool == .fine)
            #expect(log.entries.contains { $0.metadata.contains("\"spool.lost\": \(Self.count - server.rows.count)") })
        }
    }
}

/// Does something before the first preflight, which is before anything is delivered.
private final class LateSink: BatchSink {
    private let sink: SimulatedClickHouse
    private let first: Mutex<(@Sendable () -> Void)?>

    init(_ sink: SimulatedClickHouse, first: @escaping @Sendable () -> Void) {
        self.sink = sink
        self.first = Mutex(first)
    }

    var destination: DestinationProfile? { sink.destination }

    func preflight() async -> Result<DestinationProfile, InsertFailure> {
        first.withLock { $0.take() }?()
        return await sink.preflight()
    }

    func countStored(
        _ keys: Set<RowKey>,
        token: String,
        doubtAge: Duration?
    ) async -> Result<[RowKey: Int], InsertFailure> {
        await sink.countStored(keys, token: token, doubtAge: doubtAge)
    }

    func insert(_ rows: [UInt8], token: String) async -> InsertOutcome { await sink.insert(rows, token: token) }

    func close() async {}
}
