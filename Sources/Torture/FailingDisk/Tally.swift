internal import SQLiteSpool
internal import Synchronization

/// What a spool told of itself, counted.
final class Tally: Sendable {
    private let counts = Mutex((checkpoints: 0, slices: 0))

    var checkpoints: Int { counts.withLock(\.checkpoints) }

    /// Checkpoints that left a part of the WAL to later ones.
    var slices: Int { counts.withLock(\.slices) }

    func add(_ event: SpoolEvent) {
        switch event {
        case .checkpointing: counts.withLock { $0.checkpoints += 1 }
        case .checkpointed(let usage) where usage.walPages > 0: counts.withLock { $0.slices += 1 }
        default: break
        }
    }
}
