internal import SQLiteSpool
internal import Synchronization

/// What a spool told of itself, counted.
final class Tally: Sendable {
    private let count = Mutex(0)

    var checkpoints: Int { count.withLock(\.self) }

    func add(_ event: SpoolEvent) {
        if case .checkpointing = event { count.withLock { $0 += 1 } }
    }
}
