import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import SQLiteSpool
import TestSupport
import Testing

/// CI runs more, with `ADVERSARY_HISTORIES`.
private let histories = ProcessInfo.processInfo.environment["ADVERSARY_HISTORIES"].flatMap { Int($0) } ?? 300

/// Random histories of answers, silences, lies, crashes and restarts, checked against what must hold at their end.
@Suite(.bounded(seconds: 900 + histories / 3)) struct AdversaryTests {
    @Test(arguments: SimulatedClickHouse.Table.allCases)
    func `whatever happens, every record is stored, once where that is promised, or is a dead letter`(
        table: SimulatedClickHouse.Table
    ) async throws {
        try await withTemporaryDirectory { directory in
            for seed in 0..<UInt64(histories / SimulatedClickHouse.Table.allCases.count) {
                try await History(table, seed: seed).run(in: directory)
            }
        }
    }
}

/// One history, drawn from its seed.
private struct History {
    private let table: SimulatedClickHouse.Table
    private let seed: UInt64
    private var random: SeededRandom

    init(_ table: SimulatedClickHouse.Table, seed: UInt64) {
        self.table = table
        self.seed = seed
        random = SeededRandom(seed)
    }

    func run(in directory: String) async throws {
        var random = random
        let path = "\(directory)/\(seed).spool"
        let clock = SkippingClock()
        var poison: Set<Int> = []
        for _ in 0..<([0, 0, 1, 2, 10, 100].randomElement(using: &random) ?? 0) {
            poison.insert(Int.random(in: 0..<100, using: &random))
        }
        let server = SimulatedClickHouse(table, poison: poison, trouble: 0.5, seed: seed, clock: clock)
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: "t")
        configuration.durability = .processCrash
        var accepted = 0
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            configuration.maxBatchSize = Int.random(in: 1...20, using: &random)
            configuration.maxInFlight = Int.random(in: 1...3, using: &random)
            configuration.catchUpBatchSize = Bool.random(using: &random) ? 40 : nil
            configuration.maxRecords = [nil, nil, 5, 40].randomElement(using: &random) ?? nil
            let writer = try open(configuration, server, clock, random.next())
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let count = Int.random(in: 1...min(30, configuration.maxRecords ?? 30), using: &random)
                try await write(numbers(accepted..<accepted + count), to: writer)
                accepted += count
                // Each ends with the first attempt that fails, or when all is delivered.
                for _ in 0..<Int.random(in: 0...8, using: &random) { try? await writer.flush() }
                for _ in 0..<Int.random(in: 0...40, using: &random) { await Task.yield() }
            }
            // On this clock its deadline is over at once: the writer is torn from whatever it is doing.
            await writer.close()
        }

        server.setTrouble(0)
        let writer = try open(configuration, server, clock, random.next())
        var good = 0
        repeat {
            // It proves that the table is fine.
            try await write([Numbered(n: 1_000 + good)], to: writer)
            good += 1
            // The second asks for what the first has sent without an answer.
            for _ in 0..<2 { try? await writer.flush() }
        } while writer.status.pending + writer.status.inFlight > 0 && good < 100
        let status = writer.status
        await writer.close()

        let expected = Set(0..<accepted).subtracting(poison).union(1_000..<1_000 + good)
        if table != .hidesRows {
            #expect(server.rows.filter { $0.value != 1 } == [:], "stored twice; \(table), seed \(seed)")
        }
        if table == .hasForgetfulView {
            #expect(server.viewRows.filter { $0.value != 1 } == [:], "twice in the view; \(table), seed \(seed)")
        }
        #expect(Set(server.rows.keys) == expected, "lost, or stored and refused; \(table), seed \(seed)")
        #expect(status.deadLetters == poison.filter { $0 < accepted }.count, "dead letters; \(table), seed \(seed)")
        #expect(status.pending + status.inFlight == 0, "left; \(table), seed \(seed)")
        #expect(server.brokenTokens == [], "a token with two bodies; \(table), seed \(seed)")
        try FileManager.default.removeItem(atPath: path)
    }

    /// A spool that is full has room again after a while, whatever ClickHouse refuses.
    private func write(_ records: [Numbered], to writer: BatchWriter<Numbered>) async throws {
        for _ in 0..<1_000 {
            do throws(WriterError) {
                return try await writer.write(contentsOf: records)
            } catch {
                guard error.code == .spoolFull else { throw error }
                try? await writer.flush()
            }
        }
        Issue.record("full for ever; \(table), seed \(seed)")
    }

    private func open(
        _ configuration: BatchWriterConfiguration,
        _ server: SimulatedClickHouse,
        _ clock: SkippingClock,
        _ seed: UInt64
    ) throws -> BatchWriter<Numbered> {
        try BatchWriter<Numbered>(
            configuration: configuration,
            logger: LogRecorder().logger,
            sink: server,
            clock: clock,
            jitter: { 0.5 }
        )
    }

    private func numbers(_ range: Range<Int>) -> [Numbered] { range.map { Numbered(n: $0) } }
}

private struct Numbered: ClickHouseRecord {
    var n: Int

    static let columns: [Column<Numbered>] = [Column("n", \.n)]
    static let identity: RecordIdentity? = RecordIdentity(id: "n")
}
