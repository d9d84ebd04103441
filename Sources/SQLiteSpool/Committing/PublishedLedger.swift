internal import Synchronization

/// The ledger as of the latest commit, and the spool's health, for everybody but the commit thread.
final class PublishedLedger: Sendable {
    private let state: Mutex<(ledger: Ledger, usage: SpoolUsage, health: SpoolHealth)>

    init(_ ledger: Ledger, _ usage: SpoolUsage) {
        state = Mutex((ledger, usage, SpoolHealth()))
    }

    var health: SpoolHealth {
        get { state.withLock(\.health) }
        set { state.withLock { $0.health = newValue } }
    }

    var summary: SpoolSummary { state.withLock(\.ledger.summary) }

    var usage: SpoolUsage { state.withLock(\.usage) }

    var batches: [Batch] { state.withLock(\.ledger.batches) }

    /// - Returns: what the spool held before.
    func replace(with ledger: Ledger, _ usage: SpoolUsage) -> SpoolSummary {
        state.withLock { state in
            defer { (state.ledger, state.usage) = (ledger, usage) }
            return state.ledger.summary
        }
    }
}
