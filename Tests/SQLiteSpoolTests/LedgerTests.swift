@testable import SQLiteSpool
import Testing

@Suite struct LedgerTests {
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
            spool: "u",
            ids: ids,
            records: ids.count,
            payloadBytes: bytes,
            frozenAt: WallInstant(milliseconds: 0)
        )
    }

    @Test func `whatever happens, the counts are those of the records that are there`() {
        for _ in 0..<200 {
            var ledger = makeLedger()
            var present: [Int64: Int] = [:]
            for _ in 0..<50 {
                switch Int.random(in: 0..<4) {
                case 0, 1:
                    let bytes = Int.random(in: 1...100)
                    present[ledger.append(payloadBytes: bytes)] = bytes
                case 2 where ledger.frozenThrough < ledger.lastID && Bool.random():
                    let ids = ledger.frozenThrough + 1...Int64.random(in: ledger.frozenThrough + 1...ledger.lastID)
                    let dropped = ids.compactMap { present.removeValue(forKey: $0) }
                    ledger.drop(through: ids.upperBound, records: dropped.count, payloadBytes: dropped.reduce(0, +))
                case 2 where ledger.frozenThrough < ledger.lastID:
                    let ids = ledger.frozenThrough + 1...Int64.random(in: ledger.frozenThrough + 1...ledger.lastID)
                    let bytes = ids.reduce(0) { $0 + (present[$1] ?? 0) }
                    let isFrozen = ledger.freeze(batch(ids, bytes: bytes))
                    #expect(isFrozen)
                default:
                    guard let batch = ledger.batches.randomElement() else { continue }
                    let removals = [ledger.remove(batch), ledger.remove(batch)]
                    #expect(removals == [true, false])
                    for id in batch.ids { present[id] = nil }
                }
                #expect(ledger.records == present.count)
                #expect(ledger.payloadBytes == present.values.reduce(0, +))
                #expect(ledger.summary.pending == present.keys.filter { $0 > ledger.frozenThrough }.count)
                #expect(ledger.summary.undelivered == present.count)
            }
        }
    }

    @Test func `a failure is counted for its batch only`() {
        var ledger = makeLedger()
        for _ in 0..<4 { _ = ledger.append(payloadBytes: 1) }
        let batches = [1...2, 3...4].map { batch($0, bytes: 2) }
        for batch in batches { _ = ledger.freeze(batch) }
        ledger.recordFailure(of: batches[1], error: "away")
        #expect(ledger.batches.map(\.attempts) == [0, 1])
        #expect(ledger.batches.map(\.lastError) == [nil, "away"])
        #expect(ledger.batches.map(\.token) == ["u-1-2", "u-3-4"])
    }
}
