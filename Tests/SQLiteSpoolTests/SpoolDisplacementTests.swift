import Foundation
import Glibc
@testable import SQLiteSpool
import Synchronization
import TestSupport
import Testing

@Suite(.startsProcesses) struct SpoolDisplacementTests {
    private static let all = ["", "-wal", "-shm", ".lock"]

    private static func remove(_ path: String, _ suffixes: [String]) throws {
        for suffix in suffixes { try FileManager.default.removeItem(atPath: path + suffix) }
    }

    private static func lines(_ numbers: Range<Int>) -> [String] {
        numbers.map { "{\"n\":\($0)}" }
    }

    private static func rescues(_ events: borrowing Mutex<[SpoolEvent]>) -> [String] {
        events.withLock { events in
            events.compactMap { if case .rescued(let path, _) = $0 { path } else { nil } }
        }
    }

    @Test(arguments: [all, [""], ["-wal"], [".lock"], ["", ".lock"], ["-wal", "-shm"]])
    func `names that are removed are made again before anything is acknowledged`(suffixes: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let events = Mutex<[SpoolEvent]>([])
            try await withSpool(at: path, onEvent: { event in events.withLock { $0.append(event) } }) { spool in
                try await spool.appendNumbers(0..<20)
                let batch = try #require(try await spool.freeze(maxRecords: 5, maxBytes: 1 << 20))
                try Self.remove(path, suffixes)
                try await spool.append(payload(20))
                #expect(spool.health.state == .sound)
                #expect(Self.rescues(events) == [path])
                #expect(spool.batches == [batch.batch])
                #expect(try await spool.body(of: batch.batch) == batch.body)
                try await spool.acknowledge(batch.batch)
                try await spool.append(payload(21))
                #expect(Self.rescues(events) == [path])
                #expect(try SpoolSurroundings(ofSpoolAt: path).owner.isAlive)
                #expect(try SpoolStatus(readingSpoolAt: path).pending == 17)
            }
            try await withSpool(at: path) { spool in
                #expect(spool.loss == nil)
                #expect(spool.summary.pending == 17)
                let lines = try await spool.next()?.lines
                #expect(lines == Self.lines(5..<22))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["s", "s.lock"])
        }
    }

    @Test func `what was acknowledged after the names were removed survives a kill`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let spool = try Spool(SpoolConfiguration(path: path))
                for number in 0..<20 { try await spool.append(payload(number)) }
                for suffix in ["", "-wal", "-shm", ".lock"] { unlink(path + suffix) }
                for number in 20..<40 { try await spool.append(payload(number)) }
                kill(getpid(), SIGKILL)
            }
            try await withSpool(at: path) { spool in
                #expect(spool.loss == nil)
                #expect(spool.summary.pending == 40)
            }
        }
    }

    @Test func `a spool that is moved away goes on at its path`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<20)
                try FileManager.default.moveItem(atPath: path, toPath: directory + "/t")
                try FileManager.default.moveItem(atPath: path + "-wal", toPath: directory + "/t-wal")
                try await spool.append(payload(20))
                #expect(spool.health.state == .sound)
            }
            try await withSpool(at: path) { #expect($0.summary.pending == 21) }
        }
    }

    @Test func `a file that took the spool's place is left alone, and work goes on beside it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: directory + "/other") { try await $0.appendNumbers(100..<103) }
            let other = try Data(contentsOf: URL(filePath: directory + "/other"))
            let events = Mutex<[SpoolEvent]>([])
            try await withSpool(at: path, onEvent: { event in events.withLock { $0.append(event) } }) { spool in
                try await spool.appendNumbers(0..<20)
                // As rsync does it.
                #expect(rename(directory + "/other", path) == 0)
                try await spool.append(payload(20))
                try await spool.append(payload(21))
                #expect(spool.health.state == .sound)
            }
            let place = try #require(Self.rescues(events).first)
            #expect(Self.rescues(events).count == 1)
            #expect(place.hasPrefix(path + ".displaced-"))
            #expect(try Data(contentsOf: URL(filePath: path)) == other)
            try await withSpool(at: place) { spool in
                let lines = try await spool.next()?.lines
                #expect(lines == Self.lines(0..<22))
            }
            // Without the WAL of the file whose place it took.
            try FileManager.default.removeItem(atPath: path + ".lock")
            try await withSpool(at: path) { spool in
                let lines = try await spool.next()?.lines
                #expect(lines == Self.lines(100..<103))
            }
        }
    }

    @Test func `without any place records are refused, delivery goes on, and all of it is saved when there is one`()
        async throws
    {
        try await withTemporaryDirectory { parent in
            let directory = parent + "/data"
            let path = directory + "/s"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
            try await withSpool(at: path, configure: { $0.reopenMilliseconds = 10 }) { spool in
                try await spool.appendNumbers(0..<20)
                try FileManager.default.removeItem(atPath: directory)
                let error = await #expect(throws: SpoolError.self) { try await spool.append(payload(20)) }
                #expect(error?.message.contains("was removed, moved or replaced") == true)
                #expect(spool.health.state == .displaced)
                let batch = try #require(try await spool.freeze(maxRecords: 5, maxBytes: 1 << 20))
                #expect(batch.lines == Self.lines(0..<5))
                try await spool.acknowledge(batch.batch)
                #expect(spool.health.state == .displaced)
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
                try await waitUntil("the spool has a place") { spool.health.state == .sound }
                try await spool.append(payload(21))
            }
            try await withSpool(at: path) { spool in
                // The record whose refusal brought it to light was in the open file.
                let lines = try await spool.next()?.lines
                #expect(lines == Self.lines(5..<22))
            }
        }
    }

    @Test func `what an idle spool holds is saved when it is closed`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<20)
                try Self.remove(path, Self.all)
            }
            try await withSpool(at: path) { #expect($0.summary.pending == 20) }
        }
    }
}
