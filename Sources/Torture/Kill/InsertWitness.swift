internal import ClickHouseStandIn
internal import Glibc
internal import Synchronization

/// Sees every insert that reaches the stand-in: whether a token always stands for the same bytes, and the one at which a
/// child is to be killed.
final class InsertWitness: Sendable {
    /// Where a process is killed.
    struct Trap: Sendable {
        var process: pid_t
        var moment: InsertMoment
        /// At which insert, from 1.
        var occurrence: Int
        /// How long after it.
        var delay: Duration?
        /// What happens before.
        var prepare: @Sendable () -> Void = {}
    }

    private struct State {
        var bodies: [String: Int] = [:]
        var repeated = 0
        var altered = 0
        var trap: Trap?

        mutating func remember(_ insert: InsertJournal.Entry) {
            let body = insert.body.hashValue
            guard let known = bodies[insert.token] else { return bodies[insert.token] = body }
            repeated += 1
            if known != body { altered += 1 }
        }
    }

    private let state = Mutex(State())

    /// Inserts whose token had been seen before.
    var repeated: Int { state.withLock(\.repeated) }

    /// Of those, the ones with other bytes.
    var altered: Int { state.withLock(\.altered) }

    /// From now on the token stands for these bytes.
    func expect(token: String, body: String) {
        state.withLock { $0.bodies[token] = body.hashValue }
    }

    func set(_ trap: Trap) {
        state.withLock { $0.trap = trap }
    }

    /// Afterwards nobody is killed any more.
    ///
    /// - Returns: whether the trap had sprung.
    func removeTrap() -> Bool {
        state.withLock { $0.trap.take() }?.occurrence == 0
    }

    func see(_ moment: InsertMoment, _ insert: InsertJournal.Entry) {
        let late = state.withLock { state -> (process: pid_t, delay: Duration)? in
            if moment == .received { state.remember(insert) }
            guard let trap = state.trap, trap.moment == moment, trap.occurrence > 0 else { return nil }
            state.trap?.occurrence -= 1
            guard trap.occurrence == 1 else { return nil }
            trap.prepare()
            if let delay = trap.delay { return (trap.process, delay) }
            kill(trap.process, SIGKILL)
            return nil
        }
        guard let late else { return }
        Task {
            try await Task.sleep(for: late.delay)
            // Under the lock, and only while the trap is set: the process may be gone, and its number another's.
            state.withLock { if $0.trap?.process == late.process { kill(late.process, SIGKILL) } }
        }
    }
}
