import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

/// The page "Reading the spool with sqlite3" is what somebody copies from at night.
@Suite(.bounded) struct QueryingPageTests {
    private static let page = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/ClickHouseWriter/ClickHouseWriter.docc/Querying.md")

    /// The blocks of the page that are fenced as `language`.
    private static func blocks(_ language: String) throws -> [String] {
        let text = try String(contentsOf: page, encoding: .utf8)
        return text.components(separatedBy: "\n```\(language)\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    /// A spool as the page tells of: records that wait, a batch that failed, and a record that was refused.
    private func withSpoolOfThePage(_ body: (borrowing Database) throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/traces.spool"
            // The day on which the page was written: 2026-11-23 04:22:05.
            let clock = ManualClock(now: WallInstant(milliseconds: 1_795_407_725_000))
            try await withSpool(at: path, clock: clock) { spool in
                try await spool.append(contentsOf: (0..<6).map(trace))
                let refused = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 1_000)).batch
                try await spool.deadLetter(refused, code: 469, message: "Constraint `known_model` is violated")
                let failed = try #require(try await spool.freeze(maxRecords: 2, maxBytes: 1_000)).batch
                try await spool.recordFailure(of: failed, error: "transient: cannot connect")
                try await spool.report(DeliveryReport(state: .backingOff, reason: "transient: cannot connect"))
                try body(Database(path: path, access: .readOnly))
            }
        }
    }

    private func trace(_ number: Int) -> [UInt8] {
        let fields = #""request_id":"\#(number)","model":"m","input_tokens":\#(number),"status_code":200"#
        return Array("{\(fields)}".utf8)
    }

    @Test func `every query of the page answers as it is written`() async throws {
        let queries = try Self.blocks("sql")
        #expect(queries.count >= 12)
        try await withSpoolOfThePage { database in
            for query in queries {
                // Only the first of several statements would be run here.
                #expect(!query.contains(";"), "\(query)")
                let rows = try database.prepare(query)
                #expect(try rows.step(), "\(query)")
            }
        }
    }

    @Test func `the page keeps the rule that it gives`() throws {
        let commands = try Self.blocks("shell").flatMap { $0.split(separator: "\n") }
        #expect(commands.count >= 4)
        for command in commands { #expect(command.hasPrefix("sqlite3 -readonly "), "\(command)") }
    }
}
