@testable import ClickHouseHTTP
import ClickHouseWriter
import Synchronization
import TestSupport
import Testing

/// The writer with two replicas of one table, which die one after the other and together.
@Suite(
    .enabled(
        if: ReplicaLab.given != nil,
        "needs two replicas: CLICKHOUSE_REPLICA_URLS and CLICKHOUSE_REPLICA_CONTROL"
    ),
    .serialized,
    .oneAtATime(seconds: 300)
)
struct ReplicaTests {
    @Test func `replicas are killed under load, and every record is stored once on both`() async throws {
        let lab = try #require(ReplicaLab.given)
        let table = "replica_test_\(UInt32.random(in: 0 ... .max))"
        _ = try await lab.query(
            "CREATE TABLE \(table) (n UInt64, value String)"
                + " ENGINE = ReplicatedMergeTree('/clickhouse/tables/\(table)', '{replica}') ORDER BY n"
        )
        try await withTemporaryDirectory { directory in
            var configuration = BatchWriterConfiguration(
                spoolPath: directory + "/measurements.spool",
                urls: lab.replicas.map(\.url),
                table: table
            )
            configuration.minRetryDelay = .milliseconds(10)
            configuration.maxRetryDelay = .milliseconds(500)
            configuration.flushInterval = .milliseconds(50)
            configuration.requestTimeout = .seconds(5)
            configuration.shutdownTimeout = .seconds(120)
            let writer = try openWriter(configuration, of: Measurement.self)
            let written = Mutex(0)
            let load = Task {
                while !Task.isCancelled {
                    let first = written.withLock(\.self)
                    try await writer.write(contentsOf: (first..<first + 20).map { Measurement(n: $0, value: "\($0)") })
                    written.withLock { $0 += 20 }
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
            do {
                for victims in [["a"], ["b"], ["a", "b"]] {
                    let before = writer.status.delivered
                    try await waitUntil("records arrive") {
                        writer.status.delivered >= before + 500
                    }
                    for victim in victims { try await lab.kill(victim) }
                    // The load goes on while they are away.
                    let meanwhile = written.withLock(\.self)
                    try await waitUntil("records were written meanwhile") {
                        written.withLock(\.self) >= meanwhile + 1_000
                    }
                    for victim in victims { try await lab.start(victim) }
                }
            } catch {
                load.cancel()
                for name in ["a", "b"] { try? await lab.start(name) }
                throw error
            }
            let before = writer.status.delivered
            try await waitUntil("records arrive again") { writer.status.delivered > before }
            load.cancel()
            try await load.value
            let report = await writer.close()
            #expect(report.remaining == 0, "\(report)")
            let count = written.withLock(\.self)
            #expect(report.delivered == count)
            #expect(writer.status.deadLetters == 0)
            let all = "\(count)\t\(count)\n"
            try await waitUntil("both replicas have every part") {
                let queues = try await lab.query(
                    "SELECT queue_size + (log_pointer <= log_max_index) + is_readonly FROM system.replicas"
                        + " WHERE table = '\(table)'"
                )
                return queues == ["0\n", "0\n"]
            }
            #expect(try await lab.query("SELECT count(), uniqExact(n) FROM \(table)") == [all, all])
        }
        _ = try await lab.query("DROP TABLE \(table)")
    }

    /// One replica has the rows, and cannot pass them on: their insert was not acknowledged (code 319).
    @Test func `rows count as stored when a quorum has them`() async throws {
        let lab = try #require(ReplicaLab.given)
        let table = "quorum_test_\(UInt32.random(in: 0 ... .max))"
        _ = try await lab.query(
            "CREATE TABLE \(table) (n UInt64) ENGINE = ReplicatedMergeTree('/clickhouse/tables/\(table)', '{replica}')"
                + " ORDER BY n"
        )
        let client = InsertClient(
            endpoints: try lab.replicas.map { try Endpoint.parse($0.url).endpoint },
            target: InsertTarget(database: "default", table: table),
            columns: ["n"],
            identity: IdentityColumns(id: "n", time: nil),
            credentials: nil,
            requestTimeout: .seconds(30),
            transport: ProfileTransport(
                network: AsyncHTTPTransport(),
                profile: ["insert_quorum": "2", "insert_quorum_timeout": "1000"]
            )
        )
        let keys: Set<RowKey> = [RowKey(id: Array("7".utf8), seconds: nil)]
        let all = Dictionary(uniqueKeysWithValues: keys.map { ($0, 1) })
        func count() async -> Result<[RowKey: Int], InsertFailure> {
            await client.countStored(keys, token: "T", doubtAge: nil)
        }
        _ = try await lab.replicas[1].query("SYSTEM STOP FETCHES \(table)")
        let outcome = await client.insert(Array("{\"n\":7}\n".utf8), token: "T")
        guard case .failed(let failure) = outcome else {
            Issue.record("a quorum that is not there acknowledged: \(outcome)")
            return
        }
        #expect(failure.code == 319 && failure.mayHaveBeenStored)
        #expect(try await lab.query("SELECT count() FROM \(table)") == ["1\n", "0\n"])
        guard case .failure(let question) = await count() else {
            Issue.record("found, and not acknowledged")
            return
        }
        // Whichever of the two is asked first.
        #expect(question.kind == .transient && question.concernsBatchAlone, "\(question)")
        _ = try await lab.replicas[1].query("SYSTEM START FETCHES \(table)")
        try await waitUntil("the quorum has the row") { await (try? count().get()) == all }
        await client.close()
        _ = try await lab.query("DROP TABLE \(table)")
    }

    @Test func `a profile that forbids a setting holds the delivery, and is named`() async throws {
        let lab = try #require(ReplicaLab.given)
        try await withTemporaryDirectory { directory in
            var configuration = BatchWriterConfiguration(
                spoolPath: directory + "/measurements.spool",
                urls: lab.replicas.map(\.url),
                table: "absent"
            )
            // The lab's user whose profile is read-only.
            configuration.user = "reader"
            configuration.password = "secret"
            configuration.shutdownTimeout = .milliseconds(100)
            let writer = try openWriter(configuration, of: Measurement.self)
            try await writer.write(Measurement(n: 1, value: "1"))
            try await waitUntil("the delivery is held") {
                if case .held(let reason) = writer.status.delivery {
                    reason.contains("in readonly mode")
                } else {
                    false
                }
            }
            #expect(await writer.close().remaining == 1)
        }
    }
}
