internal import ClickHouseHTTP
internal import Logging
internal import SQLiteSpool
internal import Synchronization

/// Takes batches from the spool to ClickHouse, one at a time and in order, until its task is cancelled.
///
/// Invariants:
/// - What is sent was frozen and committed before; what is acknowledged was provably accepted.
/// - A batch is sent until it is accepted, before any later one. It is never dropped.
final class Flusher: Sendable {
    private let spool: Spool
    private let sink: any BatchSink
    private let limits: (maxRecords: Int, maxBytes: Int)
    private let flushPolicy: FlushPolicy
    private let backoff: BackoffPolicy
    private let clock: any WallClock
    private let jitter: @Sendable () -> Double
    private let wakeup: Wakeup
    private let log: DeliveryLog
    private let metrics: WriterMetrics
    private let state = Mutex(DeliveryState())

    /// - Parameter jitter: draws the part of each wait that is waited, from 0 up to 1.
    init(
        spool: Spool,
        sink: any BatchSink,
        configuration: BatchWriterConfiguration,
        clock: any WallClock,
        jitter: @escaping @Sendable () -> Double,
        wakeup: Wakeup,
        logger: Logger,
        metrics: WriterMetrics
    ) {
        self.spool = spool
        self.sink = sink
        self.limits = (configuration.maxBatchSize, configuration.maxBatchBytes)
        self.flushPolicy = FlushPolicy(configuration)
        self.backoff = BackoffPolicy(minDelay: configuration.minRetryDelay, maxDelay: configuration.maxRetryDelay)
        self.clock = clock
        self.jitter = jitter
        self.wakeup = wakeup
        self.log = DeliveryLog(logger: logger)
        self.metrics = metrics
    }

    var delivered: Int { state.withLock(\.delivered) }

    /// Why the latest send failed; nil while all is well.
    var failure: InsertFailure? { state.withLock(\.failure) }

    func run() async {
        while !Task.isCancelled {
            do throws(SpoolError) {
                guard try await waitUntilDue(), let batch = try await nextBatch() else { continue }
                await deliver(batch)
            } catch {
                await handle(error)
            }
        }
        fail(state.withLock { $0.end() }, .closed)
    }

    /// Sends at once what the spool holds now, and returns when it is delivered.
    func flush() async -> Result<Void, DeliveryFailure> {
        let summary = spool.summary
        if summary.undelivered == 0 { return .success(()) }
        return await withCheckedContinuation { completion in
            let isAdded = state.withLock { $0.addFlush(through: summary.lastID, completion: completion) }
            isAdded ? wakeup.signal() : completion.resume(returning: .failure(.closed))
        }
    }

    /// - Returns: whether there is something to send now; false after a wait.
    private func waitUntilDue() async throws(SpoolError) -> Bool {
        let isFlushRequested = state.withLock(\.isFlushRequested)
        let summary = spool.summary
        if summary.inFlight > 0 { return true }
        if summary.pending == 0, isFlushRequested {
            // Delivered between the request and its note.
            let done = state.withLock { $0.takeFlushes { $0 <= summary.lastID } }
            for flush in done { flush.resume(returning: .success(())) }
        }
        let oldest = try await oldestPending(of: summary)
        let now = clock.now
        let decision = flushPolicy.decide(
            pending: summary.pending,
            oldestAge: oldest?.duration(to: now) ?? .zero,
            isFlushRequested: isFlushRequested
        )
        switch decision {
        case .sendNow:
            return true
        case .wait(let timeout):
            // A wait that ran its length makes a batch due, also when a clock that was set back says otherwise.
            let end = await wakeup.wait(until: timeout.map(now.advanced(by:)), clock: clock)
            return end == .deadline && !Task.isCancelled
        }
    }

    private func oldestPending(of summary: SpoolSummary) async throws(SpoolError) -> WallInstant? {
        // A full batch leaves whatever its age is, and that is the case that must be fast.
        guard summary.pending > 0, summary.pending < limits.maxRecords else { return nil }
        return try await spool.oldestPending()
    }

    private func nextBatch() async throws(SpoolError) -> FrozenBatch? {
        try await spool.nextBatch(maxRecords: limits.maxRecords, maxBytes: limits.maxBytes)
    }

    /// Sends one batch until it is accepted or the task is cancelled.
    private func deliver(_ frozen: FrozenBatch) async {
        let batch = frozen.batch
        while !Task.isCancelled {
            let start = ContinuousClock.now
            let outcome = await sink.insert(frozen.body, token: batch.token)
            metrics.recordSend(outcome, duration: start.duration(to: .now))
            switch outcome {
            case .accepted:
                return await acknowledge(batch)
            case .failed(let failure):
                // A request that closing cut short says nothing about ClickHouse.
                if Task.isCancelled { return }
                await backOff(after: failure, of: batch)
            }
        }
    }

    /// Goes on until the spool has let the records go: they must not be sent again.
    private func acknowledge(_ batch: Batch) async {
        while true {
            do throws(SpoolError) {
                try await spool.acknowledge(batch)
                break
            } catch {
                await handle(error)
                if Task.isCancelled { return }
            }
        }
        metrics.recordDelivered(batch.records, left: spool.summary.undelivered)
        let (failuresBefore, done) = state.withLock { state -> (Int, [DeliveryState.Completion]) in
            (state.failuresInRow, state.recordSuccess(of: batch))
        }
        if failuresBefore > 0 { log.recovered(batch, failures: failuresBefore) }
        for flush in done { flush.resume(returning: .success(())) }
    }

    private func backOff(after failure: InsertFailure, of batch: Batch) async {
        do throws(SpoolError) {
            try await spool.recordFailure(of: batch, error: failure.description)
        } catch {
            log.spoolFailed(error)
        }
        metrics.recordUndelivered(spool.summary.undelivered)
        let (waiting, failures) = state.withLock { state -> ([DeliveryState.Completion], Int) in
            (state.recordFailure(failure), state.failuresInRow)
        }
        fail(waiting, DeliveryFailure(failure))
        let delay = backoff.delay(failures: failures, retryAfter: failure.retryAfter, random: jitter())
        log.failed(failure, of: batch, failuresInRow: failures, nextAttemptIn: delay)
        await wait(delay)
    }

    /// Waits, unless somebody asks for a flush. New records do not shorten it.
    private func wait(_ delay: Duration) async {
        var deadline = clock.now.advanced(by: delay)
        while !Task.isCancelled, !state.withLock(\.isFlushRequested) {
            if await wakeup.wait(until: deadline, clock: clock) == .deadline { return }
            // Should the machine's clock have been set back, the wait still ends in time.
            deadline = min(deadline, clock.now.advanced(by: delay))
        }
    }

    /// The spool itself failed. Nothing can be sent or acknowledged; records in it stay.
    private func handle(_ error: SpoolError) async {
        let waiting = state.withLock { $0.takeFlushes { _ in true } }
        fail(waiting, DeliveryFailure(reason: error.description, isHeld: !error.isPassing))
        log.spoolFailed(error)
        await wait(backoff.maxDelay)
    }

    private func fail(_ flushes: [DeliveryState.Completion], _ failure: DeliveryFailure) {
        for flush in flushes { flush.resume(returning: .failure(failure)) }
    }
}

extension FlushPolicy {
    init(_ configuration: BatchWriterConfiguration) {
        self.init(maxBatchSize: configuration.maxBatchSize, flushInterval: configuration.flushInterval)
    }
}

extension DeliveryFailure {
    static let closed = DeliveryFailure(reason: "the writer was closed", isHeld: false)

    init(_ failure: InsertFailure) {
        self.init(reason: failure.description, isHeld: failure.kind == .data || failure.kind == .destination)
    }
}
