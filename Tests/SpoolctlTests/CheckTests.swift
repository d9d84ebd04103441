import Foundation
@testable import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct CheckTests {
    private func findings(_ path: String) throws -> [String] {
        try SpoolCheck(path: path).run().filter { !$0.isSound }.map { "\($0.name): \($0.detail)" }
    }

    @Test func `a sound spool has no finding, while its owner lives and afterwards`() async throws {
        try await withLetterSpool { path in
            #expect(try findings(path) == [])
            let spool = try Spool(SpoolConfiguration(path: path))
            try await spool.append(Array("{}".utf8))
            #expect(try findings(path) == [])
            await spool.close()
            let report = CheckReport(try SpoolCheck(path: path).run())
            #expect(report.text.hasSuffix("\n\nsound"))
            #expect(try object(String(decoding: report.document.line, as: UTF8.self))["sound"] as? Bool == true)
        }
    }

    @Test(arguments: [
        ("UPDATE records SET payload = '{}' WHERE id = 5", "records: 1 not what was written: 5"),
        ("DELETE FROM records WHERE id = 5", "records: there are 2, and 3 are counted"),
        ("DELETE FROM records WHERE id = 4", "batches: batch"),
        ("DELETE FROM dead_letters WHERE id = 1", "dead letters: there are 2, and 3 are counted"),
        ("UPDATE dead_letters SET payload = 'x'", "dead letters: not the row that was written: 1, 2, 3"),
        ("UPDATE spool SET records = 7", "counts: its row is not what was written"),
        ("UPDATE spool SET last_id = 5, checksum = NULL", "records: the last one is 6, and 5 was given out"),
        ("UPDATE batches SET token = 'x'", "counts: a batch is not what was frozen"),
    ])
    func `damage is found and named`(sql: String, finding: String) async throws {
        try await withLetterSpool { path in
            try damage(path, sql)
            let found = try findings(path)
            #expect(found.contains { $0.hasPrefix(finding) }, "\(found)")
            #expect(CheckReport(try SpoolCheck(path: path).run()).text.contains("NOT OK"))
        }
    }

    @Test func `files that others may touch are found`() async throws {
        try await withLetterSpool { path in
            try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
            #expect(try findings(path).first == "files: \(path) may be written by others (mode 666)")
        }
        let mine = FileStatus(isRegularFile: true, isSymbolicLink: false, owner: 7, permissions: 0o600, bytes: 1)
        let others = FileStatus(isRegularFile: true, isSymbolicLink: false, owner: 0, permissions: 0o640, bytes: 1)
        let results = CheckResult.files([("s", mine), ("s-wal", others)])
        #expect(results.map(\.remedy) == ["if you trust what is in it, run: chown 7 s-wal", "run: chmod 600 s-wal"])
        #expect(CheckResult.fileSystem(Mount(type: "nfs4"), copied: []).map(\.isSound) == [false])
        #expect(CheckResult.fileSystem(Mount(type: "btrfs"), copied: ["s-shm"]).map(\.isSound) == [false])
        #expect(
            CheckResult.fileSystem(Mount(type: "tmpfs"), copied: []).first?.detail.contains("not a power cut") == true
        )
        #expect(CheckResult.modes(journal: "delete", autoVacuum: 0).count == 2)
    }

    @Test func `a spool that lost what its owner noted is found`() async throws {
        try await withLetterSpool { path in
            let note = try String(contentsOfFile: path + ".lock", encoding: .utf8)
            let later = note.replacing("committed  6", with: "committed  9").replacing(
                "letters    3",
                with: "letters    5"
            )
            try later.write(toFile: path + ".lock", atomically: false, encoding: .utf8)
            #expect(
                try findings(path) == [
                    "owner's note: the file is older than the note, as after a power cut without syncs",
                    "owner's note: there were 5 dead letters, and there are 3",
                ]
            )
            let damaged = note.replacing("state      sound  ", with: "state      damaged")
            try damaged.write(toFile: path + ".lock", atomically: false, encoding: .utf8)
            #expect(try findings(path).first?.hasSuffix("read what cannot be what was written") == true)
        }
    }

    @Test func `a file that SQLite cannot read at all is a finding where a spool was, and an error elsewhere`()
        async throws
    {
        try await withLetterSpool { path in
            try Data(repeating: 7, count: 9_000).write(to: URL(filePath: path))
            #expect(try findings(path).first?.hasPrefix("structure: ") == true)
            try FileManager.default.removeItem(atPath: path + ".lock")
            let error = #expect(throws: SpoolError.self) { try findings(path) }
            #expect(error?.code == .refused)
            #expect(throws: SpoolError.self) { try findings(path + "-absent") }
        }
    }
}
