@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct LedgerTests {
    private func makeLedger() -> Ledger {
        Ledger(
            uuid: "u",
            lastID: 0,
            records: 0,
            payloadBytes: 0,
            deadLetters: 0,
            dropped: 0,
            batches: [],
            frozenThrough: 0
        )
    }

    private func batch(_ ids: ClosedRange<Int64>, bytes: Int) -> Batch {
        Batch(
            token: "\(ids)",
            ids: ids,
            records: ids.count,
            payloadBytes: bytes,
            frozenAt: WallInstant(milliseconds: 0)
        )
    }

    @Test func `whatever happens, the counts are those of the records that are there`() throws {
        var random = SeededRandom(1)
        for _ in 0..<200 {
            var ledger = makeLedger()
            var present: [Int64: Int] = [:]
            for _ in 0..<50 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    let bytes = Int.random(in: 1...100, using: &random)
                    present[ledger.append(payloadBytes: bytes)] = bytes
                case 2 where ledger.frozenThrough < ledger.lastID && Bool.random(using: &random):
                    let ids =
                        ledger.frozenThrough
                        + 1...Int64.random(in: ledger.frozenThrough + 1...ledger.lastID, using: &random)
                    let dropped = ids.compactMap { present.removeValue(forKey: $0) }
                    ledger.drop(through: ids.upperBound, records: dropped.count, payloadBytes: dropped.reduce(0, +))
                case 2 where ledger.frozenThrough < ledger.lastID:
                    let ids =
                        ledger.frozenThrough
                        + 1...Int64.random(in: ledger.frozenThrough + 1...ledger.lastID, using: &random)
                    let bytes = ids.reduce(0) { $0 + (present[$1] ?? 0) }
                    let isFrozen = try ledger.freeze(batch(ids, bytes: bytes))
                    #expect(isFrozen)
                default:
                    guard let batch = ledger.batches.randomElement(using: &random) else { continue }
                    let removals = [ledger.remove(batch), ledger.remove(batch)].map { $0 != nil }
                    #expect(removals == [true, false])
                    for id in batch.ids { present[id] = nil }
                }
                try ledger.check()
                #expect(ledger.records == present.count)
                #expect(ledger.payloadBytes == present.values.reduce(0, +))
                #expect(ledger.summary.pending == present.keys.filter { $0 > ledger.frozenThrough }.count)
                #expect(ledger.summary.undelivered == present.count)
            }
        }
    }

    @Test(arguments: [("u", 5, false), ("u", 6, true), ("v", 6, false)] as [(String, Int64, Bool)])
    func `a note is ahead of a file that has not all of what was committed`(
        uuid: String,
        committed: Int64,
        isAhead: Bool
    ) {
        var ledger = makeLedger()
        for _ in 0..<5 { _ = ledger.append(payloadBytes: 1) }
        ledger.frozenThrough = 3
        let progress = OwnerNote.Progress(committed: committed, frozen: 3, delivered: 3)
        let note = OwnerNote(process: 1, uuid: uuid, durability: .powerLoss, progress: progress, state: .sound)
        #expect(note.isAhead(of: ledger) == isAhead)
    }

    @Test func `a batch that passes over records is damage, unless they are known to be gone`() throws {
        var ledger = makeLedger()
        for _ in 0..<6 { _ = ledger.append(payloadBytes: 1) }
        let thirdToFifth = Batch(
            token: "t",
            ids: 3...5,
            records: 3,
            payloadBytes: 3,
            frozenAt: WallInstant(milliseconds: 0)
        )
        #expect(throws: SQLiteError.self) { try ledger.freeze(thirdToFifth) }
        // As after a salvage that found four of six.
        ledger.records = 4
        ledger.payloadBytes = 4
        let isFrozen = try ledger.freeze(thirdToFifth)
        #expect(isFrozen && ledger.summary.pending == 1)
    }

    @Test func `a failure is counted for its batch only`() throws {
        var ledger = makeLedger()
        for _ in 0..<4 { _ = ledger.append(payloadBytes: 1) }
        let batches = [1...2, 3...4].map { batch($0, bytes: 2) }
        for batch in batches { _ = try ledger.freeze(batch) }
        ledger.recordFailure(of: batches[1], error: "away")
        #expect(ledger.batches.map(\.attempts) == [0, 1])
        #expect(ledger.batches.map(\.lastError) == [nil, "away"])
        #expect(ledger.batches.map(\.token) == ["1...2", "3...4"])
    }

    @Test(arguments: [
        "last_id = 1", "last_id = -1", "last_id = 9223372036854775807", "records = 9223372036854775807",
        "records = 1", "records = -9223372036854775808", "payload_bytes = -1", "payload_bytes = 3",
        "dead_letters = -1", "dead_letters = 9223372036854775807",
        // As a file says it whose author knows of the checksum.
        "records = -9223372036854775808, checksum = NULL", "dropped = -1, checksum = NULL",
        "records = 9223372036854775807, dead_letters = 9223372036854775807, checksum = NULL",
        "dropped = 9223372036854775807, checksum = NULL",
    ])
    func `counts that cannot be true have the file set aside, and its records go on`(damage: String) async throws {
        try await expectSalvage(after: "UPDATE spool SET \(damage)")
    }

    @Test(arguments: [
        "first_id = -9223372036854775808", "first_id = 0", "last_id = 9223372036854775807", "last_id = 4",
        "records = -1", "records = 0", "records = 9223372036854775807", "payload_bytes = -1",
        "payload_bytes = 9223372036854775807",
    ])
    func `batches that cannot be true have the file set aside, and its records go on`(damage: String) async throws {
        try await expectSalvage(after: "UPDATE batches SET \(damage) WHERE first_id = 1")
    }

    private func expectSalvage(after damage: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<5)
                for _ in 0..<2 { _ = try await spool.freeze(maxRecords: 2, maxBytes: 100) }
            }
            try Database(path: path, access: .readWrite).execute(damage)
            try await withSpool(at: path) { spool in
                #expect(spool.loss?.quarantinedFile?.contains("/traces.spool.damaged-") == true)
                #expect(spool.loss?.lost == 0)
                var lines: [String] = []
                for batch in spool.batches {
                    lines += FrozenBatch(batch: batch, body: try await spool.body(of: batch)).lines
                }
                while let batch = try await spool.freeze(maxRecords: 10, maxBytes: 100) { lines += batch.lines }
                #expect(lines.sorted() == (0..<5).map { "{\"n\":\($0)}" })
            }
        }
    }

    @Test func `a time that no clock says does not overflow`() async throws {
        for time in [Int64.min, .max] {
            try await withTemporaryDirectory { directory in
                let path = directory + "/traces.spool"
                try await withSpool(at: path) { try await $0.appendNumbers(0..<1) }
                try Database(path: path, access: .readWrite).execute("UPDATE records SET enqueued_at = \(time)")
                try await withSpool(at: path) { spool in
                    let oldest = try #require(try await spool.oldestPending())
                    #expect((oldest.duration(to: WallInstant(milliseconds: 1_795_000_000_000)) > .zero) == (time < 0))
                }
            }
        }
    }
}
