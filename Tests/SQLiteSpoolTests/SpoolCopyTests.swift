import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// A file that was copied has the same content, and is another file.
@Suite(.bounded) struct SpoolCopyTests {
    private func uuid(_ path: String) throws -> String { try SpoolStatus(readingSpoolAt: path).uuid }

    @Test func `a copy gets a uuid of its own, and says of which spool it is a copy`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, copy) = (directory + "/s", directory + "/copy")
            let clock = ManualClock()
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.appendNumbers(0..<5)
                #expect(spool.origin == nil)
                #expect(!spool.isNewCopy)
            }
            for suffix in ["", ".lock"] {
                try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
            }
            let original = try uuid(path)
            let origin = SpoolOrigin(copyOf: original, foundAt: clock.now, doubtedThrough: 5)
            for isNewCopy in [true, false] {
                try await withSpool(at: copy, clock: clock) { spool in
                    #expect(spool.origin == origin)
                    #expect(spool.isNewCopy == isNewCopy)
                    #expect(spool.loss == nil)
                    // These are no other copy's.
                    try await spool.appendNumbers(5..<6)
                    try await spool.verify()
                }
                clock.advance(by: .seconds(10))
            }
            #expect(try uuid(copy) != original)
            #expect(try SpoolStatus(readingSpoolAt: copy).origin == origin)
            let view = try Database(path: copy, access: .readOnly).text("SELECT origin FROM spool_status")
            #expect(view?.hasPrefix("copy of \(original), found 2") == true)
            try await withSpool(at: path) { spool in #expect(spool.origin == nil) }
            #expect(try uuid(path) == original)
        }
    }

    @Test func `a file that was renamed, or is opened again, is no copy`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, other) = (directory + "/s", directory + "/other")
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            let original = try uuid(path)
            try FileManager.default.moveItem(atPath: path, toPath: other)
            for _ in 0..<2 {
                try await withSpool(at: other) { spool in
                    #expect(spool.origin == nil)
                    #expect(spool.recovered.pending == 5)
                }
            }
            #expect(try uuid(other) == original)
        }
    }

    @Test func `a file system that tells no file from another finds no copies`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            let database = try Database(path: path, access: .readWrite)
            #expect(try database.recognizeCopy(nil, now: WallInstant(milliseconds: 1)) == false)
            #expect(try database.readOrigin() == nil)
        }
    }

    @Test func `a copy that is damaged, and salvaged, still says that it is one`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, copy) = (directory + "/s", directory + "/copy")
            try await withSpool(at: path) { try await $0.appendNumbers(0..<5) }
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            try await withSpool(at: copy) { #expect($0.isNewCopy) }
            let origin = try SpoolStatus(readingSpoolAt: copy).origin
            try Database(path: copy, access: .readWrite).execute("UPDATE spool SET records = 1")
            try await withSpool(at: copy) { spool in
                #expect(spool.loss?.salvaged == 5)
                #expect(spool.origin == origin)
                #expect(!spool.isNewCopy)
            }
        }
    }

    // MARK: Without the WAL

    /// A spool with records that only its WAL has, as its owner has it open.
    private func withOpenSpool(_ path: String, _ body: () async throws -> Void) async throws {
        try await withSpool(at: path, configure: { $0.checkpoints.quietPeriodMilliseconds = 3_600_000 }) { spool in
            try await spool.appendNumbers(0..<5)
            try await body()
        }
    }

    private func copy(_ path: String, to other: String, _ suffixes: [String]) throws {
        for suffix in suffixes { try FileManager.default.copyItem(atPath: path + suffix, toPath: other + suffix) }
    }

    private func missesWAL(_ path: String) throws -> Bool { try SpoolStatus(readingSpoolAt: path).missesWAL }

    @Test(arguments: [[""], ["", ".lock"]])
    func `a copy without its WAL says so, and is set aside as it is`(suffixes: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let (path, copied) = (directory + "/s", directory + "/copy")
            try await withSpool(at: path) { try await $0.appendNumbers(100..<103) }
            try await withOpenSpool(path) { try copy(path, to: copied, suffixes) }
            let bytes = try Data(contentsOf: URL(filePath: copied))
            #expect(try missesWAL(copied))
            let findings = try SpoolCheck(path: copied).run().filter { !$0.isSound }
            #expect(findings.first?.name == "write-ahead log")
            let original = try uuid(copied)
            try await withSpool(at: copied) { spool in
                let loss = try #require(spool.loss)
                #expect(loss.reason.contains("\(copied)-wal"))
                #expect(loss.salvaged == 3)
                // The owner's note is all that knows how much was committed.
                #expect(loss.lostAtMost == (suffixes.count > 1 ? 5 : nil))
                #expect(spool.origin?.copyOf == original)
                #expect(spool.origin?.doubtedThrough == (suffixes.count > 1 ? 8 : 3))
                let file = try #require(loss.quarantinedFile)
                #expect(try Data(contentsOf: URL(filePath: file)) == bytes)
                try await spool.append(payload(200))
            }
            #expect(try !missesWAL(copied))
            try await withSpool(at: copied) { spool in
                #expect(spool.loss == nil)
                #expect(spool.recovered.pending == 4)
            }
        }
    }

    @Test func `a file that misses nothing does not say that it does`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, killed) = (directory + "/s", directory + "/killed")
            let copies = ["/whole", "/backup", "/vacuumed", "/moved-by-another", "/closed"].map { directory + $0 }
            try await withOpenSpool(path) {
                #expect(try !missesWAL(path))
                try copy(path, to: copies[0], ["", "-wal"])
                try copy(path, to: killed, ["", "-wal", ".lock"])
                let database = try Database(path: path, access: .readOnly)
                try database.copy(into: Database(path: copies[1], access: .create))
                try database.execute("VACUUM INTO '\(copies[2])'")
            }
            // Another program opens what a killed owner left, and moves all of the WAL.
            try copy(killed, to: copies[3], ["", "-wal", ".lock"])
            _ = try Database(path: copies[3], access: .readWrite).integer("SELECT count(*) FROM records")
            #expect(!FileManager.default.fileExists(atPath: copies[3] + "-wal"))
            try copy(path, to: copies[4], [""])
            for file in copies {
                #expect(try !missesWAL(file), "\(file)")
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
                try await withSpool(at: file) { spool in
                    #expect(spool.loss == nil, "\(file)")
                    #expect(spool.recovered.pending == 5, "\(file)")
                }
            }
        }
    }

    @Test func `a file whose WAL was removed after a kill says so`() async throws {
        try await withTemporaryDirectory { directory in
            let (path, killed) = (directory + "/s", directory + "/killed")
            try await withOpenSpool(path) { try copy(path, to: killed, ["", "-wal"]) }
            try FileManager.default.removeItem(atPath: killed + "-wal")
            #expect(try missesWAL(killed))
            // As SQLite's reading leaves it.
            #expect(try missesWAL(killed))
            try FileManager.default.removeItem(atPath: killed + "-wal")
            try await withSpool(at: killed) { #expect($0.loss?.isUncounted == true) }
        }
    }
}
