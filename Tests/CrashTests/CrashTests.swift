import ClickHouseStandIn
import ClickHouseWriter
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct CrashTests {
    private static let kills = 50

    @Test(arguments: BatchWriterConfiguration.Durability.allCases)
    func `a writer killed at any moment loses nothing that it acknowledged and stores nothing twice`(
        durability: BatchWriterConfiguration.Durability
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let spool = directory + "/traces.spool"
                let child = CrashingWriter(
                    spool: spool,
                    url: standIn.url,
                    database: "ibex",
                    durability: durability.rawValue
                )
                var acknowledged: [Int] = []
                for kill in 0..<Self.kills {
                    if kill % 3 == 0 { standIn.faults.add(.dropAfterProcessing) }
                    if kill % 5 == 0 { standIn.faults.add(.error(status: 500, code: 241, message: "Memory limit")) }
                    let killed = try await child.run(from: kill * 1_000_000, killAfter: .random(in: 1...400))
                    #expect(killed.wasKilled)
                    acknowledged += killed.acknowledged
                }
                #expect(try await drain(spool: spool, url: standIn.url).remaining == 0)

                let stored = try await standIn.store.rows(database: "ibex", table: "crash")
                    .compactMap { Int($0.filter(\.isNumber)) }
                #expect(acknowledged.count >= Self.kills)
                #expect(Set(stored).count == stored.count, "stored twice")
                #expect(Set(acknowledged).subtracting(stored) == [], "acknowledged and lost")
                // Batches were sent again, the lost acknowledgements included, and each time the same bytes.
                let sends = Dictionary(grouping: standIn.journal.inserts, by: \.token)
                #expect(sends.values.contains { $0.count > 1 })
                #expect(sends.values.allSatisfy { Set($0.map(\.body)).count == 1 })
            }
        }
    }

    @Test func `the owner's death frees the spool, and until then it is named`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let spool = directory + "/traces.spool"
                let child = CrashingWriter(spool: spool, url: standIn.url, database: "ibex")
                let url = standIn.url
                _ = try await child.run(from: 0, killAfter: 1) { pid in
                    let error = await #expect(throws: WriterError.self) { try await drain(spool: spool, url: url) }
                    #expect(error?.code == .spoolInUse)
                    #expect(error?.message.contains("process \(pid);") == true)
                }
                #expect(try await drain(spool: spool, url: url).remaining == 0)
            }
        }
    }
}

/// Opens the spool that a dead writer left, and closes it: that goes on through the faults that are left.
private func drain(spool: String, url: String) async throws -> CloseReport {
    var configuration = BatchWriterConfiguration(spoolPath: spool, urls: [url], database: "ibex", table: "crash")
    configuration.minRetryDelay = .milliseconds(1)
    configuration.shutdownTimeout = .seconds(120)
    return await (try BatchWriter<NoRecord>(configuration: configuration, logger: LogRecorder().logger)).close()
}

/// Never written: the spool is only drained.
private struct NoRecord: ClickHouseRecord {
    static let columns: [ColumnName] = ["n"]

    func encode(to row: inout RowEncoder) {}
}
