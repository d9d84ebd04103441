import Foundation
import Glibc
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded(seconds: 600)) struct QuarantineTests {
    private static let date = "20261123T101500Z"
    private static let uuid = "655721f8-3168-44bc-8f72-e913855addd4"

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func move(_ path: String, _ new: String) throws {
        try FileManager.default.moveItem(atPath: path, toPath: new)
    }

    /// What a dead owner leaves that was about to give the place of `path` to a draft.
    private func note(_ uuid: String = uuid, at path: String) throws {
        let lock = try SpoolLock(spool: path, .system)
        try lock.record(SalvageIntent(date: Self.date, uuid: uuid))
        lock.release()
    }

    /// A sound spool of three records, as the draft of a salvage.
    ///
    /// - Returns: its uuid.
    private func makeDraft(of path: String) async throws -> String {
        let fresh = path + ".fresh"
        try await withSpool(at: fresh) { try await $0.appendNumbers(100..<103) }
        let uuid = try finish(fresh)
        try FileManager.default.removeItem(atPath: fresh + ".lock")
        try move(fresh, "\(path).salvaging-\(uuid)")
        return uuid
    }

    /// As a salvage leaves its draft: without a log.
    private func finish(_ path: String) throws -> String {
        let database = try Database(path: path, access: .readWrite)
        _ = try database.text("PRAGMA journal_mode = DELETE")
        return try database.text("SELECT uuid FROM spool") ?? ""
    }

    private func withSixRecords(_ body: (String, String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s") { try await $0.appendNumbers(0..<6) }
            try await body(directory, directory + "/s")
        }
    }

    @Test(arguments: [".salvaged-20261123T101500Z", ".salvaged-x", ".salvaging", ".salvaging-\(uuid)"])
    func `a file that is named like a salvage takes no spool's place, and is named`(suffix: String) async throws {
        try await withSixRecords { _, path in
            try await withSpool(at: path + ".fresh") { try await $0.appendNumbers(0..<1) }
            try move(path + ".fresh", path + suffix)
            try move(path + ".fresh.lock", path + suffix + ".lock")
            let before = FileManager.default.contents(atPath: path + suffix)
            try await withSpool(at: path) { spool in
                #expect(spool.summary.pending == 6)
                #expect(spool.loss == nil)
                #expect(spool.notices == [.leftAlone([path + suffix], "the owner's note names no such salvage")])
            }
            #expect(FileManager.default.contents(atPath: path + suffix) == before)
            let findings = try SpoolCheck(path: path).run().filter { !$0.isSound }
            #expect(findings.map(\.name) == ["besides"])
        }
    }

    @Test func `a salvage removes no draft that is not its own`() async throws {
        try await withSixRecords { directory, path in
            let others = [".salvaging", ".salvaging-wal", ".salvaging-\(Self.uuid)", "-wal.repaired"]
            for other in others { try Data("mine".utf8).write(to: URL(filePath: path + other)) }
            try Database(path: path, access: .readWrite).execute("UPDATE spool SET records = 77")
            try await withSpool(at: path, durability: .powerLoss) { #expect($0.loss?.salvaged == 6) }
            for other in others { #expect(FileManager.default.contents(atPath: path + other) == Data("mine".utf8)) }
            #expect(try names(directory).count { $0.contains(".salvag") } == 3)
        }
    }

    @Test func `a salvage that was interrupted is made anew by the next owner, and what it lost is told`() async throws
    {
        try await withSixRecords { directory, path in
            let uuid = try await makeDraft(of: path)
            try note(uuid, at: path)
            try move(path, "\(path).damaged-\(Self.date)")
            try Data("a log".utf8).write(to: URL(filePath: path + "-wal"))
            let lookers = #expect(throws: SpoolError.self) { try SpoolStatus(readingSpoolAt: path) }
            #expect(
                lookers?.message.hasSuffix("its salvage was interrupted: start its writer, which finishes that") == true
            )
            try await withSpool(at: path) { spool in
                #expect(spool.summary.pending == 6)
                #expect(spool.loss?.salvaged == 6)
                #expect(spool.loss?.quarantinedFile == "\(path).damaged-\(Self.date)")
                #expect(spool.notices == [])
            }
            try await withSpool(at: path) { #expect($0.loss == nil) }
            #expect(try names(directory) == ["s", "s.damaged-\(Self.date)", "s.damaged-\(Self.date)-wal", "s.lock"])
        }
    }

    @Test func `a draft that the note names does not win over a file in the spool's place`() async throws {
        try await withSixRecords { directory, path in
            let uuid = try await makeDraft(of: path)
            try note(uuid, at: path)
            try await withSpool(at: path) { #expect($0.summary.pending == 6) }
            #expect(try names(directory) == ["s", "s.lock"])
        }
    }

    @Test func `a salvage that was interrupted is made anew while the damaged file is in its place`() async throws {
        try await withSixRecords { directory, path in
            let uuid = try await makeDraft(of: path)
            // Damage that is not looked for when nobody has said that there is any.
            try Database(path: path, access: .readWrite).execute("UPDATE records SET payload = '{}' WHERE id = 2")
            try note(uuid, at: path)
            try await withSpool(at: path) { spool in
                #expect(spool.loss?.salvaged == 5)
                #expect(spool.loss?.setAside == 1)
            }
            #expect(try names(directory).count { $0.contains(".salvag") } == 0)
        }
    }

    @Test func `a draft is not taken for a spool that is missing`() async throws {
        try await withSixRecords { directory, path in
            let uuid = try await makeDraft(of: path)
            try note(uuid, at: path)
            try FileManager.default.removeItem(atPath: path)
            try await withSpool(at: path) { spool in
                #expect(spool.summary.pending == 0)
                #expect(spool.loss?.lost == 6)
            }
            #expect(try names(directory) == ["s", "s.lock"])
        }
    }

    @Test(arguments: FileObstacle.makeable)
    func `a file that was set aside and breaks a rule of files is not salvaged`(obstacle: FileObstacle) async throws {
        try await withSixRecords { directory, path in
            try note(at: path)
            try move(path, "\(path).damaged-\(Self.date)")
            try obstacle.make(at: "\(path).damaged-\(Self.date)")
            let before = try names(directory)
            for _ in 0..<2 {
                let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
                #expect(error?.code == .refused)
            }
            #expect(try names(directory) == before)
        }
    }

    /// It renamed the WAL after the database.
    @Test(arguments: [false, true])
    func `half an exchange of an older version is refused, and the way out is told`(leavesWAL: Bool) async throws {
        try await withSixRecords { directory, path in
            try move(path, "\(path).damaged-\(Self.date)")
            if leavesWAL {
                #expect(
                    FileManager.default.createFile(
                        atPath: path + "-wal",
                        contents: Data("old".utf8),
                        attributes: [.posixPermissions: 0o600]
                    )
                )
            }
            try await withSpool(at: path + ".fresh") { try await $0.appendNumbers(0..<3) }
            try move(path + ".fresh", "\(path).salvaged-\(Self.date)")
            let error = #expect(throws: SpoolError.self) { try Spool(SpoolConfiguration(path: path)) }
            #expect(error?.code == .refused)
            let log = leavesWAL ? "mv \(path)-wal \(path).damaged-\(Self.date)-wal && " : ""
            let told = "run: \(log)rm -f \(path)-shm && mv \(path).salvaged-\(Self.date) \(path)"
            #expect(error?.message.contains(told) == true, "\(error?.message ?? "")")
            #expect(!FileManager.default.fileExists(atPath: path))
            if leavesWAL { try move(path + "-wal", "\(path).damaged-\(Self.date)-wal") }
            try move("\(path).salvaged-\(Self.date)", path)
            try await withSpool(at: path) { #expect($0.summary.pending == 3) }
        }
    }

    @Test func `what an older version left of a salvage is left alone while the spool is there`() async throws {
        try await withSixRecords { directory, path in
            try await withSpool(at: path + ".fresh") { try await $0.appendNumbers(0..<3) }
            try move(path + ".fresh", "\(path).salvaged-\(Self.date)")
            try Database(path: path, access: .readWrite).execute("UPDATE spool SET records = 77")
            try await withSpool(at: path, durability: .powerLoss) { spool in
                #expect(spool.loss?.salvaged == 6)
                #expect(spool.notices.count == 1)
            }
            #expect(try names(directory).contains("s.salvaged-\(Self.date)"))
        }
    }

    // MARK: The note

    @Test func `a salvage is read from the note as it was written, and the note stays`() async throws {
        try await withSixRecords { _, path in
            let before = try SpoolSurroundings(ofSpoolAt: path).owner.note
            try note(at: path)
            let lock = try SpoolLock(spool: path, .system)
            #expect(lock.intent == SalvageIntent(date: Self.date, uuid: Self.uuid))
            #expect(lock.previous == before)
            #expect(before != nil)
            try lock.record(nil)
            lock.release()
            #expect(try SpoolLock(spool: path, .system).intent == nil)
        }
    }

    @Test func `a salvage is noted where there was no note, and makes none`() async throws {
        try await withTemporaryDirectory { directory in
            try note(at: directory + "/s")
            let lock = try SpoolLock(spool: directory + "/s", .system)
            #expect(lock.intent?.date == Self.date)
            #expect(lock.previous == nil)
        }
    }

    @Test(arguments: [
        "ready:20261123T101500Z:../../../etc/passwd", "ready:20261123T101500Z:",
        "ready:../../x:655721f8-3168-44bc-8f72-e913855addd4",
        "done:20261123T101500Z:655721f8-3168-44bc-8f72-e913855addd4", "none", "ready",
        "ready:20261123T101500Z:655721F8-3168-44BC-8F72-E913855ADDD4",
    ])
    func `a salvage that no owner has noted is none`(value: String) {
        #expect(SalvageIntent("4242      \nsalvage    \(value)\n") == nil)
    }

    @Test func `the line of a salvage has one length, so that a shorter one leaves nothing of a longer one`() {
        let lines = [SalvageIntent(date: Self.date, uuid: Self.uuid), nil].map(SalvageIntent.line)
        #expect(Set(lines.map(\.utf8.count)).count == 1)
        // A drive writes a sector of 512 bytes whole or not at all, and a reader looks at no more.
        #expect(OwnerNote.textLength + lines[0].utf8.count <= 512)
    }
}
