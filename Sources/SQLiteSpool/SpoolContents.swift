internal import Synchronization

/// The ledger as of the latest commit, for everybody but the commit thread.
final class SpoolContents: Sendable {
    private let state: Mutex<(ledger: Ledger, usage: SpoolUsage)>

    init(_ ledger: Ledger, _ usage: SpoolUsage) {
        state = Mutex((ledger, usage))
    }

    var summary: SpoolSummary { state.withLock(\.ledger.summary) }

    var usage: SpoolUsage { state.withLock(\.usage) }

    var batches: [Batch] { state.withLock(\.ledger.batches) }

    /// - Returns: what the spool held before.
    func replace(with ledger: Ledger, _ usage: SpoolUsage) -> SpoolSummary {
        state.withLock { state in
            defer { state = (ledger, usage) }
            return state.ledger.summary
        }
    }
}
