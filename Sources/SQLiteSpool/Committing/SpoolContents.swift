internal import Synchronization

/// The ledger as of the latest commit, for everybody but the commit thread.
final class SpoolContents: Sendable {
    private let state: Mutex<(ledger: Ledger, usage: SpoolUsage, failure: SpoolError?)>

    init(_ ledger: Ledger, _ usage: SpoolUsage) {
        state = Mutex((ledger, usage, nil))
    }

    /// Why nobody knows what is in the file: a commit that failed may be in it all the same. nil while all is well.
    var failure: SpoolError? {
        get { state.withLock(\.failure) }
        set { state.withLock { $0.failure = newValue } }
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
