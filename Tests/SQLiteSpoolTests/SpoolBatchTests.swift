import Foundation
import Glibc
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

@Suite(.bounded) struct SpoolBatchTests {
    @Test func `a dead letter that is there already is replaced`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s") { spool in
                try await spool.appendNumbers(0..<2)
                let batch = try #require(try await spool.next()).batch
                let other = try Database(path: spool.path, access: .readWrite)
                try other.execute(
                    "INSERT INTO dead_letters SELECT id, enqueued_at, payload, 1, '', 1, 1, checksum FROM records"
                )
                try other.execute("UPDATE spool SET dead_letters = 2, checksum = NULL")
                try await spool.deadLetter(batch, code: 27, message: "the newer one")
                #expect(try other.integer("SELECT count(*) FROM dead_letters WHERE code = 27") == 2)
            }
        }
    }

    @Test func `an empty spool has no batch`() async throws {
        try await withTemporaryDirectory { directory in
            let batch = try await withSpool(at: directory + "/traces.spool") { try await $0.next() }
            #expect(batch == nil)
        }
    }

    @Test func `a batch keeps token, rows and bytes through a restart, whatever the batch size is then`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            let first = try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<250)
                return try #require(try await spool.next(100))
            }
            for size in [7, 100, 1_000] {
                try await withSpool(at: path) { spool in
                    let again = try #require(try await spool.next(size))
                    #expect(again.batch == first.batch)
                    #expect(again.body == first.body)
                    #expect(
                        spool.recovered
                            == SpoolSummary(
                                pending: 150,
                                inFlight: 100,
                                deadLetters: 0,
                                dropped: 0,
                                payloadBytes: spool.recovered.payloadBytes,
                                lastID: 250,
                                frozenThrough: 100,
                                deliveredThrough: 0
                            )
                    )
                }
            }
            try await withSpool(at: path) { spool in
                try await spool.acknowledge(first.batch)
                let second = try #require(try await spool.next(7))
                #expect(second.batch.ids == 101...107)
                #expect(second.lines == (100..<107).map { "{\"n\":\($0)}" })
            }
        }
    }

    @Test func `a token is drawn when its batch is frozen, and needs no quotes`() async throws {
        try await withTemporaryDirectory { directory in
            let draws = Mutex<[UInt128]>([.max, 0, 35])
            let tokens = TokenSource { draws.withLock { $0.removeFirst() } }
            try await withSpool(at: directory + "/traces.spool", configure: { $0.tokens = tokens }) { spool in
                try await spool.appendNumbers(0..<9)
                for _ in 0..<3 { _ = try await spool.freeze(maxRecords: 3, maxBytes: 1 << 20) }
                #expect(
                    spool.batches.map(\.token) == [
                        "f5lxx1zz5pnorynqglhzmsp33", String(repeating: "0", count: 25),
                        String(repeating: "0", count: 24) + "z",
                    ]
                )
            }
        }
    }

    @Test func `the system draws all 128 bits of a token`() {
        let tokens = (0..<200).map { _ in TokenSource.system.next() }
        #expect(Set(tokens).count == tokens.count)
        let numbers = tokens.compactMap { UInt128($0, radix: 36) }
        #expect(numbers.count == tokens.count)
        // Each bit is drawn as 0 and as 1: for one that is not, the chance is 2⁻¹⁹⁹.
        #expect(numbers.reduce(0, |) == .max)
        #expect(numbers.reduce(.max, &) == 0)
    }

    @Test func `two copies of a spool freeze the same ids under different tokens`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/a") { try await $0.appendNumbers(0..<3) }
            try FileManager.default.copyItem(atPath: directory + "/a", toPath: directory + "/b")
            var batches: [Batch] = []
            for name in ["/a", "/b"] {
                batches.append(
                    try await withSpool(at: directory + name) { try #require(try await $0.next()).batch }
                )
            }
            #expect(batches.map(\.ids) == [1...3, 1...3])
            #expect(batches[0].token != batches[1].token)
        }
    }

    @Test func `a batch ends at its bytes, and a record that is larger goes alone`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/traces.spool") { spool in
                let size = payload(1).count
                try await spool.appendNumbers(0..<5)
                try await spool.append(Array("{\"x\":\"\(String(repeating: "x", count: 100))\"}".utf8))
                var sizes: [Int] = []
                while let batch = try await spool.next(100, maxBytes: 2 * size)?.batch {
                    sizes.append(batch.records)
                    try await spool.acknowledge(batch)
                }
                #expect(sizes == [2, 2, 1, 1])
            }
        }
    }

    @Test func `acknowledging twice counts once`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/traces.spool") { spool in
                try await spool.appendNumbers(0..<10)
                let batch = try #require(try await spool.next(4)).batch
                try await spool.acknowledge(batch)
                try await spool.acknowledge(batch)
                #expect(spool.summary.undelivered == 6)
            }
        }
    }

    @Test func `a failure is kept with the batch, for the view and for the next process`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            let clock = ManualClock()
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.appendNumbers(0..<10)
                let batch = try #require(try await spool.next(4)).batch
                try await spool.recordFailure(of: batch, error: "no luck")
                try await spool.recordFailure(of: batch, error: "still none")
                let status = try SpoolStatus(readingSpoolAt: path)
                #expect(status.pending == 6)
                #expect(status.inFlight == 4)
                #expect(status.lastError == "still none")
                #expect(status.batches.first?.attempts == 2)
            }
            try await withSpool(at: path, clock: clock) { spool in
                let batch = try #require(try await spool.next()).batch
                #expect(batch.attempts == 2)
                #expect(batch.lastError == "still none")
            }
        }
    }

    @Test func `the age of the oldest pending record survives a restart`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            let clock = ManualClock()
            let start = clock.now
            try await withSpool(at: path, clock: clock) { spool in
                #expect(try await spool.oldestPending() == nil)
                try await spool.append(payload(1))
                clock.advance(by: .seconds(3))
                try await spool.append(payload(2))
            }
            try await withSpool(at: path, clock: clock) { spool in
                #expect(try await spool.oldestPending() == start)
                let batch = try #require(try await spool.next(1)).batch
                #expect(try await spool.oldestPending() == start.advanced(by: .seconds(3)))
                try await spool.acknowledge(batch)
                #expect(try await spool.oldestPending() == start.advanced(by: .seconds(3)))
            }
        }
    }

    @Test func `a batch that misses a record is never sent`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<3)
                _ = try await spool.next()
            }
            try Database(path: path, access: .readWrite).execute("DELETE FROM records WHERE id = 2")
            try await withSpool(at: path) { spool in
                let error = await #expect(throws: SpoolError.self) { try await spool.next() }
                #expect(error?.code == .damaged)
            }
        }
    }

    @Test(arguments: ["n", "a.b", "1st", "[0]", "$x[0]", "request id", "ü'`"])
    func `what tells records apart is found under any name`(name: String) async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/traces.spool") { spool in
                try await spool.append(contentsOf: [
                    Array(#"{"\#(name)":7,"\#(name) at":"1970-01-01T00:00:05.000Z"}"#.utf8),
                    Array(#"{"\#(name)":"x"}"#.utf8), Array(#"{"other":1}"#.utf8),
                ])
                let batch = try #require(try await spool.next()).batch
                let keys = try await spool.keys(of: batch, idField: name, timeField: name + " at")
                #expect(keys.map { $0?.id } == ["7", #""x""#, nil])
                #expect(keys.map { $0?.seconds } == [5, nil, nil])
            }
        }
    }

    @Test func `the status of what is no spool is an error`() async throws {
        try await withTemporaryDirectory { directory in
            #expect(mkfifo(directory + "/fifo", 0o600) == 0)
            for name in ["/absent", "/fifo", ""] {
                let error = #expect(throws: SpoolError.self) { try SpoolStatus(readingSpoolAt: directory + name) }
                #expect(error?.code == .refused)
            }
        }
    }

    @Test func `a batch whose rows a damaged file has in another order is not read`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.append(
                    contentsOf: (10..<30).map {
                        Array("{\"row\":\"\($0)\(String(repeating: "x", count: 3_000))\"}".utf8)
                    }
                )
                _ = try await spool.freeze(maxRecords: 20, maxBytes: 1 << 20)
            }
            var file = try Data(contentsOf: URL(filePath: path))
            let pages = try ["{\"row\":\"13x", "{\"row\":\"22x"].map { row in
                let place = try #require(file.firstRange(of: Data(row.utf8))).lowerBound
                let start = place / SpoolUsage.defaultPageBytes * SpoolUsage.defaultPageBytes
                return start..<start + SpoolUsage.defaultPageBytes
            }
            let contents = pages.map { file.subdata(in: $0) }
            file.replaceSubrange(pages[0], with: contents[1])
            file.replaceSubrange(pages[1], with: contents[0])
            try file.write(to: URL(filePath: path))
            try await withSpool(at: path) { spool in
                let batch = try #require(spool.batches.first)
                await #expect(throws: SpoolError.self) { _ = try await spool.body(of: batch) }
            }
        }
    }
}
