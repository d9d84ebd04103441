import ClickHouseHTTP
@testable import ClickHouseWriter
import Foundation
import SQLiteSpool
import TestSupport
import Testing

/// CI runs more, with `ADVERSARY_HISTORIES`; each table's begin at `ADVERSARY_SEED`.
private let histories = number("ADVERSARY_HISTORIES") ?? 300
private let firstSeed = number("ADVERSARY_SEED").map(UInt64.init) ?? 0

private func number(_ variable: String) -> Int? {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) }
}

/// Random histories of answers, silences, lies, crashes and restarts, checked against what must hold at their end.
@Suite(.bounded(seconds: 900 + histories / 3)) struct AdversaryTests {
    @Test(arguments: SimulatedClickHouse.Table.allCases)
    func `whatever happens, every record is stored, once where that is promised, or is a dead letter`(
        table: SimulatedClickHouse.Table
    ) async throws {
        try await withTemporaryDirectory { directory in
            for seed in 0..<UInt64(histories / SimulatedClickHouse.Table.allCases.count) {
                try await History(table, seed: firstSeed + seed).run(in: directory)
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
        var older: Set<Int> = []
        for _ in 0..<([0, 0, 0, 1, 10, 100].randomElement(using: &random) ?? 0) {
            older.insert(Int.random(in: 0..<100, using: &random))
        }
        older.subtract(poison)
        server.setOlder(older)
        // A batch that cannot be asked for is not cut, since it may be stored.
        if ![.knowsTokens, .hidesRows].contains(table), Int.random(in: 0..<4, using: &random) == 0 {
            let what = SimulatedClickHouse.Narrow.allCases.randomElement(using: &random) ?? .link
            server.setNarrow(Int.random(in: 1...10, using: &random), what)
        }
        let isWrongAtFirst = Int.random(in: 0..<4, using: &random) == 0
        server.setWrong(isWrongAtFirst)
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: "t")
        configuration.durability = .processCrash
        var accepted = 0
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            configuration.maxBatchSize = Int.random(in: 1...20, using: &random)
            configuration.maxInFlight = Int.random(in: 1...3, using: &random)
            configuration.catchUpBatchSize = Bool.random(using: &random) ? 40 : nil
            // Refused records that fill a spool leave it, whatever they are refused for.
            configuration.maxRecords = isWrongAtFirst ? nil : [nil, nil, 5, 40].randomElement(using: &random) ?? nil
            let writer = try open(configuration, server, clock, random.next())
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let count = Int.random(in: 1...min(30, (configuration.maxRecords ?? 60) / 2), using: &random)
                try await write(numbers(accepted..<accepted + count), to: writer)
                accepted += count
                // Each ends with the first attempt that fails, or when all is delivered.
                for _ in 0..<Int.random(in: 0...8, using: &random) { try? await writer.flush() }
                for _ in 0..<Int.random(in: 0...40, using: &random) { await Task.yield() }
            }
            // On this clock its deadline is over at once: the writer is torn from whatever it is doing.
            await writer.close()
            server.setWrong(false)
        }

        server.setTrouble(0)
        let sendsBefore = server.sends
        let writer = try open(configuration, server, clock, random.next())
        var good = 0
        repeat {
            // It proves that the table is fine.
            try await write([Numbered(n: 1_000 + good)], to: writer)
            good += 1
            // The second asks for what the first has sent without an answer.
            for _ in 0..<2 { try? await writer.flush() }
            if good == 10 { server.setOlder([]) }
        } while writer.status.pending + writer.status.inFlight > 0 && good < 300
        let status = writer.status
        await writer.close()

        // Those of an older type leave only a spool that they fill.
        let aside = older.filter { $0 < accepted && server.rows[$0] == nil }
        let expected = Set(0..<accepted).subtracting(poison).subtracting(aside).union(1_000..<1_000 + good)
        if table != .hidesRows {
            #expect(server.rows.filter { $0.value != 1 } == [:], "stored twice; \(table), seed \(seed)")
        }
        if table == .hasForgetfulView {
            #expect(server.viewRows.filter { $0.value != 1 } == [:], "twice in the view; \(table), seed \(seed)")
        }
        let stored = Set(server.rows.keys)
        #expect(expected.subtracting(stored) == [], "lost; \(table), seed \(seed)")
        #expect(stored.subtracting(expected) == [], "stored and refused; \(table), seed \(seed)")
        let letters = aside.count + poison.count { $0 < accepted }
        #expect(status.deadLetters == letters, "dead letters; \(table), seed \(seed)")
        let sends = server.sends - sendsBefore
        #expect(sends <= 4 * accepted + 10 * good + 100, "\(sends) sends; \(table), seed \(seed)")
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
        Issue.record("full for ever; \(writer.status); \(table), seed \(seed)")
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
