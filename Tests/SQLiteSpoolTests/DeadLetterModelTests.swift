@testable import SQLiteSpool
import TestSupport
import Testing

/// A spool does at random what its users do, and is compared with what they would expect.
@Suite(.bounded) struct DeadLetterModelTests {
    private struct Model {
        var records: [Int64: [UInt8]] = [:]
        var letters: [Int64: [UInt8]] = [:]
        var lastID: Int64 = 0
        var written: Set<Int> = []

        mutating func append(_ payload: [UInt8]) {
            lastID += 1
            records[lastID] = payload
        }

        mutating func requeue(_ ids: [Int64]) {
            for id in ids.sorted() { if let payload = letters.removeValue(forKey: id) { append(payload) } }
        }
    }

    @Test(arguments: 0..<12)
    func `whatever is requeued and discarded, each record is in one place`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        try await withTemporaryDirectory { directory in
            var model = Model()
            for _ in 0..<3 {
                try await withSpool(at: directory + "/s") { spool in
                    for _ in 0..<30 { try await step(spool, &model, &random) }
                }
                try compare(directory + "/s", model)
            }
        }
    }

    private func step(_ spool: Spool, _ model: inout Model, _ random: inout SeededGenerator) async throws {
        let chosen = model.letters.keys.sorted().filter { _ in Bool.random(using: &random) }
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1:
            let numbers = model.written.count..<model.written.count + Int.random(in: 1...20, using: &random)
            try await spool.appendNumbers(numbers)
            for number in numbers { model.append(payload(number)) }
            model.written.formUnion(numbers)
        case 2, 3:
            guard let batch = try await spool.next(Int.random(in: 1...10, using: &random))?.batch else { return }
            let ids = model.records.keys.filter { batch.ids.contains($0) }
            if Bool.random(using: &random) {
                try await spool.acknowledge(batch)
            } else {
                try await spool.deadLetter(batch, code: 27, message: "cannot parse")
                for id in ids { model.letters[id] = model.records[id] }
            }
            for id in ids { model.records[id] = nil }
        case 4:
            #expect(try await spool.requeueDeadLetters(.ids(chosen)).count == chosen.count)
            model.requeue(chosen)
        case 5:
            #expect(try await spool.requeueDeadLetters(.code(27)).count == model.letters.count)
            model.requeue(Array(model.letters.keys))
        default:
            #expect(try await spool.discardDeadLetters(.ids(chosen)) == chosen.count)
            for id in chosen { model.letters[id] = nil }
        }
        #expect(spool.summary.undelivered == model.records.count)
        #expect(spool.summary.deadLetters == model.letters.count)
        #expect(spool.summary.payloadBytes == model.records.values.reduce(0) { $0 + $1.count })
        #expect(spool.summary.lastID == model.lastID)
    }

    private func compare(_ path: String, _ model: Model) throws {
        let reader = try SpoolReader(path: path)
        let records = try reader.records().records
        #expect(Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0.payload) }) == model.records)
        let letters = try reader.deadLetters(limit: 1_000)
        #expect(Dictionary(uniqueKeysWithValues: letters.map { ($0.id, $0.payload) }) == model.letters)
        #expect(try SpoolCheck(path: path).run().filter { !$0.isSound } == [])
    }
}

/// A linear congruential generator (Knuth, MMIX), so that a seed that fails fails again.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 32)
    }
}
