internal import Synchronization

/// The ledger as of the latest commit, and the spool's health, for everybody but the commit thread.
final class PublishedLedger: Sendable {
    private let state: Mutex<(ledger: Ledger, usage: SpoolUsage, health: SpoolHealth)>

    /// Since when the commit thread is at what it does, in milliseconds; `idle` while it waits for work.
    private let busySince = Atomic(PublishedLedger.idle)
    private static let idle = Int64.max

    private let currentReader: Mutex<DatabaseQueue>
    private let opened = Atomic(0)

    /// How often the file was opened as a new owner would, because it was damaged.
    var openings: Int { opened.load(ordering: .acquiring) }

    func countOpening() { opened.add(1, ordering: .releasing) }

    init(_ ledger: Ledger, _ usage: SpoolUsage, reader: DatabaseQueue) {
        currentReader = Mutex(reader)
        state = Mutex((ledger, usage, SpoolHealth()))
    }

    /// A connection of its own, so that reading never waits for a commit nor a commit for reading.
    var reader: DatabaseQueue { currentReader.withLock { $0 } }

    /// Closes the reader and has later calls read from another one.
    func replaceReader(with new: DatabaseQueue) {
        let old = currentReader.withLock { current in
            defer { current = new }
            return current
        }
        old.closeNow()
    }

    var health: SpoolHealth {
        get { state.withLock(\.health) }
        set { state.withLock { $0.health = newValue } }
    }

    /// Called by the commit thread.
    ///
    /// - Parameter start: nil when it is done.
    func noteWork(since start: Duration?) {
        busySince.store(start?.wholeMilliseconds ?? Self.idle, ordering: .relaxed)
    }

    /// For how long the commit thread has been at what it does; nil while it waits for work. Waits for nothing.
    func busyTime(_ elapsed: Duration) -> Duration? {
        let since = busySince.load(ordering: .relaxed)
        return since == Self.idle ? nil : elapsed - .milliseconds(since)
    }

    var summary: SpoolSummary { state.withLock(\.ledger.summary) }

    var usage: SpoolUsage { state.withLock(\.usage) }

    var batches: [Batch] { state.withLock(\.ledger.batches) }

    /// The batch as it is now; nil when it is not in flight any more.
    func current(_ batch: Batch) -> Batch? { batches.first { $0.token == batch.token } }

    /// - Returns: what the spool held before.
    func replace(with ledger: Ledger, _ usage: SpoolUsage) -> SpoolSummary {
        state.withLock { state in
            defer { (state.ledger, state.usage) = (ledger, usage) }
            return state.ledger.summary
        }
    }
}
