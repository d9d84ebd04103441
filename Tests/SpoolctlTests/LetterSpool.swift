import Foundation
import SQLiteSpool
import TestSupport

/// Runs `body` with the path of a spool that nobody owns: two dead letters of code 27 (ids 1, 2), one of code 33 (3), one
/// record in a batch (4) and two pending (5, 6).
func withLetterSpool<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let path = directory + "/s"
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        try await spool.append(contentsOf: (0..<6).map { Array("{\"n\":\($0),\"text\":\"a \\\"b\\\"\"}".utf8) })
        for (records, code, message) in [(2, 27, "cannot parse\n\u{1b}[31m(at row 1)"), (1, 33, "too short")] {
            guard try await spool.freeze(maxRecords: records, maxBytes: 1 << 20) != nil else { continue }
            try await spool.recordFailure(of: spool.batches[0], error: message)
            try await spool.deadLetter(spool.batches[0], code: code, message: message)
        }
        _ = try await spool.freeze(maxRecords: 1, maxBytes: 1 << 20)
        await spool.close()
        return try await body(path)
    }
}

/// Changes a spool's file behind everybody's back.
func damage(_ path: String, _ sql: String) throws {
    try Database(path: path, access: .readWrite).execute(sql)
}

/// The object that a line of JSON holds.
func object(_ line: some StringProtocol) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
}
