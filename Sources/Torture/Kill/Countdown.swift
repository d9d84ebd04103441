internal import Synchronization

/// Counts down, from any number of threads.
final class Countdown: Sendable {
    private let left: Atomic<Int>

    init(from count: Int) {
        left = Atomic(count)
    }

    /// - Returns: what is left then: 0 exactly once, less afterwards.
    func next() -> Int {
        left.subtract(1, ordering: .relaxed).newValue
    }
}
