import Foundation
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

/// The real binary.
@Suite(.startsProcesses) struct CommandTests {
    private struct Outcome {
        var code: Int32?
        var output: String
        var error: String

        var lines: [Substring] { output.split(separator: "\n") }
    }

    private func spoolctl(_ arguments: String...) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(.init(builtProduct("spoolctl"))),
            arguments: Arguments(arguments),
            input: .none,
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        let code: Int32? = if case .exited(let code) = result.terminationStatus { code } else { nil }
        return Outcome(code: code, output: result.standardOutput, error: result.standardError)
    }

    @Test func `dead letters are requeued and discarded, and the counts say so`() async throws {
        try await withLetterSpool { path in
            let requeued = try await spoolctl("dead-letters", "requeue", path, "--code", "27")
            #expect(requeued.code == 0)
            #expect(requeued.output.hasPrefix("requeued 2 dead letters: they are pending; "))
            let unsaid = try await spoolctl("dead-letters", "discard", path, "--all")
            #expect(unsaid.code == 64)
            #expect(unsaid.error.contains("1 dead letter would be gone for good: say so with --yes"))
            let discarded = try await spoolctl("dead-letters", "discard", path, "--all", "--yes", "--json")
            #expect(discarded.output == "{\"discarded\":1}\n")
            let exported = try await spoolctl("export", path, "--rows")
            #expect(try exported.lines.map { try object($0)["n"] as? Int } == [3, 4, 5, 0, 1])
            let check = try await spoolctl("check", path)
            #expect(check.code == 0, "\(check.output)")
        }
    }

    @Test func `records that wait become dead letters by id, and those in a batch with others are left`() async throws {
        try await withLetterSpool { path in
            let added = try await spoolctl("dead-letters", "add", path, "6", "4", "77", "--reason", "column dropped")
            #expect(added.code == 2)
            #expect(added.output.hasPrefix("added 2 dead letters\nleft, because"))
            #expect(added.output.hasSuffix(": 77\n"))
            let letters = try await spoolctl("dead-letters", "list", path, "--json")
            #expect(letters.output.contains("column dropped"))
            #expect(try SpoolReader(path: path).countDeadLetters(.all) == 5)
            #expect(try await spoolctl("dead-letters", "requeue", path, "6").code == 0)
            let check = try await spoolctl("check", path)
            #expect(check.code == 0, "\(check.output)")
        }
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s", durability: .processCrash))
            try await spool.append(contentsOf: (0..<3).map { Array("{\"n\":\($0)}".utf8) })
            _ = try await spool.freeze(maxRecords: 3, maxBytes: 1 << 20)
            await spool.close()
            let added = try await spoolctl("dead-letters", "add", directory + "/s", "2", "--json")
            #expect((added.code, added.output) == (2, "{\"added\":0,\"left\":[2]}\n"))
        }
    }

    @Test func `ids that are not there stop everything before it begins`() async throws {
        try await withLetterSpool { path in
            for command in ["requeue", "discard"] {
                let outcome = try await spoolctl("dead-letters", command, path, "1", "77")
                #expect(outcome.code == 1)
                #expect(outcome.error.hasPrefix("there is no dead letter 77; nothing was "))
            }
            #expect(try SpoolReader(path: path).countDeadLetters(.all) == 3)
            #expect(try await spoolctl("dead-letters", "requeue", path).code == 64)
            let absent = try await spoolctl("dead-letters", "requeue", path + "-absent", "--all")
            #expect(absent.code == 1)
            #expect(!FileManager.default.fileExists(atPath: path + "-absent"))
        }
    }

    @Test func `what stays a dead letter is named, and wants attention`() async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE dead_letters SET payload = '{' WHERE id = 2")
            let outcome = try await spoolctl("dead-letters", "requeue", path, "--all")
            #expect(outcome.code == 2)
            #expect(outcome.output.contains("1 dead letter left, not the row that was written, and never sent: 2"))
        }
    }

    @Test func `nothing is written while an owner lives, and everything can be read`() async throws {
        try await withLetterSpool { path in
            let spool = try Spool(SpoolConfiguration(path: path))
            for refused in [
                try await spoolctl("dead-letters", "requeue", path, "--all"),
                try await spoolctl("dead-letters", "discard", path, "--all", "--yes"),
            ] {
                #expect(refused.code == 1)
                #expect(
                    refused.error.contains("in use by process \(ProcessInfo.processInfo.processIdentifier), since 2")
                )
                #expect(refused.error.contains("have it call BatchWriter.requeueDeadLetters"))
            }
            #expect(try await spoolctl("dead-letters", "list", path).lines.count == 6)
            #expect(try await spoolctl("dead-letters", "show", path, "1", "77").code == 1)
            let exported = try await spoolctl("dead-letters", "export", path, "--code", "33")
            #expect(try exported.lines.map { try object($0)["id"] as? Int } == [3])
            #expect(try await spoolctl("peek", path, "-n", "2").lines.count == 2)
            let bad = try await spoolctl("peek", path, "--where", "nope")
            #expect(bad.code == 1)
            #expect(bad.error.contains("no such column: nope"))
            #expect(try await spoolctl("check", path, "--json").code == 0)
            #expect(spool.summary.deadLetters == 3)
            await spool.close()
        }
    }

    @Test func `a broken spool is found, exported as far as it is sound, and salvaged`() async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE records SET payload = '{\"n\":9}' WHERE id = 5")
            #expect(try await spoolctl("check", path).code == 2)
            let exported = try await spoolctl("export", path, "--rows")
            #expect(exported.code == 2)
            #expect(try exported.lines.map { try object($0)["n"] as? Int } == [3, 5])
            #expect(exported.error == "1 record not as written: 5\n")
            let salvaged = try await spoolctl("salvage", path, path + ".new", "--json")
            #expect(salvaged.code == 0)
            #expect(try object(salvaged.output)["salvaged"] as? Int == 2)
            #expect(try await spoolctl("check", path + ".new").code == 0)
        }
    }
}
