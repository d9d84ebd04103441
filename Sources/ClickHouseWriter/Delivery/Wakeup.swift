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
    private let urgency = Mutex(false)

    /// The spool has no room for more, so what is pending leaves although it makes no whole batch and is not old: with
    /// little room it may never be either.
    var isUrgent: Bool {
        get { urgency.withLock { $0 } }
        set { urgency.withLock { $0 = newValue } }
    }

    /// Signals, and says that it is urgent; does nothing when that was said before.
    func signalUrgently() {
        let isNews = urgency.withLock { isUrgent in
            defer { isUrgent = true }
            return !isUrgent
        }
        if isNews { signal() }
    }

    func signal() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if case .waiting(let continuation) = state {
                state = .idle
                return continuation
            }
            state = .signalled
            return nil
        }
        waiting?.resume()
    }

    /// Why a wait ended.
    enum End {
        case signalOrCancellation
        case deadline
    }

    /// Returns at the next signal, at `deadline`, or when the task is cancelled, whichever is first.
    func wait(until deadline: WallInstant?, clock: any WallClock) async -> End {
        guard let deadline else {
            await wait()
            return .signalOrCancellation
        }
        return await withTaskGroup(of: End.self) { group in
            group.addTask {
                await self.wait()
                return .signalOrCancellation
            }
            group.addTask {
                try? await clock.sleep(until: deadline, tolerance: nil)
                return .deadline
            }
            defer { group.cancelAll() }
            return await group.next() ?? .deadline
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
            let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard case .waiting(let continuation) = state else { return nil }
                state = .idle
                return continuation
            }
            waiting?.resume()
        }
    }
}
