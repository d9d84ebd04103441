internal import Dispatch
internal import Synchronization

/// Does what takes its time on a thread of its own, in order. A reader of standard error that has stopped holds up the log, and nothing
/// else.
package final class LogQueue: Sendable {
    /// Lines that may wait.
    static let room = 1_000

    /// How long the end of the process waits for what is left.
    private static let patience = DispatchTimeInterval.seconds(1)

    private struct State {
        var waiting = 0
        var dropped = 0
    }

    private let queue = DispatchQueue(label: "clickhouse-writer.log")
    private let state = Mutex(State())

    package init() {}

    /// - Parameters:
    ///   - write: dropped where no line can wait any more.
    ///   - sayDropped: says after the next line that is written how many were dropped before it.
    func add(_ write: @escaping @Sendable () -> Void, sayDropped: @escaping @Sendable (Int) -> Void) {
        let hasRoom = state.withLock { state in
            let hasRoom = state.waiting < Self.room
            hasRoom ? (state.waiting += 1) : (state.dropped += 1)
            return hasRoom
        }
        if !hasRoom { return }
        queue.async { [self] in
            write()
            let dropped = state.withLock { state in
                defer { state.dropped = 0 }
                state.waiting -= 1
                return state.dropped
            }
            if dropped > 0 { sayDropped(dropped) }
        }
    }

    /// Waits until what was logged is written, for at most a second.
    ///
    /// - Returns: whether it is.
    package func finish() -> Bool {
        let group = DispatchGroup()
        queue.async(group: group) {}
        return group.wait(timeout: .now() + Self.patience) == .success
    }
}
