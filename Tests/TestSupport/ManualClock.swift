package import SQLiteSpool
internal import Synchronization

/// A clock that stands still until a test advances it.
package final class ManualClock: WallClock {
    private struct Sleeper {
        let id: Int
        let deadline: WallInstant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now: WallInstant
        var elapsed = Duration.zero
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var watchers: [(remaining: Duration?, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func takeReadyWatchers() -> [CheckedContinuation<Void, Never>] {
            let isReady = { [now, sleepers] (remaining: Duration?) in
                sleepers.contains { remaining == nil || now.duration(to: $0.deadline) == remaining }
            }
            let ready = watchers.filter { isReady($0.remaining) }
            watchers.removeAll { isReady($0.remaining) }
            return ready.map(\.continuation)
        }

        mutating func takeAllWatchers() -> [CheckedContinuation<Void, Never>] {
            defer { watchers = [] }
            return watchers.map(\.continuation)
        }
    }

    private let state: Mutex<State>

    package init(now: WallInstant = WallInstant(milliseconds: 1_795_000_000_000)) {
        state = Mutex(State(now: now))
    }

    package var now: WallInstant { state.withLock(\.now) }

    package var elapsed: Duration { state.withLock(\.elapsed) }

    package var minimumResolution: Duration { .milliseconds(1) }

    package func sleep(until deadline: WallInstant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Entry {
                    case sleeping([CheckedContinuation<Void, Never>])
                    case over
                    case cancelled
                }
                let entry = state.withLock { state -> Entry in
                    if state.cancelled.remove(id) != nil { return .cancelled }
                    if deadline <= state.now { return .over }
                    state.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                    return .sleeping(state.takeReadyWatchers())
                }
                switch entry {
                case .sleeping(let watchers): for watcher in watchers { watcher.resume() }
                case .over: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let sleeper = state.withLock { state -> Sleeper? in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Sets the clock, as NTP does. No time passes.
    package func set(to now: WallInstant) {
        state.withLock { $0.now = now }
    }

    /// Moves the time on and wakes whose deadline has come.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            state.elapsed += duration
            let due = state.sleepers.filter { $0.deadline <= state.now }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Returns as soon as a task sleeps: for so long, or, when `remaining` is nil, for any time. Also returns when the
    /// test's time is over.
    package func waitForSleeper(remaining: Duration? = nil) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    state.watchers.append((remaining, continuation))
                    return Task.isCancelled ? state.takeAllWatchers() : state.takeReadyWatchers()
                }
                for watcher in ready { watcher.resume() }
            }
        } onCancel: {
            for watcher in state.withLock({ $0.takeAllWatchers() }) { watcher.resume() }
        }
    }
}
