import Foundation
import SQLiteSpool
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// The real binary, on what somebody has made to hurt whoever looks at it, and with an output that takes nothing.
@Suite(.startsProcesses) struct HostileCommandTests {
    private static let endless = """
        WITH RECURSIVE c(id, enqueued_at, payload, checksum) AS
            (SELECT 1, 1, '{}', NULL UNION ALL SELECT id + 1, 1, '{}', NULL FROM c)
        SELECT * FROM c ORDER BY id DESC
        """

    /// Each reads, but for the last two.
    private static func commands(_ path: String) -> [[String]] {
        [
            ["status", path], ["status", path, "--json"], ["watch", path, "--count", "1"], ["peek", path],
            ["peek", path, "--where", "TRUE"], ["export", path], ["check", path], ["check", path, "--json"],
            ["dead-letters", "list", path], ["dead-letters", "list", path, "--json"],
            ["dead-letters", "show", path, "1"], ["dead-letters", "export", path],
            ["drain", path, "--url", "http://127.0.0.1:1", "--no-id-column", "--give-up-after", "100ms"],
            ["dead-letters", "discard", path, "--all", "--yes"],
        ]
    }

    @Test func `no command runs a view that never ends`() async throws {
        try await withLetterSpool { path in
            try damage(path, "DROP TABLE records; CREATE VIEW records AS \(Self.endless)")
            for command in Self.commands(path) where command[0] != "watch" {
                let outcome = try await SpoolctlUnderTest.run(command)
                let isFinding = command[0] == "check" && outcome.status == .exited(2)
                #expect(outcome.status == .exited(1) || isFinding, "\(command)")
                #expect((outcome.messages + outcome.output).contains("records is a view"), "\(command)")
            }
        }
    }

    /// All that a file can say, and its name.
    @Test func `nothing that a spool says acts on a terminal, in any command`() async throws {
        let bad = "char(27) || ']0;x' || char(7) || char(0x9b) || '31m' || char(0x202e) || char(10) || 'forged'"
        try await withLetterSpool { sound in
            let path = directory(of: sound) + "/a\u{1B}]0;\u{202E}b"
            try FileManager.default.moveItem(atPath: sound, toPath: path)
            try damage(
                path,
                """
                UPDATE delivery SET state = 'held', reason = \(bad), guarantee = \(bad), database = \(bad), table_name = \(bad);
                UPDATE batches SET token = \(bad), last_error = \(bad), checksum = NULL;
                UPDATE dead_letters SET message = \(bad);
                UPDATE dead_letters SET payload = \(bad) WHERE id = 1;
                UPDATE dead_letters SET payload = CAST(x'22ff1b9b22' AS TEXT) WHERE id = 2;
                UPDATE dead_letters SET payload = '{"a":"' || char(0x9b) || char(0x202e) || '"}' WHERE id = 3;
                UPDATE records SET payload = '{"a":"' || char(0x9b) || char(0x202e) || '"}', checksum = NULL;
                UPDATE records SET payload = \(bad) WHERE id = 5
                """
            )
            let setAside = path + ".damaged-\u{1B}[2J"
            try #require(FileManager.default.createFile(atPath: setAside, contents: nil))
            for command in Self.commands(path).dropLast() where command[0] != "export" && command[1] != "export" {
                let outcome = try await SpoolctlUnderTest.run(command)
                for text in [outcome.output, outcome.messages] {
                    let hostile = text.unicodeScalars.filter {
                        $0 != "\n" && [.control, .format].contains($0.properties.generalCategory)
                    }
                    #expect(hostile.isEmpty, "\(command): \(Array(hostile).map(\.value))")
                    #expect(!text.split(separator: "\n").contains { $0.hasPrefix("forged") }, "\(command)")
                }
                let isJSON = command.contains("--json") || command[0] == "peek"
                if isJSON { for line in outcome.output.split(separator: "\n") { _ = try object(line) } }
            }
            let absent = try await SpoolctlUnderTest.run(["status", path + "\n\u{1B}c"])
            #expect(absent.messages.contains(#"b \u{1B}c"#))
            let wrong = try await SpoolctlUnderTest.run(["status", path, "x\n\u{1B}c"])
            #expect(wrong.messages.contains(#"Unexpected argument 'x\n\u{1B}c'"#))
            #expect(wrong.status == .exited(64))
        }
    }

    /// `export` is for other programs; what is no row is in no line of its own making.
    @Test func `export keeps every byte of a row where no terminal is, and quotes what is no row`() async throws {
        try await withLetterSpool { path in
            // As a version has left it that wrote no checksums.
            try damage(
                path,
                """
                UPDATE records SET payload = '{"a":"' || char(0x9b) || '"}', checksum = NULL;
                ALTER TABLE dead_letters DROP COLUMN checksum;
                PRAGMA user_version = 5
                """
            )
            let rows = try await SpoolctlUnderTest.run(["export", path, "--rows"])
            #expect(rows.status == .exited(0))
            #expect(rows.output == String(repeating: "{\"a\":\"\u{9B}\"}\n", count: 3))
            try damage(path, "UPDATE records SET payload = '{}' || char(10) || '{\"forged\":1}'")
            let forged = try await SpoolctlUnderTest.run(["export", path, "--rows"])
            #expect(forged.output == "")
            #expect(forged.status == .exited(2))
            for line in try await SpoolctlUnderTest.run(["export", path]).output.split(separator: "\n") {
                #expect(try object(line)["payload"] as? String == "{}\n{\"forged\":1}")
            }
        }
    }

    @Test(arguments: [
        ("EXISTS (SELECT 1 FROM json_each(payload) WHERE value = 4)", 1),
        ("EXISTS (SELECT 1 FROM json_tree(payload) WHERE key = 'n' AND atom > 3)", 2),
        ("payload ->> 'n' = 3 -- the first", 1),
        ("(SELECT count(*) FROM records) = 3", 3),
    ])
    func `a condition may take a row apart`(condition: String, count: Int) async throws {
        try await withLetterSpool { path in
            let outcome = try await SpoolctlUnderTest.run(["peek", path, "--where", condition])
            #expect(outcome.status == .exited(0), "\(outcome.messages)")
            #expect(outcome.output.split(separator: "\n").count == count)
        }
    }

    @Test(arguments: [
        "EXISTS (SELECT 1 FROM spool)", "EXISTS (SELECT 1 FROM dead_letters)", "EXISTS (SELECT 1 FROM sqlite_schema)",
        "EXISTS (SELECT 1 FROM pragma_database_list)", "load_extension('x')", "length(zeroblob(1000000000))",
        "length(randomblob(1000000000))", "printf('%.*c', 1000000000, 'x')", "length(hex(payload))",
        "EXISTS (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT 1 FROM c WHERE x < 0)",
        "TRUE); DELETE FROM records; --", "TRUE) UNION SELECT id FROM spool WHERE (TRUE", "\u{1B}]0;x",
    ])
    func `a condition reads nothing but the records, and makes nothing large`(condition: String) async throws {
        try await withLetterSpool { path in
            let outcome = try await SpoolctlUnderTest.run(["peek", path, "--where", condition])
            #expect(outcome.status == .exited(1))
            #expect(outcome.output == "")
            #expect(outcome.messages.contains("is not a condition that SQLite can test here"), "\(outcome.messages)")
            #expect(!outcome.messages.contains("\u{1B}"))
            #expect(try SpoolReader(path: path).records().records.count == 3)
        }
    }

    @Test func `a condition that takes too long is ended, and says so`() async throws {
        try await withLetterSpool { path in
            let reader = try SpoolReader(path: path, timeLimit: .milliseconds(100))
            let many = (0..<30).map { "records AS r\($0)" }.joined(separator: ", ")
            let error = #expect(throws: SpoolError.self) {
                try reader.records(where: "(SELECT count(*) FROM \(many)) = 0")
            }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("took too long and was ended") == true)
        }
    }

    @Test func `output that cannot be written is exit code 74, of every command, and nothing is done for it`()
        async throws
    {
        try await withLetterSpool { path in
            let commands =
                Self.commands(path).dropLast(2) + [["--help"], ["status", "--help"], ["--version"]].dropLast()
            for command in commands {
                let full = try FileDescriptor.open("/dev/full", .writeOnly)
                defer { try? full.close() }
                let result = try await Subprocess.run(
                    .path(FilePath(builtProduct("spoolctl"))),
                    arguments: Arguments(command),
                    input: .none,
                    output: .fileDescriptor(full, closeAfterSpawningProcess: false),
                    error: .string(limit: 1 << 20)
                )
                #expect(result.terminationStatus == .exited(74), "\(command)")
                #expect(result.standardError.contains("standard output cannot be written"), "\(command)")
            }
            #expect(try SpoolReader(path: path).countDeadLetters(.all) == 3)
        }
    }

    /// While SQLite waits for a lock that another program keeps, as while a query takes its time.
    @Test(arguments: [Signal.terminate, .interrupt])
    func `a signal ends watch also while a read takes its time`(signal: Signal) async throws {
        try await withLetterSpool { path in
            // Without a WAL every reader waits for whoever writes.
            let writer = try Database(path: path, access: .readWrite)
            try writer.execute("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE")
            let clock = ContinuousClock()
            let start = clock.now
            let result = try await Subprocess.run(
                .path(FilePath(builtProduct("spoolctl"))),
                arguments: ["watch", path, "--interval", "100ms"],
                input: .none,
                output: .string(limit: 1 << 16),
                error: .discarded
            ) { process in
                // Its signals are its own once it has a thread for them.
                while clock.now - start < .seconds(60), !catches(signal, process.processIdentifier.value) {
                    try await Task.sleep(for: .milliseconds(20))
                }
                try process.send(signal: signal)
            }
            #expect(result.terminationStatus == .exited(0))
        }
    }
}

private func directory(of path: String) -> String { URL(filePath: path).deletingLastPathComponent().path() }

/// Whether a process catches a signal: then it does not end by it.
private func catches(_ signal: Signal, _ process: Int32) -> Bool {
    let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    let mask = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last ?? "0"
    return (UInt64(mask, radix: 16) ?? 0) & (1 << UInt64(signal.rawValue - 1)) != 0
}
