internal import Dispatch
internal import Glibc
internal import Synchronization

/// What waits for the next commit. Many tasks put work in, the commit thread takes it out in groups.
final class CommitQueue: Sendable {
    enum Next {
        case commit(CommitGroup)
        /// Nothing came for as long as was asked.
        case quiet
        /// The queue is closed and empty.
        case closed
    }

    /// Records from which a transaction is closed to more, so that those in it do not wait long.
    static let recordsPerGroup = 2_000

    private struct State {
        var waiting = CommitGroup()
        var isClosed = false
        var threadSleeps = false
    }

    /// How long the commit thread looks for work that is on its way before it sleeps: being woken takes about as long, and
    /// costs whoever wakes it 10 µs.
    private static let spinning = Duration.microseconds(100)

    private let state = Mutex(State())

    /// How many tasks wait, to be looked at without the lock.
    private let arrived = Atomic(0)
    private let wakeUp = DispatchSemaphore(value: 0)
    private let generation = ForkGuard.generation

    var work: Int { arrived.load(ordering: .relaxed) }

    /// Whether the commit thread sleeps until somebody wakes it.
    var threadSleeps: Bool { state.withLock(\.threadSleeps) }

    func append(_ records: NewRecords) async throws(SpoolError) {
        try await submit { $0.appends.append(CommitGroup.Waiting(work: records, completion: $1)) }
    }

    func change(_ operation: SpoolOperation) async throws(SpoolError) {
        try await submit { $0.changes.append(CommitGroup.Waiting(work: operation, completion: $1)) }
    }

    /// Returns when all that are to know of the damage do.
    ///
    /// - Parameter openings: how often the file had been opened anew when it was read.
    func report(damage: SpoolError, openings: Int) async throws(SpoolError) {
        try await submit {
            $0.findings.append(CommitGroup.Waiting(work: (damage: damage, openings: openings), completion: $1))
        }
    }

    /// Refuses new work. What waits is still committed.
    func close() {
        let mustWake = state.withLock { state in
            state.isClosed = true
            return Self.wakes(&state)
        }
        if mustWake { wakeUp.signal() }
    }

    /// Waits for work. Called by the commit thread only.
    ///
    /// - Parameters:
    ///   - gathering: how long work is waited for that is on its way; nil: none is.
    ///   - quietPeriod: how long to wait at most, in milliseconds; nil waits until there is work.
    func next(gathering: Duration?, quietPeriod: Int?) -> Next {
        if let gathering { wait(until: .now + gathering) }
        while true {
            let next = withState { state -> Next? in
                state.threadSleeps = false
                if !state.waiting.isEmpty { return .commit(Self.takeGroup(from: &state.waiting)) }
                if state.isClosed { return .closed }
                state.threadSleeps = true
                return nil
            }
            if let next { return next }
            let end: DispatchTime = quietPeriod.map { .now() + .milliseconds($0) } ?? .distantFuture
            // A signal that comes too late only makes the next wait return early.
            if wakeUp.wait(timeout: end) == .timedOut { return .quiet }
        }
    }

    /// Takes more records for a transaction that is open. Called by the commit thread only.
    ///
    /// - Parameters:
    ///   - maxRecords: none are taken from so many on; an append that begins below is taken whole.
    ///   - maxBytes: the most that they may take in the file.
    func takeMore(maxRecords: Int, maxBytes: Int) -> [CommitGroup.Waiting<NewRecords>] {
        withState { Self.takeAppends(from: &$0.waiting, maxRecords: maxRecords, maxBytes: maxBytes) }
    }

    /// Waits for work that is on its way. Called by the commit thread only.
    ///
    /// - Parameter deadline: until when it waits at most.
    func wait(until deadline: ContinuousClock.Instant) {
        let spinningEnd = min(deadline, .now + Self.spinning)
        repeat {
            if work > 0 { return }
            // Whoever else could run on this processor does.
            sched_yield()
        } while .now < spinningEnd
        let mustWait = state.withLock { state in
            state.threadSleeps = !state.isClosed && state.waiting.isEmpty
            return state.threadSleeps
        }
        guard mustWait else { return }
        let limit = ContinuousClock.now.duration(to: deadline)
        // A signal that comes too late only makes the next wait return early.
        _ = wakeUp.wait(timeout: .now() + .nanoseconds(max(0, Int(limit / .nanoseconds(1)))))
        state.withLock { $0.threadSleeps = false }
    }

    /// Set in a process that was forked from the owner: nothing takes work out of the queue there.
    var refusalAfterFork: SpoolError? {
        if generation == ForkGuard.generation { return nil }
        return SpoolError(.refused, "the spool was opened before a fork; a forked process opens one of its own")
    }

    private func submit(_ add: (inout CommitGroup, Completion) -> Void) async throws(SpoolError) {
        if let refusalAfterFork { throw refusalAfterFork }
        try await Completion.wait { completion in
            let (isRefused, mustWake) = withState { state in
                guard !state.isClosed else { return (true, false) }
                add(&state.waiting, completion)
                return (false, Self.wakes(&state))
            }
            if isRefused { completion.resume(with: .failure(SpoolError(.closed, "the spool is closed"))) }
            if mustWake { wakeUp.signal() }
        }
    }

    private func withState<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLock { state in
            defer { arrived.store(state.waiting.work, ordering: .relaxed) }
            return body(&state)
        }
    }

    /// Only the first to find the thread asleep wakes it.
    private static func wakes(_ state: inout State) -> Bool {
        defer { state.threadSleeps = false }
        return state.threadSleeps
    }

    private static func takeGroup(from waiting: inout CommitGroup) -> CommitGroup {
        defer { (waiting.changes, waiting.findings) = ([], []) }
        return CommitGroup(
            appends: takeAppends(from: &waiting, maxRecords: recordsPerGroup, maxBytes: .max),
            changes: waiting.changes,
            findings: waiting.findings
        )
    }

    private static func takeAppends(
        from waiting: inout CommitGroup,
        maxRecords: Int,
        maxBytes: Int
    ) -> [CommitGroup.Waiting<NewRecords>] {
        var records = 0
        var bytes = 0
        let end = waiting.appends.firstIndex { append in
            if records >= maxRecords { return true }
            records += append.work.count
            bytes += append.work.bytesToStore
            return bytes > maxBytes
        }
        guard let end else {
            defer { waiting.appends = [] }
            return waiting.appends
        }
        defer { waiting.appends.removeSubrange(..<end) }
        return Array(waiting.appends[..<end])
    }
}
