import CSQLite
import CountingMalloc
import Synchronization

/// Heap allocations, of the whole process or of one record.
struct Allocations {
    var calls: Double
    var bytes: Double

    static var now: Allocations {
        Allocations(calls: Double(counting_malloc_calls()), bytes: Double(counting_malloc_bytes()))
    }

    /// Shows that allocations are counted, Swift's and SQLite's: a gate that counts none would let all pass.
    static func prove() throws {
        final class Object {}
        let count = 1_000
        var objects: [Object] = []
        objects.reserveCapacity(count)
        // SQLite allocates things of its own the first time.
        sqlite3_initialize()
        let start = now.calls
        for _ in 0..<count { objects.append(Object()) }
        let afterSwift = now.calls
        for _ in 0..<count { sqlite3_free(sqlite3_malloc(64)) }
        let afterSQLite = now.calls
        withExtendedLifetime(objects) {}
        for (who, counted) in [("Swift", afterSwift - start), ("SQLite", afterSQLite - afterSwift)]
        where counted != Double(count) {
            throw Unmeasurable("\(count) allocations by \(who) were counted as \(Int(counted))")
        }
    }
}

/// Counts allocations from one record to another, those before for warming up: the tasks', SQLite's page cache.
final class Meter: Sendable {
    static let records = warmUp + measured
    private static let warmUp = 10_000
    private static let measured = 100_000

    private struct State {
        var records = 0
        var start: (records: Int, allocations: Allocations)?
        var perRecord: Allocations?
        var waiting: CheckedContinuation<Allocations, Never>?
    }

    private let state = Mutex(State())

    /// Whether all of the records were seen.
    var isOver: Bool { state.withLock { $0.perRecord != nil } }

    /// So many more records were seen.
    func add(_ records: Int) {
        let now = Allocations.now
        state.withLock { state in
            state.records += records
            guard let start = state.start else {
                if state.records >= Self.warmUp { state.start = (state.records, now) }
                return
            }
            guard state.perRecord == nil, state.records >= Self.records else { return }
            let measured = Double(state.records - start.records)
            let perRecord = Allocations(
                calls: (now.calls - start.allocations.calls) / measured,
                bytes: (now.bytes - start.allocations.bytes) / measured
            )
            state.perRecord = perRecord
            state.waiting?.resume(returning: perRecord)
        }
    }

    /// What each record took, once all were seen. Waited for by one task, without allocating meanwhile.
    func perRecord() async -> Allocations {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if let perRecord = state.perRecord {
                    continuation.resume(returning: perRecord)
                } else {
                    state.waiting = continuation
                }
            }
        }
    }
}

struct Unmeasurable: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
