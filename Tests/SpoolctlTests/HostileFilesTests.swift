import Foundation
@testable import SQLiteSpool
@testable import spoolctl
import Subprocess
import TestSupport
import Testing

/// The real binary, on files that somebody has put where a spool's are.
@Suite(.timeLimit(.minutes(10))) struct HostileFilesTests {
    private static let reading = [
        ["status"], ["check"], ["peek"], ["export"], ["dead-letters", "list"], ["dead-letters", "show"],
        ["dead-letters", "export"],
    ]

    private static let writing = [
        ["dead-letters", "requeue"], ["dead-letters", "discard"], ["drain"], ["salvage"],
    ]

    private func arguments(_ command: [String], _ path: String) -> [String] {
        switch command.last {
        case "show": command + [path, "1"]
        case "requeue": command + [path, "--all"]
        case "discard": command + [path, "--all", "--yes"]
        case "drain":
            command + [path, "--url", "http://127.0.0.1:1", "--database", "d", "--table", "t", "--no-id-column"]
                + ["--give-up-after", "1ms"]
        case "salvage": command + [path, path + ".new"]
        default: command + [path]
        }
    }

    @Test(arguments: ["", "-wal", "-shm", "-journal", ".lock"])
    func `no command waits for a FIFO, and each that is stopped by one names it`(suffix: String) async throws {
        try await withLetterSpool { path in
            try FileObstacle.fifo.make(at: path + suffix)
            for command in Self.reading + Self.writing {
                let outcome = try await SpoolctlUnderTest.run(arguments(command, path))
                // The lock is nothing to those that only read records.
                let needsNoLock = suffix == ".lock" && Self.reading.contains(command) && command != ["status"]
                if needsNoLock, command != ["check"] {
                    #expect(outcome.status == .exited(0), "\(command)")
                } else {
                    #expect(outcome.status != .exited(0), "\(command)")
                    let said = outcome.output + outcome.messages
                    #expect(said.contains("\(path)\(suffix) is no regular file"), "\(command): \(said)")
                }
            }
            let watched = try await SpoolctlUnderTest.run(["watch", path, "--count", "1", "--interval", "100ms"])
            #expect(watched.status == .exited(0))
            #expect(watched.output.contains("\(path)\(suffix) is no regular file"))
        }
    }

    @Test func `a hard link as the lock is not written through`() async throws {
        try await withLetterSpool { path in
            try Data("precious".utf8).write(to: URL(filePath: path + ".mine"))
            try FileManager.default.removeItem(atPath: path + ".lock")
            try FileManager.default.linkItem(atPath: path + ".mine", toPath: path + ".lock")
            let outcome = try await SpoolctlUnderTest.run(["dead-letters", "requeue", path, "--all"])
            #expect(outcome.status == .exited(1))
            #expect(outcome.messages.contains("\(path).lock has 2 names (hard links); remove the others"))
            #expect(FileManager.default.contents(atPath: path + ".mine") == Data("precious".utf8))
        }
    }

    @Test func `a file that is named like a salvage takes no spool's place, and the commands say that it is there`()
        async throws
    {
        try await withLetterSpool { path in
            try FileManager.default.copyItem(atPath: path, toPath: path + ".salvaged-x")
            try damage(path + ".salvaged-x", "DELETE FROM dead_letters")
            let outcome = try await SpoolctlUnderTest.run(["dead-letters", "requeue", path, "--code", "27"])
            #expect(outcome.output.hasPrefix("requeued 2 dead letters"))
            #expect(outcome.messages.contains("left alone \(path).salvaged-x: named like a salvage"))
            let check = try await SpoolctlUnderTest.run(["check", path])
            #expect(check.output.contains("besides       NOT OK: s.salvaged-x: named like a salvage"))
        }
    }

    @Test(arguments: [".salvaged-x", ".salvaging", ".salvaging-x", ".damaged-x", ".lock", "-wal", "-shm", "-journal"])
    func `a salvage makes no file of a name that a writer gives to its own`(suffix: String) async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE records SET payload = '{}' WHERE id = 5")
            let error = #expect(throws: SpoolError.self) { try SalvageCopy(of: path, to: path + ".other" + suffix) }
            #expect(error?.code == .refused)
            #expect(error?.message.hasPrefix("\(path).other\(suffix) is ") == true)
        }
    }

    @Test func `a salvage writes over nothing and removes nothing that it did not make, and names it`() async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE records SET payload = '{}' WHERE id = 5")
            let others = [".new.salvaging", ".new.salvaging-copy", ".new.salvaging-wal", ".new.salvaging-copy-wal"]
            for other in others { try Data("mine".utf8).write(to: URL(filePath: path + other)) }
            let outcome = try await SpoolctlUnderTest.run(["salvage", path, path + ".new"])
            #expect(outcome.status == .exited(0))
            #expect(outcome.messages.contains("left alone \(path).new.salvaging, \(path).new.salvaging-copy: named"))
            for other in others { #expect(FileManager.default.contents(atPath: path + other) == Data("mine".utf8)) }
            for suffix in ["-shm", "-journal"] {
                try Data().write(to: URL(filePath: path + ".other" + suffix))
                let refusal = #expect(throws: SpoolError.self) { try SalvageCopy(of: path, to: path + ".other") }
                #expect(refusal?.message.hasSuffix("exists; give the name of a new file") == true)
                try FileManager.default.removeItem(atPath: path + ".other" + suffix)
            }
        }
    }
}
