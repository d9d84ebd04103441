import Foundation
import Migrations
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolStatusTests {
    /// A spool with two pending records, two in a batch that failed, a dead letter, and one that was delivered.
    private func withMixedSpool(_ body: (String, ManualClock) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let clock = ManualClock()
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.appendNumbers(0..<6)
                let delivered = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
                try await spool.acknowledge(delivered)
                let refused = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
                clock.advance(by: .seconds(10))
                try await spool.deadLetter(refused, code: 27, message: "cannot parse")
                let failed = try #require(try await spool.freeze(maxRecords: 2, maxBytes: 100)).batch
                clock.advance(by: .seconds(20))
                try await spool.recordFailure(of: failed, error: "no answer")
                try await spool.report(DeliveryReport(state: .backingOff, reason: "no answer", guarantee: "some"))
                try await body(path, clock)
            }
        }
    }

    @Test func `it has all that an operator asks for`() async throws {
        try await withMixedSpool { path, clock in
            clock.advance(by: .milliseconds(2_900))
            let status = try SpoolStatus(readingSpoolAt: path, clock: clock)
            #expect((status.pending, status.inFlight, status.deadLetters, status.lastID) == (2, 2, 1, 6))
            #expect(status.undelivered == 4)
            #expect(status.oldestPendingSeconds == 32)
            #expect(status.state == .backingOff)
            #expect(status.since == clock.now.advanced(by: .milliseconds(-2_900)))
            #expect(status.lastError == "no answer")
            #expect(status.guarantee == "some")
            let batch = try #require(status.batches.first)
            #expect((batch.records, batch.payloadBytes, batch.attempts) == (2, 14, 1))
            #expect(batch.frozenAt == clock.now.advanced(by: .milliseconds(-22_900)))
            #expect(batch.lastAttemptAt == clock.now.advanced(by: .milliseconds(-2_900)))
            let letters = try #require(status.deadLettersByCode.first)
            #expect((letters.code, letters.records, letters.message) == (27, 1, "cannot parse"))
            #expect(letters.firstAt == clock.now.advanced(by: .milliseconds(-22_900)))
        }
    }

    @Test func `the views say it to who has only sqlite3`() async throws {
        try await withMixedSpool { path, _ in
            let database = try Database(path: path, access: .readOnly)
            let text = { (sql: String) in try database.text(sql) }
            #expect(
                try text("SELECT state || ', ' || since || ', ' || last_error || ', ' || guarantee FROM spool_status")
                    == "backing off, 2026-11-18 11:07:10, no answer, some"
            )
            #expect(
                try text("SELECT json_array(pending, in_flight, batches, dead_letters, enqueued) FROM spool_status")
                    == "[2,2,1,1,6]"
            )
            #expect(
                try text("SELECT json_group_array(json_array(id, enqueued_at, bytes, payload)) FROM pending")
                    == #"[[5,"2026-11-18 11:06:40",7,"{\"n\":4}"],[6,"2026-11-18 11:06:40",7,"{\"n\":5}"]]"#
            )
            #expect(
                try text(
                    """
                    SELECT json_array(records, payload_bytes, frozen_at, attempts, last_attempt_at, last_error, first_id, last_id)
                    FROM in_flight
                    """
                ) == #"[2,14,"2026-11-18 11:06:50",1,"2026-11-18 11:07:10","no answer",3,4]"#
            )
            #expect(
                try text("SELECT json_array(code, records, first_at, last_at, message) FROM dead_letters_by_code")
                    == #"[27,1,"2026-11-18 11:06:50","2026-11-18 11:06:50","cannot parse"]"#
            )
        }
    }

    @Test func `every table and view says what it is, in the schema itself`() async throws {
        try await withTemporaryDirectory { directory in
            try await withSpool(at: directory + "/s") { _ in }
            let database = try Database(path: directory + "/s", access: .readOnly)
            let rows = try database.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
            var names: Set<String> = []
            while try rows.step(), let name = rows.text(0), let sql = rows.text(1) {
                names.insert(name)
                let second = sql.split(separator: "\n").dropFirst().first ?? ""
                #expect(second.trimmingPrefix(while: \.isWhitespace).hasPrefix("-- "), "\(name)")
            }
            #expect(
                names == [
                    "records", "batches", "dead_letters", "spool", "delivery", "spool_status", "pending", "in_flight",
                    "dead_letters_by_code",
                ]
            )
        }
    }

    @Test(arguments: Migration.spool.map(\.number))
    func `a spool of every version is read as it is`(version: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let fixture = try #require(
                Bundle.module.url(forResource: "version-\(version)", withExtension: "spool", subdirectory: "Fixtures")
            )
            try Data(contentsOf: fixture).write(to: URL(filePath: path))
            let before = try Data(contentsOf: URL(filePath: path))
            let status = try SpoolStatus(readingSpoolAt: path)
            #expect((status.pending, status.inFlight, status.lastID) == (21, 10, 41))
            #expect(status.batches.first?.attempts == 1)
            #expect(status.batches.first?.lastAttemptAt != nil)
            #expect(!(try SpoolSurroundings(ofSpoolAt: path).owner.isAlive))
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
        }
    }
}
