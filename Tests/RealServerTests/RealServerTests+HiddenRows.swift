import ClickHouseWriter
import Foundation
import TestSupport
import Testing

/// Tables that do not show what they have accepted: what is missing in their answers may be stored.
extension RealServerTests {
    @Test func `a table that deletes some of what it accepts is not asked what it has`() async throws {
        try await withDatabase { server, configuration in
            // Servers before 19.6 have no TTL.
            guard try await server.knowsTokens else { return }
            _ = try await server.query(
                "CREATE TABLE \(configuration.target) (n UInt64, at DateTime) ENGINE = MergeTree ORDER BY n"
                    + " TTL at + INTERVAL 1 DAY"
            )
            try await expectHidden(configuration, server)
        }
    }

    /// Before the first batch is accepted the table is believed to answer; afterwards the guarantee says that it does not.
    private func expectHidden(_ configuration: BatchWriterConfiguration, _ server: ClickHouseServer) async throws {
        let hidden = "the table does not show what it has just accepted"
        var configuration = configuration
        configuration.maxBatchSize = 10
        let writer = try openWriter(configuration, of: Sighting.self)
        try await waitUntil("the table is known") { writer.status.guarantee != nil }
        #expect(writer.status.guarantee?.contains(hidden) == false)
        let now = Date()
        let ages = [0, 1, 2, 3, 4, 5, 6, 7, 8, 30]
        try await writer.write(
            contentsOf: ages.map { Sighting(n: $0, at: now.addingTimeInterval(-86_400 * Double($0))) }
        )
        try await waitUntil("the table is known not to answer") { writer.status.guarantee?.contains(hidden) == true }
        #expect(writer.status.guarantee?.hasPrefix("at-least-once") == true)
        #expect(await writer.close().remaining == 0)
    }
}

private struct Sighting: ClickHouseRecord {
    var n: Int
    var at: Date

    static let columns: [Column<Sighting>] = [Column("n", \.n), Column("at", \.at)]
    static let identity: RecordIdentity? = RecordIdentity(id: "n", time: "at")
}
