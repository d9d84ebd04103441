import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct DeadLetterTests {
    /// A spool with the numbers 0 to 5: 0 and 1 refused with code 27, 2 and 3 with 33, the others pending.
    private func withLetters<Result>(
        limits: SpoolLimits = SpoolLimits(),
        _ body: (Spool) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s", limits: limits) { spool in
                try await spool.appendNumbers(0..<6)
                for code in [27, 33] {
                    let batch = try #require(try await spool.freeze(maxRecords: 2, maxBytes: 1 << 20)).batch
                    try await spool.recordFailure(of: batch, error: "refused")
                    try await spool.deadLetter(spool.batches[0], code: code, message: "cannot parse")
                }
                return try await body(spool)
            }
        }
    }

    private func counts(_ spool: Spool) -> [Int] { [spool.summary.pending, spool.summary.deadLetters] }

    @Test func `a dead letter tells all that is known of it`() async throws {
        try await withLetters { spool in
            let letters = try await spool.deadLetters(.code(33), limit: 10)
            #expect(letters.map(\.id) == [3, 4])
            #expect(letters.map(\.payload) == [payload(2), payload(3)])
            #expect(letters.allSatisfy { $0.code == 33 && $0.message == "cannot parse" && $0.attempts == 1 })
            #expect(letters.allSatisfy { $0.obstacle == nil && $0.enqueuedAt <= $0.deadLetteredAt })
            #expect(try await spool.deadLetters(after: 1, limit: 2).map(\.id) == [2, 3])
        }
    }

    @Test(arguments: [
        (LetterSelection.all, 4, [7, 8, 9, 10]), (.code(27), 2, [7, 8]), (.code(nil), 0, []),
        (.ids([4, 2, 2, 99]), 2, [7, 8]),
    ])
    func `what is requeued is a pending record with a new id`(
        selection: LetterSelection,
        count: Int,
        ids: [Int64]
    ) async throws {
        try await withLetters { spool in
            let before = try await spool.deadLetters(selection, limit: 10).map(\.payload)
            #expect(try await spool.requeueDeadLetters(selection).count == count)
            #expect(counts(spool) == [2 + count, 4 - count])
            try await spool.verify()
            let reader = try SpoolReader(path: spool.path)
            let records = try reader.records().records.filter { $0.id > 6 }
            #expect(records.map(\.id) == ids)
            #expect(records.map(\.payload) == before)
            #expect(records.allSatisfy { $0.isSound })
            let batch = try #require(try await spool.freeze(maxRecords: 100, maxBytes: 1 << 20))
            #expect(batch.batch.records == 2 + count)
        }
    }

    @Test(arguments: [(LetterSelection.all, 4), (.code(27), 2), (.code(nil), 0), (.ids([4, 2, 99]), 2)])
    func `what is discarded is gone`(selection: LetterSelection, count: Int) async throws {
        try await withLetters { spool in
            #expect(try await spool.discardDeadLetters(selection) == count)
            #expect(try await spool.discardDeadLetters(selection) == 0)
            #expect(counts(spool) == [2, 4 - count])
            let left = try SpoolReader(path: spool.path).countDeadLetters(.all)
            #expect(left == 4 - count)
        }
    }

    @Test func `two who requeue the same do it once`() async throws {
        try await withLetters { spool in
            async let first = spool.requeueDeadLetters(.all)
            async let second = spool.requeueDeadLetters(.all)
            async let third = spool.discardDeadLetters(.all)
            let moved = try await [first.count, second.count, third]
            #expect(moved.reduce(0, +) == 4)
            #expect(spool.summary.deadLetters == 0)
            #expect(spool.summary.pending == 2 + moved[0] + moved[1])
        }
    }

    /// Also where it is still a row.
    @Test(arguments: ["{\"n\":", "{\"n\":1}\n", "[1]", "", "{\"n\":1}\u{0}", "{\"n\":99}"])
    func `what is not what was written stays a dead letter, and is named`(payload: String) async throws {
        try await withLetters { spool in
            let file = try Database(path: spool.path, access: .readWrite)
            try file.prepare("UPDATE dead_letters SET payload = ?1 WHERE id = 2").run(.text(payload))
            #expect(try await spool.requeueDeadLetters(.all) == Spool.Requeued(count: 3, left: [2: .damaged]))
            #expect(try await spool.requeueDeadLetters(.ids([2])) == Spool.Requeued(count: 0, left: [2: .damaged]))
            #expect(counts(spool) == [5, 1])
        }
    }

    @Test func `what a salvage found damaged is never requeued, though it is a row`() async throws {
        try await withLetters { spool in
            let file = try Database(path: spool.path, access: .readWrite)
            try file.prepare("UPDATE dead_letters SET code = NULL, message = ?1, checksum = NULL WHERE id = 2")
                .run(.text(Salvage.damagedMessage))
            #expect(try await spool.requeueDeadLetters(.all) == Spool.Requeued(count: 3, left: [2: .damaged]))
            #expect(try await spool.requeueDeadLetters(.ids([2])) == Spool.Requeued(count: 0, left: [2: .damaged]))
        }
    }

    @Test func `what may have been delivered before a salvage is requeued only by its id`() async throws {
        try await withLetters { spool in
            let file = try Database(path: spool.path, access: .readWrite)
            try file.prepare("UPDATE dead_letters SET code = NULL, message = ?1 WHERE id = 2").run(
                .text(Salvage.deliveredMessage)
            )
            #expect(try await spool.requeueDeadLetters(.code(nil)) == Spool.Requeued(count: 0, left: [2: .setAside]))
            #expect(try await spool.requeueDeadLetters(.all) == Spool.Requeued(count: 3, left: [2: .setAside]))
            #expect(try await spool.requeueDeadLetters(.ids([2])) == Spool.Requeued(count: 1))
        }
    }

    @Test func `what has no room stays a dead letter, and drops nothing`() async throws {
        let limits = SpoolLimits(maxRecords: 6, whenFull: .dropOldest)
        try await withLetters(limits: limits) { spool in
            try await spool.append(payload(6))
            let error = await #expect(throws: SpoolError.self) { try await spool.requeueDeadLetters(.all) }
            #expect(error?.code == .full)
            #expect(error?.message.hasPrefix("requeued 3, and then: the spool is full") == true)
            #expect(counts(spool) == [6, 1])
            #expect(spool.summary.dropped == 0)
            #expect(try await spool.deadLetters(limit: 10).map(\.payload) == [payload(3)])
        }
    }

    @Test func `a spool full of dead letters can requeue them`() async throws {
        let limits = SpoolLimits(maxBytes: 4 << 20)
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s", limits: limits) { spool in
                let large = Array("{\"x\":\"\(String(repeating: "x", count: 10_000))\"}".utf8)
                var count = 0
                do throws(SpoolError) {
                    while true {
                        try await spool.append(large)
                        count += 1
                    }
                } catch {
                    #expect(error.code == .full)
                }
                while let batch = try await spool.freeze(maxRecords: 100, maxBytes: 1 << 20)?.batch {
                    try await spool.deadLetter(batch, code: 27, message: "cannot parse")
                }
                #expect(counts(spool) == [0, count])
                #expect(try await spool.requeueDeadLetters(.all).count == count)
                #expect(counts(spool) == [count, 0])
                try await spool.verify()
            }
        }
    }

    @Test func `thousands are requeued in their order, in several commits`() async throws {
        try await withTemporaryDirectory { directory in
            let events = EventRecorder()
            try await withSpool(at: directory + "/s", onEvent: events.record) { spool in
                try await spool.appendNumbers(0..<3_500)
                let batch = try #require(try await spool.freeze(maxRecords: 5_000, maxBytes: 1 << 30)).batch
                try await spool.deadLetter(batch, code: 27, message: "cannot parse")
                let before = events.commitsOfRecords
                #expect(try await spool.requeueDeadLetters(.all).count == 3_500)
                #expect(events.commitsOfRecords - before == 4)
                let all = try #require(try await spool.freeze(maxRecords: 5_000, maxBytes: 1 << 30))
                #expect(all.lines == (0..<3_500).map { "{\"n\":\($0)}" })
                #expect(all.batch.ids == 3_501...7_000)
            }
        }
    }

    @Test func `dead letters of a dead owner, of the first schema too, can be requeued`() async throws {
        try await withTemporaryDirectory { directory in
            let fixture = try #require(
                Bundle.module.url(forResource: "version-1", withExtension: "spool", subdirectory: "Fixtures")
            )
            let path = directory + "/s"
            try Data(contentsOf: fixture).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            try await withSpool(at: path) { spool in
                try await spool.deadLetter(spool.batches[0], code: 27, message: "cannot parse")
            }
            try await withSpool(at: path) { spool in
                #expect(try await spool.requeueDeadLetters(.all).count == 10)
                #expect(spool.summary.lastID == 51)
                try await spool.verify()
            }
        }
    }

    @Test func `what was discarded is not counted as lost when the file is damaged later`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path, durability: .powerLoss) { spool in
                try await spool.appendNumbers(0..<10)
                let batch = try #require(try await spool.freeze(maxRecords: 4, maxBytes: 1 << 20)).batch
                try await spool.deadLetter(batch, code: 27, message: "cannot parse")
                #expect(try await spool.discardDeadLetters(.ids([1, 2])) == 2)
                #expect(try await spool.requeueDeadLetters(.ids([3])).count == 1)
            }
            try Database(path: path, access: .readWrite).execute(
                "UPDATE records SET payload = '{\"n\":99}' WHERE id = 7; UPDATE spool SET records = 77"
            )
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.lost == 0)
                #expect(spool.loss?.setAside == 1)
                #expect(counts(spool) == [6, 2])
            }
        }
    }

    /// Dying between the commit and the note must not make what left look lost.
    @Test func `the note has fewer dead letters before they go`() throws {
        var ledger = Ledger(
            uuid: "655721f8-3168-44bc-8f72-e913855addd4",
            lastID: 9,
            records: 0,
            payloadBytes: 0,
            deadLetters: 5,
            dropped: 0,
            batches: [],
            frozenThrough: 9
        )
        let path = FileManager.default.temporaryDirectory.path(percentEncoded: false) + "/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path + ".lock") }
        let lock = try SpoolLock(spool: path, .system)
        lock.announce(ledger, .powerLoss)
        func noted() throws -> Int64? {
            try OwnerNote(String(contentsOfFile: path + ".lock", encoding: .utf8))?.progress.deadLetters
        }
        lock.note { $0.progress.expect(deadLetters: 3) }
        #expect(try noted() == 3)
        // The commit failed, and another one was done.
        lock.note { $0.progress = ledger.progress() }
        #expect(try noted() == 5)
        lock.note { $0.progress.expect(deadLetters: 5) }
        ledger.deadLetters = 6
        lock.note { $0.progress.expect(deadLetters: 6) }
        #expect(try noted() == 5)
    }
}

extension EventRecorder {
    fileprivate var commitsOfRecords: Int {
        events.count { if case .committed(let commit) = $0 { commit.records > 0 } else { false } }
    }
}
