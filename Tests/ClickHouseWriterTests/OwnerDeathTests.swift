import ClickHouseStandIn
import ClickHouseWriter
import TestSupport
import Testing

/// What `torture kill` does not look at: who is told what while a writer lives, and after it was killed.
@Suite(.startsProcesses) struct OwnerDeathTests {
    @Test func `the owner's death frees the spool, and until then it is named`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                var configuration = BatchWriterConfiguration(
                    spoolPath: directory + "/traces.spool",
                    urls: [standIn.url],
                    database: "ibex",
                    table: "crash"
                )
                configuration.shutdownTimeout = .seconds(120)
                let child = CrashingWriter(spool: configuration.spoolPath, url: standIn.url, database: "ibex")
                let killed = try await child.run(from: 0, killAfter: 1) { [configuration] pid in
                    let error = await #expect(throws: WriterError.self) { try await drain(configuration) }
                    #expect(error?.code == .spoolInUse)
                    #expect(error?.message.contains("process \(pid), since 2") == true)
                }
                #expect(killed.wasKilled)
                #expect(try await drain(configuration).remaining == 0)
                let stored = try await standIn.store.rows(database: "ibex", table: "crash")
                #expect(Set(stored).count == stored.count)
                #expect(Set(killed.acknowledged.map { "{\"n\":\($0)}" }).isSubset(of: stored))
            }
        }
    }
}

/// Opens the spool that a dead writer left, and closes it.
private func drain(_ configuration: BatchWriterConfiguration) async throws -> CloseReport {
    await (try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)).close()
}
