import Foundation
import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite struct StatusTests {
    /// The status of a spool with one pending record and one in a batch that failed.
    private func withStatus(_ body: (SpoolStatus) throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s", durability: .processCrash))
            try await spool.append(contentsOf: [Array("{}".utf8), Array("{}".utf8)])
            let batch = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
            try await spool.recordFailure(of: batch, error: "destination (code 60): no such table")
            try await spool.note(DeliveryNote(state: .held, reason: "destination (code 60): no such table"))
            // While its owner lives.
            let status = try SpoolStatus(readingSpoolAt: directory + "/s")
            await spool.close()
            try body(status)
        }
    }

    @Test func `the screen says what is stuck and why`() async throws {
        try await withStatus { status in
            let lines = StatusScreen(status).text.split(separator: "\n")
            #expect(
                lines.prefix(5) == [
                    "delivery      held", "guarantee     not known yet", "pending       1",
                    "in flight     1", "dead letters  0",
                ]
            )
            #expect(lines.suffix(2).first?.hasSuffix("-1-1: 1 record, failed 1 time") == true)
            #expect(lines.last == "  last error: destination (code 60): no such table")
        }
    }

    @Test func `the JSON has every key, also where there is nothing to say`() async throws {
        try await withStatus { status in
            let text = try StatusDocument(status).jsonLine
            #expect(text.contains(#""in_flight":1,"last_error":"destination (code 60): no such table""#))
            #expect(text.contains(#""attempts":1"#))
        }
        try await withTemporaryDirectory { directory in
            await (try Spool(SpoolConfiguration(path: directory + "/s"))).close()
            let text = try StatusDocument(SpoolStatus(readingSpoolAt: directory + "/s")).jsonLine
            #expect(
                text == #"{"batches":[],"dead_letters":0,"dropped":0,"guarantee":null,"in_flight":0,"last_error":null,"#
                    + #""oldest_pending_seconds":null,"payload_bytes":0,"pending":0,"state":"fine"}"#
            )
        }
    }
}
