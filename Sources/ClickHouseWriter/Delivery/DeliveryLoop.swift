internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization
internal import Tracing

/// Takes batches from the spool to ClickHouse until its task is cancelled, as ``DeliveryPlan`` says.
///
/// Invariants:
/// - What is sent was frozen and committed before; what leaves the spool was provably accepted, found in the table, or
///   is a dead letter.
/// - The same token stands for the same bytes. A batch that is cut has smaller ones with tokens of their own in its
///   place, committed before they are sent.
final class DeliveryLoop: Sendable {
    struct State {
        var plan: DeliveryPlan
        var flushes = FlushWaiters()
        /// Nothing new is begun any more; what is being sent goes on.
        var isFinishing = false
        /// Set when the loop ends. Nothing is delivered any more, so nobody may wait.
        var hasEnded = false
        var delivered = 0
        var deliveredAt: WallInstant?
        /// What the record after `id`, the oldest pending one, waits; a clock that is set back does not prolong it.
        var freshPause: (id: Int64, pause: Pause)?
        var learned: DestinationProfile?
        /// Whether the oldest record is close to what the table's TTL deletes.
        var isLate = false
        /// How often the spool had been opened anew when its batches were planned.
        var openings = 0
        /// What was read ahead, by its token.
        var prepared: (token: String, body: [UInt8])?
        /// What the spool says of the delivery.
        var published: DeliveryReport
    }

    let spool: Spool
    let sink: any BatchSink
    let columns: [ColumnName]
    /// The columns to ask for; nil when nothing may be asked.
    let identity: RecordIdentity?
    let target: SpoolDestination
    let configuration: BatchWriterConfiguration
    private let flushPolicy: FlushPolicy
    let clock: any WallClock
    let wakeup: Wakeup
    let log: DeliveryLog
    let metrics: WriterMetrics
    let pulse: Pulse
    let state: Mutex<State>

    /// - Parameter jitter: draws the part of each wait that is waited, from 0 up to 1.
    init(
        spool: Spool,
        sink: any BatchSink,
        columns: [ColumnName],
        identity: RecordIdentity?,
        configuration: BatchWriterConfiguration,
        clock: any WallClock,
        jitter: @escaping @Sendable () -> Double,
        wakeup: Wakeup,
        log: DeliveryLog,
        metrics: WriterMetrics,
        pulse: Pulse
    ) {
        self.spool = spool
        self.sink = sink
        self.columns = columns
        self.identity = configuration.reconciles ? identity : nil
        target = SpoolDestination(
            database: configuration.database,
            table: configuration.table,
            idColumn: identity?.id,
            timeColumn: identity?.time
        )
        self.configuration = configuration
        flushPolicy = FlushPolicy(configuration)
        self.clock = clock
        self.wakeup = wakeup
        self.log = log
        self.metrics = metrics
        self.pulse = pulse
        state = Mutex(
            State(
                plan: DeliveryPlan(
                    configuration: configuration,
                    hasIdentity: configuration.reconciles && identity != nil,
                    recovered: spool.batches,
                    recoveredThrough: spool.recovered.lastID,
                    copiedThrough: spool.copiedThrough,
                    jitter: jitter,
                    now: clock.now
                ),
                published: DeliveryReport(state: .fine, destination: spool.recoveredDestination)
            )
        )
    }

    /// Records that ClickHouse accepted, or was found to have, since the writer was made.
    var delivered: Int { state.withLock(\.delivered) }

    /// Since ClickHouse last took something from this writer; nil when it has not yet.
    var sinceDelivery: Duration? {
        state.withLock(\.deliveredAt).map { max(.zero, $0.duration(to: clock.now)) }
    }

    /// Why the delivery is not fine, without what ClickHouse may have quoted from a record; nil when it is.
    var publicReason: String? { state.withLock { $0.plan.trouble?.failure.withoutQuotes } }

    func run() async {
        await pulse.lookForOldest()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled, !isFinished {
                do throws(SpoolError) {
                    try await takeStep(&group)
                } catch {
                    await handle(error)
                    // Not longer than until somebody flushes: the spool may work again long before.
                    await wakeup.wait(until: clock.now.advanced(by: configuration.maxRetryDelay), clock: clock)
                }
            }
            group.cancelAll()
        }
        await publish()
        let waiting = state.withLock { state in
            state.hasEnded = true
            return state.flushes.takeAll()
        }
        for flush in waiting { flush.resume(returning: .failure(.closed)) }
    }

    /// Sends at once what the spool holds now, and returns when it is delivered or given up.
    ///
    /// - Parameter hurries: whether what waits after a failure is tried at once, too.
    func flush(hurries: Bool = true) async -> Result<Void, DeliveryFailure> {
        let summary = spool.summary
        // What is deleted is counted as delivered a moment later: who is told must find it so.
        let isOver = state.withLock { $0.hasEnded || !$0.plan.isSending }
        if summary.undelivered == 0, isOver { return .success(()) }
        return await withCheckedContinuation { completion in
            let isAdded = state.withLock { state in
                if state.hasEnded { return false }
                state.flushes.add(through: summary.lastID, completion)
                if hurries { state.plan.handle(.hurried, now: clock.now) }
                return true
            }
            isAdded ? wakeup.signal() : completion.resume(returning: .failure(.closed))
        }
    }

    /// Ends ``run()`` as soon as nothing is being sent. Nothing new is begun.
    func finish() {
        state.withLock { $0.isFinishing = true }
        wakeup.signal()
    }

    private var isFinished: Bool { state.withLock { $0.isFinishing && !$0.plan.isSending } }

    // MARK: The next step

    private func takeStep(_ group: inout DiscardingTaskGroup) async throws(SpoolError) {
        lookAtAge()
        await publish()
        followSpool()
        let fresh = try await freshBatchDecision()
        // Nothing new is begun while the writer is being closed.
        if Task.isCancelled { return }
        if state.withLock(\.isFinishing) {
            if !isFinished { await wakeup.wait(until: nil, clock: clock) }
            return
        }
        let now = clock.now
        let summary = spool.summary
        let (step, maxRecords, answers) = state.withLock { state in
            let preparesAhead = state.plan.sizing.isLarge(pending: summary.pending)
            let step = state.plan.next(
                now: now,
                fresh: fresh,
                preparesAhead: preparesAhead,
                isFull: hasTooMany(summary.undelivered)
            )
            let maxRecords = state.plan.sizing.maxRecords(pending: summary.pending)
            return (step, maxRecords, Self.answers(to: step, summary, now, &state))
        }
        for answer in answers { answer.completion.resume(returning: answer.result) }
        switch step {
        case .look:
            group.addTask { await self.look() }
        case .send(let batch):
            let body = takePrepared(batch)
            group.addTask { await self.attempt(batch, body: body) }
        case .freeze:
            guard let frozen = try await freeze(maxRecords) else { return }
            wakeup.isUrgent = false
            state.withLock { _ = $0.plan.handle(.frozen(frozen.batch), now: now) }
            group.addTask { await self.attempt(frozen.batch, body: frozen.body) }
        case .prepare:
            guard let frozen = try await freeze(maxRecords) else { return }
            state.withLock { state in
                state.plan.handle(.prepared(frozen.batch), now: now)
                state.prepared = (frozen.batch.token, frozen.body)
            }
            await sink.prepare(frozen.body, token: frozen.batch.token)
        case .wait(let delay, _):
            await wakeup.wait(until: delay.map(now.advanced(by:)), clock: clock)
        }
    }

    private func freeze(_ maxRecords: Int) async throws(SpoolError) -> FrozenBatch? {
        try await spool.freeze(maxRecords: maxRecords, maxBytes: configuration.maxBatchBytes)
    }

    /// A spool that was damaged, and goes on in a new file, may have other batches than before.
    private func followSpool() {
        state.withLock { state in
            let openings = spool.openings
            if openings == state.openings { return }
            state.openings = openings
            followBatches(&state)
            state.plan.handle(.hurried, now: clock.now)
        }
    }

    func followBatches(_ state: inout State) {
        state.plan.handle(.batches(spool.batches), now: clock.now)
        state.prepared = nil
    }

    private func takePrepared(_ batch: Batch) -> [UInt8]? {
        state.withLock { state in
            guard let prepared = state.prepared, prepared.token == batch.token else { return nil }
            state.prepared = nil
            return prepared.body
        }
    }

    /// Whether what is in no batch yet makes one now.
    private func freshBatchDecision() async throws(SpoolError) -> FlushPolicy.Decision {
        let summary = spool.summary
        // A full batch leaves whatever its age is, and that is the case that must be fast.
        let isPart = summary.pending > 0 && summary.pending < configuration.maxBatchSize
        let oldest = isPart ? try await spool.oldestPending() : nil
        let now = clock.now
        let decision = flushPolicy.decide(
            pending: summary.pending,
            oldestAge: oldest?.duration(to: now) ?? .zero,
            isFlushRequested: wakeup.isUrgent || state.withLock { $0.flushes.through > summary.frozenThrough }
        )
        guard case .wait(let delay?) = decision else { return decision }
        let rest = state.withLock { state -> Duration? in
            if let (id, pause) = state.freshPause, id == summary.frozenThrough { return pause.rest(now) }
            state.freshPause = (summary.frozenThrough, Pause(delay, from: now))
            return delay
        }
        return rest.map { .wait(min($0, delay)) } ?? .sendNow
    }

    /// Whether the spool refuses records for their number, and has room for more dead letters.
    private func hasTooMany(_ undelivered: Int) -> Bool {
        guard spool.health.isFull, let most = configuration.maxRecords, undelivered >= most / 2 else { return false }
        return spool.usage.bytesInUse <= configuration.maxSpoolBytes
    }

    /// A flush is over when all of its records are gone, and has failed when what is left waits.
    private static func answers(
        to step: DeliveryPlan.Step,
        _ summary: SpoolSummary,
        _ now: WallInstant,
        _ state: inout State
    ) -> [(completion: FlushWaiters.Completion, result: Result<Void, DeliveryFailure>)] {
        // Also not before the plan knows of it: who was told that all is delivered must find that all is well.
        let open = state.plan.entries.lazy.map { $0.batch.ids.lowerBound - 1 }.min()
        let done = state.flushes.take(deliveredThrough: min(summary.deliveredThrough, open ?? .max))
        var retryIn: Duration?
        let failed: [FlushWaiters.Completion]
        if case .wait(let delay, isBlocked: true) = step {
            retryIn = delay
            failed = state.flushes.takeAll()
        } else {
            // What comes later goes on.
            let plan = state.plan
            failed = state.flushes.take { $0 <= summary.frozenThrough && plan.isStuck(through: $0, now) }
        }
        if failed.isEmpty { return done.map { ($0, .success(())) } }
        let trouble = state.plan.trouble
        let failure = DeliveryFailure(
            reason: trouble?.failure.description ?? "the spool failed",
            isHeld: trouble?.state == .held || trouble?.state == .poisoned,
            isUnreached: trouble?.failure.isUnreached ?? false,
            retryIn: retryIn
        )
        return done.map { ($0, .success(())) } + failed.map { ($0, .failure(failure)) }
    }

    private func look() async {
        let result = await withSpan("clickhouse.preflight", context: .topLevel) { _ in await sink.preflight() }
        if !Task.isCancelled {
            switch result {
            case .success(let destination):
                let isFine = state.withLock { state in
                    state.plan.handle(.looked(nil), now: clock.now)
                    return !state.plan.isOut
                }
                if isFine { log.works(nil) }
                learn(destination)
            case .failure(let failure):
                let retry = state.withLock { $0.plan.handle(.looked(failure), now: clock.now) }
                if let (delay, failures) = retry {
                    log.failed(failure, of: nil, failuresInRow: failures, nextAttemptIn: delay)
                }
            }
        }
        wakeup.signal()
    }

    /// The spool itself failed. Nothing can be sent or acknowledged; records in it stay.
    func handle(_ error: SpoolError) async {
        let waiting = state.withLock { state in
            state.plan.handle(.stalled(configuration.maxRetryDelay), now: clock.now)
            return state.flushes.takeAll()
        }
        let failure = DeliveryFailure(
            reason: error.description,
            isHeld: !error.isPassing,
            retryIn: configuration.maxRetryDelay
        )
        for flush in waiting { flush.resume(returning: .failure(failure)) }
        log.spoolFailed(error)
    }
}

extension Spool {
    /// The last record that was in the file when it was copied; 0 when it is no copy.
    var copiedThrough: Int64 { origin?.doubtedThrough ?? 0 }
}

extension FlushPolicy {
    init(_ configuration: BatchWriterConfiguration) {
        self.init(maxBatchSize: configuration.maxBatchSize, flushInterval: configuration.flushInterval)
    }
}
