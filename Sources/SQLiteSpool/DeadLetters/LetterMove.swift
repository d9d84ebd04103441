internal import Synchronization

/// Dead letters that are to leave, all in one transaction.
final class LetterMove: Sendable {
    let ids: [Int64]

    /// What they take in the file, at most.
    let bytes: Int

    private let found = Atomic<Int>(0)

    init(_ letters: [StoredLetter]) {
        ids = letters.map(\.id)
        bytes = letters.reduce(0) { $0 + SpoolUsage.bytes(ofPayload: $1.payload.count) }
    }

    /// How many of them were still there: two tasks may move the same ones. Set by the commit thread, before it resumes the
    /// task that waits for it.
    var count: Int {
        get { found.load(ordering: .acquiring) }
        set { found.store(newValue, ordering: .releasing) }
    }
}
