internal import Synchronization

/// How much of a hurry the process is in once it is asked to end.
final class Shutdown: Sendable {
    private struct State {
        var isHurried = false
        var cutsResponses = false
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Whether open responses are being ended before they are over.
    var cutsResponses: Bool { state.withLock(\.cutsResponses) }

    func cutResponses() {
        state.withLock { $0.cutsResponses = true }
    }

    /// Lets nothing wait any longer.
    func hurry() {
        let waiting = state.withLock { state in
            state.isHurried = true
            return state.waiting
        }
        for waiter in waiting { waiter.finish() }
    }

    /// Returns once there is a hurry, or the task is cancelled.
    func waitForHurry() async {
        let (ending, continuation) = AsyncStream<Never>.makeStream()
        let isHurried = state.withLock { state in
            state.waiting.append(continuation)
            return state.isHurried
        }
        if isHurried { return }
        for await _ in ending {}
    }
}
