import Foundation
@testable import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct StatusTests {
    @Test func `the screen says what is stuck, why, and what to do`() async throws {
        try await withTroubledSpool { _, path in
            let text = try StatusScreen(SpoolView.read(path)).text
            let lines = text.split(separator: "\n").map(String.init)
            #expect(lines[0].hasPrefix("delivery      held since 2"))
            #expect(lines[1].hasPrefix("owner         process \(ProcessInfo.processInfo.processIdentifier), since 2"))
            #expect(lines.contains("durability    what is written survives the death of the process, not power loss"))
            #expect(lines.contains("pending       1"))
            #expect(lines.contains("in flight     1 in 1 batch"))
            #expect(lines.contains("dead letters  1"))
            #expect(lines.contains { $0.contains("1 record with code 27, at 2") })
            #expect(lines.contains("                Cannot parse input: expected \""))
            #expect(lines.contains { $0.hasPrefix("batch ") && $0.count == "batch ".count + 25 })
            #expect(lines.contains { $0.contains("failed 1 time, last at 2") })
            #expect(lines.contains("  last error: destination (code 60): no such table"))
            #expect(lines.contains("what to do"))
            // A path is one word, however long the one of the temporary directory is.
            #expect(
                lines.allSatisfy {
                    $0.count <= 80 || $0.hasPrefix("batch") || $0.contains("failed") || $0.contains(path)
                }
            )
        }
    }

    @Test func `the JSON has every key, also where there is nothing to say`() async throws {
        let view = try await soundView()
        let text = try StatusDocument(view).jsonLine
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(
            Set(object.keys) == [
                "state", "since", "guarantee", "destination", "pending", "in_flight", "dead_letters", "dropped",
                "enqueued",
                "oldest_pending_seconds", "payload_bytes", "last_error", "last_commit", "batches",
                "dead_letters_by_code", "owner", "files", "needs_person", "advice", "origin",
            ]
        )
        #expect(object["state"] as? String == "fine")
        #expect(object["guarantee"] is NSNull)
        #expect(object["needs_person"] as? Bool == false)
        let owner = try #require(object["owner"] as? [String: Any])
        #expect(owner["is_alive"] as? Bool == true)
        #expect(owner["file_state"] as? String == "sound")
    }

    @Test func `the JSON has each batch and each code`() async throws {
        try await withTroubledSpool { _, path in
            let text = try StatusDocument(SpoolView.read(path)).jsonLine
            #expect(text.contains(#""in_flight":1,"last_commit":"2"#))
            #expect(text.contains(#""last_error":"destination (code 60): no such table","payload_bytes":7"#))
            #expect(text.contains(#""code":27,"#))
            #expect(text.contains(#""trouble":"held""#))
            #expect(text.contains(#""needs_person":true"#))
        }
    }

    @Test func `many batches and codes still fit on a screen`() async throws {
        var view = try await soundView()
        let time = view.status.readAt
        view.status.batches = (0..<40).map {
            SpoolStatus.InFlightBatch(token: "t-\($0)", records: 1, payloadBytes: 9, frozenAt: time, attempts: 0)
        }
        view.status.deadLettersByCode = (0..<40).map {
            SpoolStatus.DeadLetterGroup(code: $0, records: 1, firstAt: time, lastAt: time, message: "no")
        }
        view.status.deadLetters = 5_000
        let lines = StatusScreen(view).text.split(separator: "\n")
        #expect(lines.count < 40)
        #expect(lines.contains("              of the newest 40:"))
        #expect(lines.contains("and 35 more batches"))
        #expect(lines.contains { $0.hasSuffix("and 35 more codes") })
    }

    @Test func `what ClickHouse says cannot move the terminal's cursor`() async throws {
        var view = try await soundView()
        view.status.state = .held
        view.status.reason = "\u{1B}[2Jgone\r\nnext"
        let text = StatusScreen(view).text
        #expect(!text.contains("\u{1B}") && !text.contains("\r"))
        #expect(text.contains(#"\u{1B}[2Jgone\r next"#))
    }
}
