import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SalvageTests {
    /// Leaves the files of a spool as a killed owner does: 100 commits of a record each, the first 20 in a batch, none
    /// moved into the database.
    private func makeKilledSpool(at path: String, _ durability: SpoolConfiguration.Durability) async throws {
        let living = path + ".living"
        try await withSpool(
            at: living,
            durability: durability,
            configure: { $0.checkpoints.quietPeriodMilliseconds = 3_600_000 }
        ) {
            spool in
            for number in 0..<100 { try await spool.append(payload(number)) }
            _ = try await spool.freeze(maxRecords: 20, maxBytes: 1 << 20)
            for suffix in ["", "-wal", ".lock"] {
                try FileManager.default.copyItem(atPath: living + suffix, toPath: path + suffix)
            }
        }
    }

    private func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try [UInt8](Data(contentsOf: URL(filePath: path)))
        body(&bytes)
        try Data(bytes).write(to: URL(filePath: path))
    }

    private func deliverAll(_ spool: Spool) async throws -> [Int] {
        var lines: [String] = []
        for batch in spool.batches { lines += FrozenBatch(batch: batch, body: try await spool.body(of: batch)).lines }
        while let batch = try await spool.freeze(maxRecords: 30, maxBytes: 1 << 20) { lines += batch.lines }
        return lines.compactMap { Int($0.filter(\.isNumber)) }
    }

    @Test func `a flipped bit in the WAL costs at most what it hit, not all that came after it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, .powerLoss)
            try change(path + "-wal") { $0[$0.count / 2] ^= 4 }
            try await withSpool(at: path) { spool in
                let loss = try #require(spool.loss)
                let file = try #require(loss.quarantinedFile)
                #expect(FileManager.default.fileExists(atPath: file))
                #expect(FileManager.default.fileExists(atPath: file + "-wal.original"))
                let numbers = try await deliverAll(spool)
                #expect(Set(numbers).count == numbers.count)
                #expect(numbers.count + loss.lost + loss.setAside >= 100)
                #expect(numbers.count >= 90)
                try await spool.verify()
            }
        }
    }

    /// SQLite removes the WAL of an empty database as soon as it reads it.
    @Test func `the WAL of a database that was emptied is kept before SQLite opens it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, .powerLoss)
            try change(path) { $0 = [] }
            let wal = try Data(contentsOf: URL(filePath: path + "-wal"))
            try await withSpool(at: path) { spool in
                let loss = try #require(spool.loss)
                let file = try #require(loss.quarantinedFile)
                #expect(try Data(contentsOf: URL(filePath: file + "-wal.original")) == wal)
                #expect(loss.salvaged + loss.setAside + loss.lost == 100)
            }
        }
    }

    @Test func `a WAL that is cut short is noticed, and the loss is counted`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, .powerLoss)
            try change(path + "-wal") { $0.removeLast($0.count / 3) }
            try await withSpool(at: path) { spool in
                let loss = try #require(spool.loss)
                #expect(loss.quarantinedFile != nil)
                #expect(loss.lost > 0)
                let numbers = try await deliverAll(spool)
                #expect(numbers == Array(0..<100 - loss.lost))
                // The ids of what was lost are not given again.
                try await spool.append(payload(1_000))
                #expect(spool.summary.lastID == 101)
            }
        }
    }

    @Test func `without syncs a power cut takes the newest, which is counted, and nothing is set aside`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await makeKilledSpool(at: path, .processCrash)
            try change(path + "-wal") { $0.removeLast($0.count / 3) }
            try await withSpool(at: path) { spool in
                let loss = try #require(spool.loss)
                #expect(loss.quarantinedFile == nil)
                let numbers = try await deliverAll(spool)
                #expect(numbers == Array(0..<100 - loss.lost))
                #expect(spool.summary.lastID == 100)
            }
        }
    }

    @Test func `an altered record is a dead letter, and the others go on`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<10) }
            try change(path) { bytes in
                let needle = Array("{\"n\":4}".utf8)
                let place = bytes.indices.first { bytes[$0...].starts(with: needle) }
                bytes[(place ?? 0) + 5] = UInt8(ascii: "9")
            }
            try await withSpool(at: path) { spool in
                let numbers = try await deliverAll(spool)
                #expect(numbers == [0, 1, 2, 3, 5, 6, 7, 8, 9])
                #expect(spool.summary.deadLetters == 1)
            }
        }
    }

    @Test func `an owner's note is read as it was written, and its progress is where it says`() throws {
        let note = OwnerNote(
            process: 4_242,
            uuid: "655721f8-3168-44bc-8f72-e913855addd4",
            durability: .processCrash,
            progress: OwnerNote.Progress(committed: 9_007_199_254_740_000, frozen: 12, delivered: 0),
            state: .failed
        )
        #expect(OwnerNote(note.text) == note)
        #expect(OwnerNote.process(in: note.text) == "4242")
        let progress = OwnerNote.lines(note.progress)
        #expect(note.text.hasSuffix(progress))
        #expect(note.text.utf8.count - progress.utf8.count == OwnerNote.progressOffset)
        #expect(note.text.utf8.count == OwnerNote.textLength)
        #expect(OwnerNote("4242\n") == nil)
        #expect(OwnerNote("") == nil)
    }

    @Test func `any damage to a row changes its checksum`() {
        let bytes = Array("{\"n\":12345,\"text\":\"abcdefgh\"}".utf8)
        let checksum = Payload(bytes).checksum(id: 7, enqueuedAt: 99)
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(Payload(damaged).checksum(id: 7, enqueuedAt: 99) != checksum)
        }
        #expect(Payload(bytes).checksum(id: 8, enqueuedAt: 99) != checksum)
        #expect(Payload(bytes).checksum(id: 7, enqueuedAt: 98) != checksum)
        #expect(Payload(bytes + [0]).checksum(id: 7, enqueuedAt: 99) != checksum)
        // What is in files must stay readable.
        #expect(Payload([]).checksum(id: 1, enqueuedAt: 2) == -1_763_842_961_842_885_267)
    }
}
