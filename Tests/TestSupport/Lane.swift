internal import Foundation
internal import Synchronization

/// Lets a number of tests in at a time, in the order in which they came.
final class Lane: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// Twice as many as there are processors: some wait for a disk or a peer meanwhile.
    static let all = Lane(width: 2 * processors)
    static let processes = Lane(width: processors)

    private static let processors = ProcessInfo.processInfo.activeProcessorCount

    private let state: Mutex<State>

    init(width: Int) {
        state = Mutex(State(free: width))
    }

    func enter() async {
        await withCheckedContinuation { continuation in
            let isIn = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isIn { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
