import Foundation
import Migrations
@testable import SQLiteSpool
import TestSupport
import Testing

/// The files in Fixtures were written by the code of their time: 41 records, of which 10 were delivered and 10 are in a
/// batch that failed once.
@Suite(.bounded) struct SchemaVersionTests {
    @Test(arguments: Migration.spool.map(\.number))
    func `a spool of every version opens, and everything in it goes on`(version: Int) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let fixture = try #require(
                Bundle.module.url(forResource: "version-\(version)", withExtension: "spool", subdirectory: "Fixtures"),
                "keep a spool that this version has written: see SchemaVersionTests"
            )
            try Data(contentsOf: fixture).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            if version < 6 { try addLetters(path) }
            try await withSpool(at: path) { spool in
                #expect(spool.loss == nil)
                // As SQLite itself would have it: so the first versions made their files.
                #expect(spool.usage.pageBytes == (version < 5 ? 4_096 : 8_192))
                // The file is a copy of the fixture, which is a copy of what was written.
                #expect((spool.origin == nil) == (version < 5))
                #expect((spool.recoveredDestination == nil) == (version < 4))
                let inFlight = try #require(spool.batches.first)
                #expect(spool.batches.count == 1)
                #expect(inFlight.token.hasSuffix("-11-20") == (version < 5))
                #expect(inFlight.attempts == 1)
                let body = try await spool.body(of: inFlight)
                #expect(FrozenBatch(batch: inFlight, body: body).lines == (10..<20).map { "{\"n\":\($0)}" })
                try await spool.acknowledge(inFlight)
                try await spool.append(payload(41))
                let rest = try #require(try await spool.freeze(maxRecords: 100, maxBytes: 1 << 20))
                #expect(rest.lines == (20..<42).map { "{\"n\":\($0)}" })
                try await spool.verify()
                let letters = try await spool.deadLetters(limit: 10)
                #expect(letters.map(\.obstacle) == (version < 6 ? [nil, .damaged, .damaged] : []))
                if version < 6 { #expect(try await spool.requeueDeadLetters(.all).count == 1) }
            }
            let destination = SpoolDestination(
                database: "ibex",
                table: "llm_traces",
                idColumn: "request_id",
                timeColumn: "requested_at"
            )
            let header = try SpoolHeader(readingSpoolAt: path)
            #expect(header.schemaVersion == SpoolHeader.newestSchemaVersion)
            #expect(header.destination == (version < 4 ? nil : destination))
            let database = try Database(path: path, access: .readOnly)
            #expect(try database.integer("PRAGMA user_version") == Migration.spool.last.map { Int64($0.number) })
        }
    }

    /// Before they had checksums: a row, what is none, and what a salvage has found damaged.
    private func addLetters(_ path: String) throws {
        try Database(path: path, access: .readWrite).execute(
            """
            INSERT INTO dead_letters (id, enqueued_at, payload, code, message, attempts, dead_lettered_at) VALUES
                (1, 5, '{"n":0}', 27, 'refused', 1, 6), (2, 5, '{"n":', 27, 'refused', 1, 6),
                (3, 5, '{"n":2}', NULL, '\(Salvage.damagedMessage)', 0, 6);
            UPDATE spool SET dead_letters = 3
            """
        )
        let database = try Database(path: path, access: .readWrite)
        guard try database.integer("PRAGMA user_version") ?? 0 > 2 else { return }
        try database.execute("UPDATE spool SET checksum = NULL")
    }
}
