internal import Dispatch
internal import Logging
internal import Synchronization

/// Writes what is logged on a thread of its own: a reader of standard error that has stopped holds up nothing but the log.
final class LogQueue: Sendable {
    /// Lines that may wait. Those that find no room are counted, and the count is logged.
    private static let room = 1_000

    /// How long the end of the process waits for what is left.
    private static let patience = DispatchTimeInterval.seconds(1)

    private struct State {
        var waiting = 0
        var dropped = 0
    }

    private let queue = DispatchQueue(label: "llm-proxy.log")
    private let state = Mutex(State())

    func add(_ write: @escaping @Sendable () -> Void, sayDropped: @escaping @Sendable (Int) -> Void) {
        let hasRoom = state.withLock { state in
            guard state.waiting < Self.room, state.dropped == 0 else {
                state.dropped += 1
                return false
            }
            state.waiting += 1
            return true
        }
        if !hasRoom { return }
        queue.async {
            write()
            let dropped = self.state.withLock { state in
                defer { state.dropped = 0 }
                state.waiting -= 1
                return state.dropped
            }
            if dropped > 0 { sayDropped(dropped) }
        }
    }

    /// Waits until what was logged is written, for at most a second.
    func finish() {
        let group = DispatchGroup()
        queue.async(group: group) {}
        _ = group.wait(timeout: .now() + Self.patience)
    }
}
