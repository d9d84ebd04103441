import Foundation
import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

@Suite(.bounded) struct ReadingTests {
    private func ids(_ path: String, where condition: String?, limit: Int = 100) throws -> [Int64] {
        try SpoolReader(path: path).records(where: condition, limit: limit).records.map(\.id)
    }

    @Test func `records are read in their order, those in a batch with its token`() async throws {
        try await withLetterSpool { path in
            let records = try SpoolReader(path: path).records().records
            #expect(records.map(\.id) == [4, 5, 6])
            #expect(records.map { $0.token == nil } == [false, true, true])
            let documents = try records.map { try object(String(decoding: JSONObject($0).line, as: UTF8.self)) }
            #expect(documents.map { $0["state"] as? String } == ["in flight", "pending", "pending"])
            #expect((documents[0]["token"] as? String)?.count == 25)
            #expect((documents[2]["row"] as? [String: Any])?["n"] as? Int == 5)
        }
    }

    @Test func `pages go on where the one before ended, whatever cut it`() async throws {
        try await withTemporaryDirectory { directory in
            let spool = try Spool(SpoolConfiguration(path: directory + "/s", durability: .processCrash))
            try await spool.append(contentsOf: (1...2_500).map { Array("{\"n\":\($0)}".utf8) })
            let reader = try SpoolReader(path: directory + "/s")
            for (limit, maxBytes, condition) in [
                (1_000, 4 << 20, nil), (7, 4 << 20, nil), (1_000, 1_000, nil),
                (1_000, 4 << 20, "payload ->> 'n' % 100 = 0"),
            ] {
                var found: [Int64] = []
                var position: Int64? = 0
                while let start = position {
                    let page = try reader.records(after: start, where: condition, limit: limit, maxBytes: maxBytes)
                    found += page.records.map(\.id)
                    position = page.end
                }
                #expect(found == (1...2_500).filter { condition == nil || $0 % 100 == 0 })
            }
            await spool.close()
        }
    }

    @Test(arguments: [
        ("id >= 5", [5, 6]), ("payload ->> 'n' = 3 -- the one in flight", [4]), ("enqueued_at < 0", []),
        ("id IN (SELECT max(id) FROM records)", [6]),
    ])
    func `a condition picks records`(condition: String, found: [Int64]) async throws {
        try await withLetterSpool { path in
            let ids = try ids(path, where: condition)
            #expect(ids == found)
        }
    }

    @Test(arguments: [
        "TRUE); DELETE FROM records; --", "TRUE); SELECT (1", "nope = 1", "id =", "", "load_extension('x')",
        "id IN (DELETE FROM records RETURNING id)", "payload ->> '$.['", "TRUE\u{0}",
    ])
    func `a condition that does more than pick is refused, and does nothing`(condition: String) async throws {
        try await withLetterSpool { path in
            let error = #expect(throws: SpoolError.self) { try ids(path, where: condition) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("is not a condition that SQLite can test here") == true)
            let all = try ids(path, where: nil)
            #expect(all == [4, 5, 6])
        }
    }

    @Test func `a record that is not what was written is marked, and its row is no JSON`() async throws {
        try await withLetterSpool { path in
            try damage(path, "UPDATE records SET payload = '{\"n\":9}' WHERE id = 5")
            let records = try SpoolReader(path: path).records().records
            #expect(records.map(\.isSound) == [true, false, true])
            let document = try object(String(decoding: JSONObject(records[1]).line, as: UTF8.self))
            #expect(document["row"] is NSNull)
            #expect(document["payload"] as? String == "{\"n\":9}")
        }
    }

    @Test(arguments: ["version-1", "version-2", "version-3"])
    func `a spool of any version is read and checked without a change`(name: String) async throws {
        try await withTemporaryDirectory { directory in
            let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "../SQLiteSpoolTests/Fixtures"
            )
            let path = directory + "/s"
            let bytes = try Data(contentsOf: fixtures.appending(path: name + ".spool"))
            try bytes.write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let records = try SpoolReader(path: path).records().records
            #expect(records.map(\.id) == Array(11...41))
            #expect(records.count { $0.token != nil } == 10)
            #expect(CheckReport(try SpoolCheck(path: path).run()).isSound)
            #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        }
    }
}
