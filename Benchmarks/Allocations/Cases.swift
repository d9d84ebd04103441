import BenchmarkSupport
import ClickHouseWriter
import Foundation
import LLMTraces
import Logging
import SQLiteSpool

/// One thing that is done with records.
struct Case: Sendable {
    let name: String
    /// The part by which a threshold is above what was measured.
    var margin = 0.02
    /// Does it with many, in a spool at the path, and returns what one has allocated.
    let measure: @Sendable (_ path: String) async throws -> Allocations

    static let all = [
        Case(name: "encode") { _ in try encode(TraceRecord.sample) },
        // Foundation's dictionaries are hashed differently in each process: from 20 to 21 allocations.
        Case(name: "encodable", margin: 0.1) { _ in try encode(Visit.sample) },
        Case(name: "write 1") { try await write(to: $0) { try await $0.write(.sample) } },
        Case(name: "write 64") { try await write(to: $0, tasks: 64) { try await $0.write(.sample) } },
        Case(name: "write contentsOf 100") { path in
            let records = Array(repeating: TraceRecord.sample, count: 100)
            return try await write(to: path) { try await $0.write(contentsOf: records) }
        },
        // A freeze and an acknowledgement share a commit on a busy machine: up to 7 % fewer for 100 records.
        Case(name: "drain 100", margin: 0.1) { try await drain($0, batchSize: 100) },
        Case(name: "drain 1000", margin: 0.05) { try await drain($0, batchSize: 1_000) },
        Case(name: "drain 10000", margin: 0.05) { try await drain($0, batchSize: 10_000) },
    ]

    private static func encode<Record: ClickHouseRecord>(_ record: Record) throws -> Allocations {
        let columns = ColumnNames(Record.columnNames)
        let meter = Meter()
        while !meter.isOver {
            meter.add(try record.row(columns).isEmpty ? 0 : 1)
        }
        return meter.perRecord
    }

    /// - Parameter tasks: each writes, waits for the commit, and writes again; when there are several, one half of them goes
    ///   into each commit, while the other half waits for the one before it.
    private static func write(
        to path: String,
        tasks: Int = 1,
        _ write: @escaping @Sendable (BatchWriter<TraceRecord>) async throws -> Void
    ) async throws -> Allocations {
        let meter = Meter()
        let executor = tasks > 1 ? SteppedExecutor() : nil
        let writer = try BatchWriter<TraceRecord>(path, InstantSink.down) { event in
            switch event {
            case .committed(let commit) where commit.records > 0:
                meter.add(commit.records)
                meter.isOver ? executor?.open() : executor?.step(tasks / 2)
            case .health(let health) where health.state != .sound:
                // Those who wait are to hear of it.
                executor?.open()
            default: break
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask(executorPreference: executor) {
                    while !meter.isOver { try await write(writer) }
                }
            }
            // The first commit, after which the first half goes on.
            try await writer.write(.sample)
            try await group.waitForAll()
        }
        await writer.close()
        return meter.perRecord
    }

    private static func drain(_ path: String, batchSize: Int) async throws -> Allocations {
        let filler = try BatchWriter<TraceRecord>(path, InstantSink.down)
        let records = Array(repeating: TraceRecord.sample, count: 10_000)
        for _ in 0..<Meter.records / records.count { try await filler.write(contentsOf: records) }
        await filler.close()

        let meter = Meter(warmUp: 0)
        let writer = try BatchWriter<TraceRecord>(
            path,
            InstantSink {
                // Begins with the first batch. To count batch by batch would end between sending one and letting it go.
                meter.add(0)
            },
            batchSize: batchSize
        )
        try await writer.flush()
        meter.add(Meter.records)
        await writer.close()
        return meter.perRecord
    }
}

extension BatchWriter {
    /// - Parameter batchSize: of all batches, the first included.
    fileprivate convenience init(
        _ path: String,
        _ sink: InstantSink,
        batchSize: Int = 100,
        onSpoolEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in }
    ) throws {
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://127.0.0.1:1"], table: "t")
        // Without a sync for each commit, so that it is fast.
        configuration.durability = .processCrash
        configuration.catchUpBatchSize = batchSize
        configuration.isCatchingUp = true
        // A sink that is down is asked once.
        configuration.minRetryDelay = .seconds(3_600)
        configuration.maxRetryDelay = .seconds(3_600)
        configuration.shutdownTimeout = .zero
        try self.init(
            configuration: configuration,
            logger: .silent,
            sink: sink,
            jitter: { 1 },
            onSpoolEvent: onSpoolEvent
        )
    }
}

/// A record that leaves its encoding to `Encodable`.
private struct Visit: ClickHouseRecord, Encodable {
    var id: UUID
    var url: String
    var status: UInt16
    var seconds: Double
    var referrer: String?
    var at: Date

    static let columns: [ColumnName] = ["id", "url", "status", "seconds", "referrer", "at"]

    static let sample = Visit(
        id: UUID(),
        url: "https://example.com/path/to/a/page?query=1",
        status: 200,
        seconds: 0.125,
        referrer: "https://example.com/",
        at: Date()
    )
}
