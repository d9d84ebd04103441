// What a Swift user would write first: GRDB, and a transaction for each record.
//
//   writer-grdb DIRECTORY FULL|NORMAL PRODUCERS SECONDS
//
// Each producer is a task that awaits `pool.write` for its row before it has the next.
// Prints rows/s, the latencies of a producer (p50, p99, p99.9, in µs) and the processor time of a row (in ns).
import Foundation
import GRDB

/// What `PRAGMA synchronous` answers.
let levels = ["NORMAL": 1, "FULL": 2]

struct Unmeasurable: Error {
    var reason: String
}

/// 575 bytes of JSON.
let payload: String = {
    let start = #"{"model":"gpt-4o-mini","status":200,"prompt_tokens":118,"completion_tokens":64,"response":""#
    let end = #""}"#
    return start + String(repeating: "x", count: 575 - start.utf8.count - end.utf8.count) + end
}()

func open(_ path: String, synchronous: Int) throws -> DatabasePool {
    let pool = try DatabasePool(path: path)
    // Not in `prepareDatabase`: GRDB sets NORMAL after that. Not in a transaction: SQLite refuses there.
    try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = \(synchronous)") }
    try pool.write { database in
        try database.execute(
            sql: """
                CREATE TABLE records (
                    id INTEGER PRIMARY KEY, enqueued_at INTEGER NOT NULL, payload TEXT NOT NULL
                ) STRICT
                """
        )
    }
    return pool
}

/// Asked in a write, so of the connection that the rows go through.
func check(_ pool: DatabasePool, synchronous: Int, rows: Int) async throws {
    let (level, stored) = try await pool.write { database in
        (
            try Int.fetchOne(database, sql: "PRAGMA synchronous"),
            try Int.fetchOne(database, sql: "SELECT count(*) FROM records")
        )
    }
    guard level == synchronous else {
        throw Unmeasurable(reason: "PRAGMA synchronous is \(level ?? -1), and \(synchronous) was asked for")
    }
    guard stored == rows else { throw Unmeasurable(reason: "\(stored ?? 0) rows are stored, not \(rows)") }
}

/// - Returns: the latency of each row.
func write(to pool: DatabasePool, producers: Int, until end: ContinuousClock.Instant) async throws -> [Duration] {
    try await withThrowingTaskGroup(of: [Duration].self) { group in
        for _ in 0..<producers {
            group.addTask {
                var latencies: [Duration] = []
                var before = ContinuousClock.now
                while before < end {
                    try await pool.write { database in
                        try database.execute(
                            sql: "INSERT INTO records (enqueued_at, payload) VALUES (?, ?)",
                            arguments: [1_764_000_000_000, payload]
                        )
                    }
                    let after = ContinuousClock.now
                    latencies.append(before.duration(to: after))
                    before = after
                }
                return latencies
            }
        }
        return try await group.reduce(into: []) { $0 += $1 }
    }
}

func processorTime() -> Duration {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(.zero) {
        $0 + .seconds($1.tv_sec) + .microseconds(Int64($1.tv_usec))
    }
}

func report(_ latencies: [Duration], in duration: Duration, processorTime: Duration) {
    let sorted = latencies.sorted()
    func microseconds(_ quantile: Double) -> Double {
        sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))] / .microseconds(1)
    }
    let rows = Double(sorted.count)
    print(
        String(
            format: "%.0f %.1f %.1f %.1f %.0f",
            rows / (duration / .seconds(1)),
            microseconds(0.5),
            microseconds(0.99),
            microseconds(0.999),
            processorTime / .nanoseconds(1) / rows
        )
    )
}

func run(_ arguments: [String]) async throws {
    guard
        arguments.count == 4,
        let synchronous = levels[arguments[1]],
        let producers = Int(arguments[2]), producers > 0,
        let seconds = Double(arguments[3]), seconds > 0
    else { throw Unmeasurable(reason: "usage: writer-grdb DIRECTORY FULL|NORMAL PRODUCERS SECONDS") }

    let path = "\(arguments[0])/grdb-\(ProcessInfo.processInfo.processIdentifier).sqlite"
    defer {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
    let pool = try open(path, synchronous: synchronous)
    try await check(pool, synchronous: synchronous, rows: 0)
    let processorBefore = processorTime()
    let start = ContinuousClock.now
    let latencies = try await write(to: pool, producers: producers, until: start.advanced(by: .seconds(seconds)))
    let duration = start.duration(to: .now)
    let used = processorTime() - processorBefore
    try await check(pool, synchronous: synchronous, rows: latencies.count)
    try pool.close()
    report(latencies, in: duration, processorTime: used)
}

do {
    try await run(Array(CommandLine.arguments.dropFirst()))
} catch {
    let reason = (error as? Unmeasurable)?.reason ?? "\(error)"
    FileHandle.standardError.write(Data("writer-grdb: \(reason)\n".utf8))
    exit(1)
}
