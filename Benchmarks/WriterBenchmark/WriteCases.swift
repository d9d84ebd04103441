import ArgumentParser
import ClickHouseWriter
import Foundation
import LLMTraces
import SQLiteSpool

struct WriteCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: "How fast `write` is while ClickHouse is away, at several numbers of concurrent tasks."
    )

    @Option(help: "How long each case runs.")
    var seconds = 5

    @Option(help: "Where the files are made.")
    var directory = "."

    @Option(help: "Numbers of concurrent tasks, one case each.")
    var tasks = [1, 16, 64, 256, 1_024]

    func run() async throws {
        try print("encoding one TraceRecord: \(measureEncoding()) ns")
        print("case                           rows/s      p50 µs      p99 µs    p99.9 µs")
        try report("fdatasync, 4 KiB append", measureDiskSync())
        for durability in BatchWriterConfiguration.Durability.allCases {
            try report("bare SQLite, 1 row, \(durability.short)", measureTransactions(durability))
            for tasks in tasks {
                try await report("write, \(tasks) tasks, \(durability.short)", measureWrites(durability, tasks: tasks))
            }
        }
    }

    private func report(_ name: String, _ result: Measurement) {
        let figures = [result.rowsPerSecond] + [0.5, 0.99, 0.999].map { result.microseconds(at: $0) }
        let columns = figures.map { String(format: "%11.0f", $0) }.joined(separator: " ")
        print(name.padding(toLength: 29, withPad: " ", startingAt: 0) + columns)
    }

    /// - Returns: nanoseconds, the mean of many.
    private func measureEncoding() throws -> Int {
        let columns = ColumnNames(TraceRecord.columnNames)
        let rounds = 200_000
        var bytes = 0
        let start = ContinuousClock.now
        for _ in 0..<rounds {
            var row = RowEncoder(columns: columns)
            TraceRecord.sample.encode(to: &row)
            bytes += try row.finish().count
        }
        let duration = start.duration(to: .now)
        precondition(bytes > rounds)
        return Int(duration / .nanoseconds(rounds))
    }

    /// `write` through the public interface, ClickHouse refusing connections.
    private func measureWrites(
        _ durability: BatchWriterConfiguration.Durability,
        tasks: Int
    ) async throws -> Measurement {
        let path = temporaryPath()
        defer { removeSpool(path) }
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://127.0.0.1:1"], table: "t")
        configuration.durability = durability
        configuration.shutdownTimeout = .zero
        let writer = try BatchWriter<TraceRecord>(
            configuration: configuration,
            logger: .silent
        )
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        let latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var latencies: [Duration] = []
                    var before = ContinuousClock.now
                    while before < end {
                        try await writer.write(.sample)
                        let after = ContinuousClock.now
                        latencies.append(before.duration(to: after))
                        before = after
                    }
                    return latencies
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let duration = start.duration(to: .now)
        await writer.close()
        return Measurement(latencies: latencies, duration: duration)
    }

    /// One row a transaction on a bare table: what the disk and SQLite allow a single writer.
    private func measureTransactions(_ durability: BatchWriterConfiguration.Durability) throws -> Measurement {
        let path = temporaryPath()
        defer { removeSpool(path) }
        let database = try Database(path: absolutePath(ofFile: path), access: .create)
        try database.execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = \(durability == .powerLoss ? "FULL" : "NORMAL");
            CREATE TABLE records (id INTEGER PRIMARY KEY, enqueued_at INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
            """
        )
        let insert = try database.prepare("INSERT INTO records VALUES (?1, ?2, ?4)")
        let payload = [UInt8](repeating: UInt8(ascii: "x"), count: 550)
        var id: Int64 = 0
        var pagesBefore = 0
        return try measure {
            id += 1
            try insert.run((id, 0, 0), text: payload)
            // Checkpoints as SQLite itself would, which our connections do not.
            if database.walPages >= 1_000, database.walPages != pagesBefore { _ = try database.checkpoint() }
            pagesBefore = database.walPages
        }
    }

    private func measureDiskSync() throws -> Measurement {
        let path = temporaryPath()
        try Data().write(to: URL(filePath: path))
        defer { removeSpool(path) }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        let page = Data(repeating: 1, count: 4_096)
        return try measure {
            try file.write(contentsOf: page)
            fdatasync(file.fileDescriptor)
        }
    }

    private func measure(_ body: () throws -> Void) rethrows -> Measurement {
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        var latencies: [Duration] = []
        var before = start
        while before < end {
            try body()
            let after = ContinuousClock.now
            latencies.append(before.duration(to: after))
            before = after
        }
        return Measurement(latencies: latencies, duration: start.duration(to: .now))
    }

    private func temporaryPath() -> String { temporarySpool(in: directory) }
}

struct Measurement {
    private let sorted: [Duration]
    private let duration: Duration

    init(latencies: [Duration], duration: Duration) {
        sorted = latencies.sorted()
        self.duration = duration
    }

    var rowsPerSecond: Double { Double(sorted.count) / (duration / .seconds(1)) }

    func microseconds(at quantile: Double) -> Double {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))] / .microseconds(1)
    }
}

extension BatchWriterConfiguration.Durability {
    fileprivate var short: String { self == .powerLoss ? "FULL" : "NORMAL" }
}
