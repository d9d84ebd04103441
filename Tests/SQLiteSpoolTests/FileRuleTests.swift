import Foundation
import Glibc
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded(seconds: 600)) struct FileRuleTests {
    static let files = ["", "-wal", "-shm", "-journal", ".lock"]

    private func contents(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    @Test(arguments: files, FileObstacle.makeable)
    func `an owner starts on no file that is not its own, and leaves it as it is`(
        suffix: String,
        obstacle: FileObstacle
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<3) }
            let lock = contents(path + ".lock")
            try obstacle.make(at: path + suffix)
            let target = contents(path + suffix + ".target")
            let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
            #expect(error?.code == .refused)
            #expect(error?.message.hasPrefix(path + suffix + " ") == true, "\(error?.message ?? "")")
            // What is wrong, and what to do.
            #expect(error?.message.contains("; ") == true)
            #expect(contents(path + suffix + ".target") == target)
            if suffix != ".lock" {
                #expect(
                    OwnerNote(String(decoding: contents(path + ".lock") ?? Data(), as: UTF8.self))
                        == OwnerNote(String(decoding: lock ?? Data(), as: UTF8.self))
                )
            }
        }
    }

    @Test(arguments: files, FileObstacle.toReaders)
    func `whoever only looks is told what is wrong, and waits for nothing`(
        suffix: String,
        obstacle: FileObstacle
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<3) }
            try obstacle.make(at: path + suffix)
            func refusal(_ body: () throws(SpoolError) -> Void) -> Bool {
                do throws(SpoolError) {
                    try body()
                    return false
                } catch {
                    return error.code == .refused && error.message.hasPrefix(path + suffix + " ")
                }
            }
            if suffix == ".lock" {
                #expect(refusal { () throws(SpoolError) in _ = try SpoolSurroundings(ofSpoolAt: path) })
                #expect(refusal { () throws(SpoolError) in _ = try SalvageCopy(of: path, to: path + ".new").run() })
                let findings = try SpoolCheck(path: path).run().filter { !$0.isSound }
                #expect(findings.map(\.name) == ["files"])
                #expect(findings.first?.detail.hasPrefix(path + ".lock is ") == true)
            } else {
                #expect(refusal { () throws(SpoolError) in _ = try SpoolStatus(readingSpoolAt: path) })
                #expect(refusal { () throws(SpoolError) in _ = try SpoolHeader(readingSpoolAt: path) })
                #expect(refusal { () throws(SpoolError) in _ = try SpoolReader(path: path) })
                #expect(refusal { () throws(SpoolError) in _ = try SalvageCopy(of: path, to: path + ".new").run() })
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0), arguments: ["-wal", "-shm", "-journal", ".lock"])
    func `another user's spool is read, and nothing beside it that is a third one's`(suffix: String) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { spool in
                try await spool.appendNumbers(0..<3)
                for file in Self.files { _ = unsafe chown(path + file, 65_534, 65_534) }
                #expect(try SpoolStatus(readingSpoolAt: path).pending == 3)
                #expect(try SpoolSurroundings(ofSpoolAt: path).owner.isAlive)
            }
            try Data().write(to: URL(filePath: path + suffix))
            _ = unsafe chown(path + suffix, 65_533, 65_533)
            let error = #expect(throws: SpoolError.self) {
                _ = try SpoolSurroundings(ofSpoolAt: path)
                _ = try SpoolStatus(readingSpoolAt: path)
            }
            #expect(
                error?.message.contains("\(path)\(suffix) belongs to user 65533, and the spool belongs to user 65534")
                    == true
            )
        }
    }

    /// By another program, between the look at its name and the opening.
    @Test(arguments: [FileObstacle.fifo, .hardLink, .writableByOthers])
    func `what is opened is looked at, and not its name alone`(obstacle: FileObstacle) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/f"
            let system = SystemFileSystem()
            try obstacle.make(at: path)
            #expect(throws: FileSystemFailure.self) { try system.openLockFile(path) }
            #expect(throws: FileSystemFailure.self) { try system.openToReserve(path) }
            #expect(throws: FileSystemFailure.self) { try system.rewrite(path) }
            guard obstacle == .fifo else { return }
            #expect(throws: FileSystemFailure.self) { try system.openLockFileToRead(path) }
            #expect(throws: FileSystemFailure.self) { try system.contents(of: path) }
            #expect(throws: FileSystemFailure.self) { try system.copy(path, to: path + ".copy") }
        }
    }

    @Test func `a new file takes no other one's place`() async throws {
        try await withTemporaryDirectory { directory in
            let system = SystemFileSystem()
            try system.create(directory + "/a", with: [1])
            try system.create(directory + "/b", with: [2])
            for existing in [directory + "/b", directory + "/a"] {
                #expect(throws: FileSystemFailure.self) { try system.rename(directory + "/a", toNew: existing) }
                #expect(throws: FileSystemFailure.self) { try system.create(existing, with: [3]) }
                #expect(throws: FileSystemFailure.self) { try system.copy(directory + "/a", to: existing) }
            }
            #expect(try system.contents(of: directory + "/b") == [2])
            try system.rename(directory + "/a", toNew: directory + "/c")
            #expect(try system.contents(of: directory + "/c") == [1])
            #expect(try permissions(directory + "/c") == 0o600)
        }
    }

    @Test func `a lock that is another file of ours is not written over`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try Data("SQLite format 3\0, or anything else".utf8).write(to: URL(filePath: path + ".lock"))
            let before = contents(path + ".lock")
            let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
            #expect(error?.code == .refused)
            #expect(error?.message.hasPrefix("\(path).lock holds what no owner of a spool has written") == true)
            #expect(contents(path + ".lock") == before)
            // What a power cut leaves of a note, and a note that was never written.
            for left in [Data(), Data(repeating: 0, count: 100), Data("4242      \n".utf8)] {
                try left.write(to: URL(filePath: path + ".lock"))
                try await withSpool(at: path) { _ in }
            }
        }
    }

    @Test(arguments: ["-wal", "-shm", "-journal", ".lock"])
    func `a spool is not given the name of another one's file`(suffix: String) async throws {
        try await withTemporaryDirectory { directory in
            let error = #expect(throws: SpoolError.self) {
                try Spool(SpoolConfiguration(path: directory + "/s" + suffix))
            }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("beside another spool, \(directory)/s; choose a name") == true)
            #expect(!FileManager.default.fileExists(atPath: directory + "/s" + suffix))
        }
    }
}
