internal import Synchronization

/// Something that happens once, and for which any number of tasks may wait.
final class OneShotEvent: Sendable {
    private struct State {
        var hasHappened = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func fire() {
        let waiting = state.withLock { state in
            state.hasHappened = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for task in waiting { task.resume() }
    }

    func wait() async {
        await withCheckedContinuation { task in
            let hasHappened = state.withLock { state in
                if !state.hasHappened { state.waiting.append(task) }
                return state.hasHappened
            }
            if hasHappened { task.resume() }
        }
    }
}
