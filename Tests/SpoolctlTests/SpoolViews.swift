import SQLiteSpool
@testable import spoolctl
import TestSupport
import Testing

/// Runs `body` with a spool and its path while its owner, this process, lives.
func withLivingSpool<Result>(
    _ body: (Spool, String) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        let path = directory + "/traces.spool"
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        do {
            let result = try await body(spool, path)
            await spool.close()
            return result
        } catch {
            await spool.close()
            throw error
        }
    }
}

/// What is seen of a spool in which all is well, to be changed by a test.
func soundView() async throws -> SpoolView {
    var view = try await withLivingSpool { try SpoolView.read($1) }
    view.path = "traces.spool"
    // Of the machine that the tests run on.
    view.files.freeBytes = 1 << 40
    view.files.readers = []
    view.status.readAt = WallInstant(milliseconds: 1_795_000_000_000)
    return view
}

/// A spool with one pending record, one in a batch that failed, and a dead letter.
func withTroubledSpool(_ body: (Spool, String) async throws -> Void) async throws {
    try await withLivingSpool { spool, path in
        try await spool.append(contentsOf: (0..<3).map { Array("{\"n\":\($0)}".utf8) })
        let refused = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
        try await spool.deadLetter(refused, code: 27, message: "Cannot parse input:\nexpected \"")
        let batch = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
        try await spool.recordFailure(of: batch, error: "destination (code 60): no such table")
        try await spool.report(DeliveryReport(state: .held, reason: "destination (code 60): no such table"))
        try await body(spool, path)
    }
}
