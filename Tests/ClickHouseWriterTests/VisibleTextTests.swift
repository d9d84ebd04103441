@testable import ClickHouseWriter
import Logging
import TestSupport
import Testing

@Suite(.bounded) struct VisibleTextTests {
    @Test(arguments: [
        ("\u{1B}]0;owned\u{07}", #"\u{1B}]0;owned\u{7}"#),
        ("a\r\nb\tc", #"a\r\nb\tc"#),
        ("\u{9B}31m\u{7F}\u{0}", #"\u{9B}31m\u{7F}\u{0}"#),
        (
            "\u{202E}x\u{202A}\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}",
            #"\u{202E}x\u{202A}\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}"#
        ),
        ("\u{2028}\u{2029}\u{85}", #"\u{2028}\u{2029}\u{85}"#),
        ("a\u{200B}b\u{FEFF}c\u{2060}\u{E0041}\u{3164}\u{AD}", #"a\u{200B}b\u{FEFF}c\u{2060}\u{E0041}\u{3164}\u{AD}"#),
        // No UTF-8, as a String has it.
        (String(decoding: [0x61, 0xFF], as: UTF8.self), #"a\u{FFFD}"#),
        ("e\u{301} é 日本 \u{2764}\u{FE0F} 👍 \\n C:\\", "e\u{301} é 日本 \u{2764}\u{FE0F} 👍 \\n C:\\"),
    ])
    func `what acts on a terminal or hides is shown, and other text stays`(text: String, shown: String) {
        #expect(VisibleText.escape(text) == shown)
        #expect(VisibleText.escape(shown) == shown)
    }

    @Test func `every control of C0 and C1, and everything that turns text, is shown`() {
        let scalars =
            [0x00...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0x2028...0x2029, 0x200B...0x200F].joined()
            .compactMap { Unicode.Scalar(UInt32($0)) }
        for scalar in scalars {
            let shown = VisibleText.escape("a\(scalar)b")
            #expect(shown.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "\(scalar.value)")
            #expect(shown.count > 3)
        }
    }

    @Test(
        arguments: [
            ([0x61, 0xFF, 0x62], #"a\x{FF}b"#),
            ([0xC3, 0xA9, 0xC3], #"é\x{C3}"#),
            // Too long for what it says, half of a pair, beyond Unicode.
            ([0xC0, 0x80, 0xED, 0xA0, 0x80, 0xF5], #"\x{C0}\x{80}\x{ED}\x{A0}\x{80}\x{F5}"#),
            ([0x1B, 0x5B], #"\u{1B}["#),
            ([], ""),
        ] as [([UInt8], String)]
    )
    func `bytes that are no UTF-8 are shown as bytes`(bytes: [UInt8], shown: String) {
        #expect(VisibleText.escape(bytes: bytes) == shown)
    }

    @Test func `lines stay lines, and an argument that is repeated makes none`() {
        #expect(VisibleText.escapeLines("a\r\n\u{1B}b\n") == "a\\r\n\\u{1B}b\n")
        let message = VisibleText.message("Error: no 'x\n\u{1B}y'\nUsage", quoting: ["x\n\u{1B}y", "x"])
        #expect(message == "Error: no 'x\\n\\u{1B}y'\nUsage")
    }

    @Test func `a logger's messages, metadata and errors are visible text, however deep`() {
        let recorder = LogRecorder()
        var logger = Logger(label: "test") { _ in VisibleLogHandler(recorder.logger.handler) }
        logger.logLevel = .trace
        struct Failure: Error, CustomStringConvertible { var description: String { "f\u{1B}" } }
        logger.log(
            level: .error,
            "m\u{1B}\n2026-11-29 forged",
            metadata: ["k\u{1B}": ["a": "v\u{9B}", "b": ["\u{202E}", .stringConvertible(Failure())]]]
        )
        logger[metadataKey: "kept"] = "x\u{1B}"
        let text = recorder.entries.map { $0.message + $0.metadata }.joined()
        #expect(!text.unicodeScalars.contains(where: VisibleText.isHidden))
        #expect(text.contains(#"m\u{1B}\n2026-11-29 forged"#))
        #expect(text.contains(#"v\\u{9B}"#) || text.contains(#"v\u{9B}"#))
        #expect(logger[metadataKey: "kept"] == #"x\u{1B}"#)
        #expect(Logger(label: "own") { _ in recorder.logger.handler }.visible.label == "own")
    }
}

@Suite(.bounded) struct RemedyTests {
    @Test(arguments: [
        ("traces.spool", "traces.spool"), ("/var/lib/a-b_c.spool", "/var/lib/a-b_c.spool"), ("a b", "'a b'"),
        ("it's", #"'it'\''s'"#), ("", "''"), ("$HOME", "'$HOME'"),
        ("it'\u{301}s", "'it'\\''\u{301}s'"), ("two\r\nlines", "'two\r\nlines'"),
    ])
    func `a path in a command is one word for the shell`(path: String, word: String) {
        #expect(Array(Remedy.shellWord(path).utf8) == Array(word.utf8))
    }
}
