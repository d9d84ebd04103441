import Foundation
@testable import SQLiteSpool
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

private let sqlite3 = "/usr/bin/sqlite3"

@Suite(.bounded) struct SpoolAppendTests {
    @Test func `records of many tasks are each stored once, those of one task in order`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/traces.spool") { spool in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<50 {
                        group.addTask {
                            for number in 0..<200 { try await spool.append(payload(task * 1_000 + number)) }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(spool.summary.pending == 10_000)
                let batch = try #require(try await spool.next(20_000))
                let numbers = batch.lines.compactMap { Int($0.filter(\.isNumber)) }
                #expect(Set(numbers).count == 10_000)
                for task in 0..<50 {
                    #expect(numbers.filter { $0 / 1_000 == task } == (0..<200).map { task * 1_000 + $0 })
                }
            }
        }
    }

    @Test func `an id is never given twice, not after a drain and not after a restart`() async throws {
        try await withTemporaryDirectory { directory in
            var last: Int64 = 0
            for _ in 0..<4 {
                try await withSpool(at: directory + "/traces.spool") { spool in
                    try await spool.appendNumbers(0..<10)
                    let batch = try #require(try await spool.next()).batch
                    #expect(batch.ids == last + 1...last + 10)
                    last = batch.ids.upperBound
                    try await spool.acknowledge(batch)
                    #expect(spool.summary.undelivered == 0)
                }
            }
        }
    }

    @Test func `what is stored survives closing, and the counts say so`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<7) }
            try await withSpool(at: path) { spool in
                #expect(spool.recovered.pending == 7)
                #expect(spool.summary.payloadBytes == 7 * payload(0).count)
            }
        }
    }

    @Test func `after close nothing is stored and the caller is told`() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/traces.spool"))
            await spool.close()
            let error = await #expect(throws: SpoolError.self) { try await spool.append(payload(1)) }
            #expect(error?.code == .closed)
        }
    }

    @Test func `a full spool stores nothing of what it refuses, still acknowledges, and then takes more`() async throws
    {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/traces.spool", limits: SpoolLimits(maxBytes: 200_000)) { spool in
                let large = Array(
                    repeating: Array("{\"x\":\"\(String(repeating: "x", count: 1_000))\"}".utf8),
                    count: 10
                )
                var stored = 0
                let error = await #expect(throws: SpoolError.self) {
                    while stored < 1_000 {
                        try await spool.append(contentsOf: large)
                        stored += large.count
                    }
                }
                #expect(error?.code == .full)
                #expect(stored > 0)
                #expect(spool.summary.pending == stored)

                let batch = try #require(try await spool.next(20)).batch
                let refused = Task {
                    try await spool.append(contentsOf: Array(repeating: large, count: 6).flatMap { $0 })
                }
                try await spool.acknowledge(batch)
                await #expect(throws: SpoolError.self) { try await refused.value }
                #expect(spool.summary.undelivered == stored - 20)
                try await spool.append(contentsOf: large)
                #expect(spool.summary.undelivered == stored - 10)
            }
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: sqlite3), "needs Debian's package sqlite3"))
    func `sqlite3 answers while the spool is written`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<10)
                let writing = Task {
                    while !Task.isCancelled { try await spool.appendNumbers(10..<20) }
                }
                for _ in 0..<20 {
                    let result = try await run(
                        .path(FilePath(sqlite3)),
                        arguments: [
                            "-readonly", path,
                            "SELECT payload ->> 'n', count(*) > 0 FROM records WHERE id <= 10 GROUP BY 1; "
                                + "SELECT pending % 10, in_flight, dead_letters FROM spool_status",
                        ],
                        output: .string(limit: 10_000),
                        error: .string(limit: 10_000)
                    )
                    #expect(result.standardError == "")
                    #expect(result.standardOutput == (0..<10).map { "\($0)|1\n" }.joined() + "0|0|0\n")
                }
                writing.cancel()
                try await writing.value
            }
        }
    }

    @Test func `a reader from outside sees whole commits while the spool is written`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            try await withSpool(at: path) { spool in
                async let writing: Void = {
                    for round in 0..<200 { try await spool.appendNumbers(round * 10..<round * 10 + 10) }
                }()
                var seen = 0
                while seen < 2_000 {
                    try Task.checkCancellation()
                    let status = try SpoolStatus(readingSpoolAt: path)
                    #expect(status.pending % 10 == 0)
                    #expect(status.pending >= seen)
                    seen = status.pending
                }
                try await writing
                let database = try Database(path: path, access: .readOnly)
                #expect(try database.integer("SELECT count(*) FROM records WHERE payload ->> 'n' < 1000") == 1_000)
            }
        }
    }
}
