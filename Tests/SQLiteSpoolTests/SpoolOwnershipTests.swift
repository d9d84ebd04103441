import Foundation
import Glibc
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.startsProcesses) struct SpoolOwnershipTests {
    /// Ends this process with success when the spool is refused as in use.
    private static func expectInUse(_ path: String) {
        do throws(SpoolError) {
            _ = try Spool(SpoolConfiguration(path: path))
            fatalError("two processes own \(path)")
        } catch {
            precondition(error.code == .inUse, "\(error)")
            precondition(error.message.contains(path), "\(error)")
        }
    }

    @Test(arguments: [false, true])
    func `a second process is refused when the lock file was removed or replaced`(isReplaced: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.append(payload(1))
                try FileManager.default.removeItem(atPath: path + ".lock")
                if isReplaced { try Data().write(to: URL(filePath: path + ".lock")) }
                await #expect(processExitsWith: .success) { [path = path as String] in
                    SpoolOwnershipTests.expectInUse(path)
                }
                // Not by another spool of this process either, which must not open the file: closing it would drop SQLite's locks.
                let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
                #expect(error?.code == .inUse)
                try await spool.append(payload(2))
                #expect(spool.summary.pending == 2)
                #expect(spool.health.state == .sound)
                #expect(try SpoolSurroundings(ofSpoolAt: path).owner.isAlive)
            }
            try await withSpool(at: path) { #expect($0.summary.pending == 2) }
        }
    }

    @Test func `the owner's lock is on the file itself, whatever it is called`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.append(payload(1))
                try FileManager.default.linkItem(atPath: path, toPath: directory + "/t")
                let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: directory + "/t")) }
                #expect(error?.code == .refused)
                #expect(error?.message.contains("hard links") == true)
                await #expect(processExitsWith: .success) { [path = directory + "/t" as String] in
                    let file = Glibc.open(path, O_RDONLY)
                    precondition(file >= 0 && flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
                }
            }
            await #expect(processExitsWith: .success) { [path = directory + "/t" as String] in
                let file = Glibc.open(path, O_RDONLY)
                precondition(file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
            }
        }
    }

    @Test func `a spool that could not be opened leaves no lock behind`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try Data("no database, and none of ours".utf8).write(to: URL(filePath: path))
            #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
            try FileManager.default.removeItem(atPath: path)
            try await withSpool(at: path) { try await $0.append(payload(1)) }
        }
    }

    @Test func `the file that a salvage makes is locked as well`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<50) }
            let file = try FileHandle(forUpdating: URL(filePath: path))
            try file.seek(toOffset: 100)
            try file.write(contentsOf: Data(repeating: 0xff, count: 200))
            try file.close()
            try await withSpool(at: path) { spool in
                #expect(spool.loss != nil)
                try FileManager.default.removeItem(atPath: path + ".lock")
                await #expect(processExitsWith: .success) { [path = path as String] in
                    SpoolOwnershipTests.expectInUse(path)
                }
            }
        }
    }

    @Test func `a holder says where it runs, and an older owner's note says nothing of that`() throws {
        var holder = SpoolHolder.current(WallInstant(milliseconds: 1_764_450_000_000))
        #expect(holder.isNear)
        #expect(holder.words == "process \(getpid()), since 2025-11-29T21:00:00Z")
        let text = OwnerNote.processLine(holder.process) + holder.text
        #expect(SpoolHolder(text) == holder)
        holder.namespace = "1"
        #expect(holder.words.contains("of another container or machine (host \(holder.host))"))
        #expect(SpoolHolder(OwnerNote.processLine(4_242)) == nil)
        // What is told apart by its place stays in its place.
        #expect(holder.text.utf8.count == 130)
    }
}
