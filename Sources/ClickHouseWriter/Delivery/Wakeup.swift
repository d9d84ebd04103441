internal import SQLiteSpool
internal import Synchronization

/// Wakes one waiting task. A signal that comes while nobody waits is kept for the next wait; several count as one.
final class Wakeup: Sendable {
    private enum State {
        case idle
        case signalled
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)
    private let urgency = Atomic(false)

    /// The spool has no room for more, so what is pending leaves although it makes no whole batch and is not old: with
    /// little room it may never be either.
    var isUrgent: Bool {
        get { urgency.load(ordering: .sequentiallyConsistent) }
        set { urgency.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// Signals, and says that it is urgent; does nothing when that was said before.
    func signalUrgently() {
        if !urgency.exchange(true, ordering: .sequentiallyConsistent) { signal() }
    }

    func signal() {
        wake(keepsSignal: true)
    }

    /// - Parameter keepsSignal: whether the next wait ends at once where no task waits now.
    private func wake(keepsSignal: Bool) {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .waiting(let continuation) = state else {
                if keepsSignal { state = .signalled }
                return nil
            }
            state = .idle
            return continuation
        }
        waiting?.resume()
    }

    /// Returns at the next signal, at `deadline`, or when the task is cancelled, whichever is first.
    func wait(until deadline: WallInstant?, clock: any WallClock) async {
        guard let deadline else { return await wait() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait() }
            group.addTask { try? await clock.sleep(until: deadline, tolerance: nil) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if case .signalled = state {
                        state = .idle
                        return true
                    }
                    if Task.isCancelled { return true }
                    state = .waiting(continuation)
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            wake(keepsSignal: false)
        }
    }
}
