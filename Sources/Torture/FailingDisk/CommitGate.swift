internal import Dispatch
internal import Synchronization

/// Holds the commit thread after a commit, so that what comes meanwhile goes into one transaction.
final class CommitGate: Sendable {
    private struct State {
        var isClosed = false
        var isThreadWaiting = false
    }

    private let state = Mutex(State())
    private let reopened = DispatchSemaphore(value: 0)

    var isThreadWaiting: Bool { state.withLock(\.isThreadWaiting) }

    /// The next commit is held.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    func open() {
        let mustSignal = state.withLock { state in
            defer { state = State() }
            return state.isThreadWaiting
        }
        if mustSignal { reopened.signal() }
    }

    /// Called on the commit thread.
    func pass() {
        let mustWait = state.withLock { state in
            state.isThreadWaiting = state.isClosed
            return state.isClosed
        }
        if mustWait { reopened.wait() }
    }
}
