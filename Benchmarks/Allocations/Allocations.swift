import BenchmarkSupport
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
        // Another thread may have needed one meanwhile.
        where !(count...count + count / 10).contains(Int(counted)) {
            throw Unmeasurable("\(count) allocations by \(who) were counted as \(Int(counted))")
        }
    }
}

/// Counts allocations from one record to another.
final class Meter: Sendable {
    static let records = 110_000

    private struct State {
        var records = 0
        var start: (records: Int, allocations: Allocations)?
        var perRecord: Allocations?
    }

    private let warmUp: Int
    private let state = Mutex(State())

    /// - Parameter warmUp: so many records are not counted: by then the tasks' memory and SQLite's page cache are there.
    init(warmUp: Int = 10_000) {
        self.warmUp = warmUp
    }

    /// Whether all of the records were seen.
    var isOver: Bool { state.withLock { $0.perRecord != nil } }

    /// So many more records were seen.
    func add(_ records: Int) {
        let now = Allocations.now
        state.withLock { state in
            state.records += records
            guard let start = state.start else {
                if state.records >= warmUp { state.start = (state.records, now) }
                return
            }
            guard state.perRecord == nil, state.records >= Self.records else { return }
            let measured = Double(state.records - start.records)
            state.perRecord = Allocations(
                calls: (now.calls - start.allocations.calls) / measured,
                bytes: (now.bytes - start.allocations.bytes) / measured
            )
        }
    }

    /// What each record took; more than any threshold while not all were seen.
    var perRecord: Allocations {
        state.withLock(\.perRecord) ?? Allocations(calls: .infinity, bytes: .infinity)
    }
}
