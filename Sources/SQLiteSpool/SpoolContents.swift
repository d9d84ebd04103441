internal import Synchronization

/// The ledger as of the latest commit, for everybody but the commit thread.
final class SpoolContents: Sendable {
    private let ledger: Mutex<Ledger>

    init(_ ledger: Ledger) {
        self.ledger = Mutex(ledger)
    }

    var summary: SpoolSummary { ledger.withLock(\.summary) }

    var batches: [Batch] { ledger.withLock(\.batches) }

    /// - Returns: what the spool held before.
    func replace(with new: Ledger) -> SpoolSummary {
        ledger.withLock { ledger in
            defer { ledger = new }
            return ledger.summary
        }
    }
}
