import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// What becomes of a record that is damaged on the disk while its owner runs.
@Suite(.bounded) struct DamagedRecordTests {
    /// Long enough for several pages: those of the middle are in no connection's memory.
    static func row(_ number: Int) -> [UInt8] {
        Array("{\"n\":\(number),\"x\":\"\(String(repeating: "x", count: 500))\"}".utf8)
    }

    /// A spool with records 1 to 60, opened anew, whose 20th is damaged while it is open. It is on the second of four pages: what
    /// opening reads is on the first, and on that of the first record behind the batch.
    private func withDamage(
        batch: Int = 0,
        _ damage: (String) throws -> Void,
        _ body: (Spool) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.append(contentsOf: (1...60).map(Self.row))
                if batch > 0 { _ = try await spool.freeze(maxRecords: batch, maxBytes: 1 << 20) }
            }
            try await withSpool(at: path) { spool in
                try damage(path)
                try await body(spool)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(!names.contains { $0.contains("damaged-") })
        }
    }

    private func flip(_ path: String) throws {
        try flipByte(of: Self.row(20), at: 12, in: path)
    }

    private static let others = Array(1...19) + Array(21...60)

    private func numbers(_ frozen: FrozenBatch?) -> [Int] {
        frozen?.lines.compactMap { Int($0.dropFirst(5).prefix { $0.isNumber }) } ?? []
    }

    private func freeze(_ spool: Spool, _ maxRecords: Int) async throws -> [Int] {
        numbers(try await spool.freeze(maxRecords: maxRecords, maxBytes: 1 << 20))
    }

    @Test func `a flipped byte costs its record alone, and no restart`() async throws {
        try await withDamage(flip) { spool in
            let frozen = try #require(try await spool.freeze(maxRecords: 100, maxBytes: 1 << 20))
            #expect(numbers(frozen) == Self.others)
            #expect(frozen.lines.allSatisfy { line in (1...60).contains { Array(line.utf8) == Self.row($0) } })
            #expect(spool.health.state == .sound)
            #expect(spool.summary.inFlight == 59)
            #expect(spool.summary.deadLetters == 1)
            try await spool.acknowledge(frozen.batch)
            #expect(spool.summary.undelivered == 0)
            #expect(spool.summary.payloadBytes == 0)
        }
    }

    /// `torture corrupt --seed 5`, cycle 7021: one bit took the checksum from a row, as if an older version had written it. Such
    /// rows would come first.
    @Test(arguments: [(20, ""), (20, ", checksum = NULL"), (1, ", checksum = NULL")])
    func `a payload that another connection changes is never sent`(id: Int, more: String) async throws {
        try await withDamage { path in
            try Database(path: path, access: .readWrite)
                .execute("UPDATE records SET payload = replace(payload, 'xx', 'yy')\(more) WHERE id = \(id)")
        } _: { spool in
            let delivered = try await freeze(spool, 100)
            #expect(delivered == (1...60).filter { $0 != id })
            #expect(spool.summary.deadLetters == 1)
        }
    }

    @Test func `a payload of another length leaves the counts exact`() async throws {
        try await withDamage { path in
            try Database(path: path, access: .readWrite)
                .execute("UPDATE records SET payload = '{\"n\":31' WHERE id IN (31, 32)")
        } _: { spool in
            _ = try await spool.freeze(maxRecords: 20, maxBytes: 1 << 20)
            let frozen = try #require(try await spool.freeze(maxRecords: 20, maxBytes: 1 << 20))
            #expect(numbers(frozen) == Array(21...30) + Array(33...42))
            #expect(
                spool.summary.payloadBytes == (Array(1...30) + Array(33...60)).reduce(0) { $0 + Self.row($1).count }
            )
        }
    }

    @Test func `a batch keeps its token when a record of it is damaged after it was sent`() async throws {
        try await withDamage(batch: 40, flip) { spool in
            let batch = try #require(spool.batches.first)
            let error = await #expect(throws: SpoolError.self) { _ = try await spool.body(of: batch) }
            #expect(error?.code != .damaged)
            let rest = try #require(spool.batches.first)
            #expect(rest.token == batch.token)
            #expect(rest.records == 39)
            let body = FrozenBatch(batch: rest, body: try await spool.body(of: rest))
            #expect(numbers(body) == Array(1...19) + Array(21...40))
            #expect(spool.summary.deadLetters == 1)
            try await spool.acknowledge(rest)
            #expect(spool.summary.undelivered == 20)
        }
    }

    @Test(arguments: ["members", "keys", "dead letter"])
    func `a damaged record is noticed by whatever reads its batch`(use: String) async throws {
        try await withDamage(batch: 40, flip) { spool in
            let batch = try #require(spool.batches.first)
            switch use {
            case "members": await #expect(throws: SpoolError.self) { _ = try await spool.members(of: batch) }
            case "keys":
                await #expect(throws: SpoolError.self) {
                    _ = try await spool.keys(of: batch, idField: "n", timeField: nil)
                }
            default: try await spool.deadLetter(batch, code: 27, message: "refused")
            }
            let letters = try await spool.deadLetters(limit: 100).filter { $0.code == nil }
            #expect(letters.map(\.id) == [20])
            #expect(letters.map(\.obstacle) == [.damaged])
            #expect(spool.summary.deadLetters == (use == "dead letter" ? 40 : 1))
            #expect(spool.summary.undelivered == (use == "dead letter" ? 20 : 59))
        }
    }

    /// As damage of the row's header leaves it: no version of this program writes one.
    @Test func `a row with neither payload nor checksum is never sent as an empty line`() async throws {
        try await withDamage { path in
            let database = try Database(path: path, access: .readWrite)
            try database.execute("PRAGMA writable_schema = ON")
            try database.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, 'payload     TEXT NOT NULL', 'payload TEXT') WHERE name = 'records'"
            )
            try database.execute("PRAGMA writable_schema = RESET")
            try database.execute("UPDATE records SET payload = NULL, checksum = NULL WHERE id = 20")
            try database.execute("PRAGMA writable_schema = ON")
            try database.execute(
                "UPDATE sqlite_schema SET sql = replace(sql, 'payload TEXT', 'payload     TEXT NOT NULL') WHERE name = 'records'"
            )
        } _: { spool in
            let delivered = try await freeze(spool, 100)
            #expect(delivered == Self.others)
            #expect(spool.summary.deadLetters == 1)
            #expect(spool.health.state == .sound)
        }
    }

    @Test func `a batch whose only record is damaged is gone`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.append(Self.row(1))
                _ = try await spool.freeze(maxRecords: 1, maxBytes: 1 << 20)
            }
            try await withSpool(at: path) { spool in
                try flipByte(of: Self.row(1), at: 12, in: path)
                let batch = try #require(spool.batches.first)
                await #expect(throws: SpoolError.self) { _ = try await spool.body(of: batch) }
                #expect(spool.batches.isEmpty)
                #expect(spool.summary.undelivered == 0)
                #expect(spool.summary.deadLetters == 1)
            }
            try await withSpool(at: path) { spool in
                #expect(spool.loss == nil)
                #expect(spool.summary.deadLetters == 1)
            }
        }
    }

    @Test func `what is still in memory as it was written is a dead letter that can be requeued`() async throws {
        try await withDamage(batch: 40) { path in
            try flipByte(of: Self.row(42), at: 12, in: path)
        } _: { spool in
            let frozen = try #require(try await spool.freeze(maxRecords: 5, maxBytes: 1 << 20))
            #expect(numbers(frozen) == [41, 43, 44, 45, 46])
            let requeued = try await spool.requeueDeadLetters(.ids([42]))
            #expect(requeued == Spool.Requeued(count: 1))
            let delivered = try await freeze(spool, 100)
            #expect(delivered == Array(47...60) + [42])
        }
    }

    @Test func `several damaged records of one page are set aside together`() async throws {
        try await withDamage { path in
            for number in 20..<40 { try flipByte(of: Self.row(number), at: 40 + number, in: path) }
        } _: { spool in
            let delivered = try await freeze(spool, 25)
            #expect(delivered == Array(1..<20) + Array(40..<46))
            #expect(spool.summary.deadLetters == 20)
            #expect(spool.summary.pending == 15)
        }
    }
}

/// Flips a bit in the file as the disk would, while others have it open.
func flipByte(of row: [UInt8], at offset: Int, in path: String) throws {
    let bytes = try Data(contentsOf: URL(filePath: path))
    let place = try #require(bytes.firstRange(of: Data(row))).lowerBound + offset
    try writeBytes([bytes[place] ^ 1], at: place, to: path)
}

func writeBytes(_ bytes: [UInt8], at offset: Int, to path: String) throws {
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: bytes)
    try file.close()
}
