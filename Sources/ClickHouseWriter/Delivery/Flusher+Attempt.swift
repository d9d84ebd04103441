internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization
internal import Tracing

/// One attempt to deliver one batch, and what becomes of the batch.
extension Flusher {
    func attempt(_ batch: Batch, body: [UInt8]?) async {
        await FlushSpan.around(batch, to: target) { span in
            do throws(SpoolError) {
                guard try await isToBeSent(batch) else { return isGone(batch) ? .stored : .kept }
                return try await send(batch, body: body, span)
            } catch {
                span.failed(error)
                if error.code == .changed {
                    state.withLock { state in
                        state.plan.didKeep(batch)
                        followBatches(&state)
                    }
                    return .kept
                }
                state.withLock { $0.plan.didGiveUp(batch, now: clock.now) }
                await handle(error)
                return .spoolFailed
            }
        }
        wakeup.signal()
    }

    /// Whether it was deleted, or others are in its place.
    private func isGone(_ batch: Batch) -> Bool {
        !spool.batches.contains { $0.token == batch.token }
    }

    private func send(_ batch: Batch, body: [UInt8]?, _ span: FlushSpan) async throws(SpoolError) -> FlushSpan.Outcome {
        let rows: [UInt8]
        if let body { rows = body } else { rows = try await spool.body(of: batch) }
        let start = ContinuousClock.now
        let outcome = await sink.insert(rows, token: batch.token)
        metrics.recordSend(outcome, records: batch.records, duration: start.duration(to: .now))
        switch outcome {
        case .accepted:
            if mustBeFound(batch), try await !holdsAcceptance(batch) { return isGone(batch) ? .stored : .kept }
            // The next one is sent while the spool deletes this one.
            state.withLock { state in
                state.plan.didAccept(batch)
                state.sizing.grow(after: batch.records)
            }
            wakeup.signal()
            let keys = await keysThatProve(batch)
            await acknowledge(batch)
            if let keys { await proveQuestion(by: keys, of: batch) }
            state.withLock { $0.plan.didDeliver(batch) }
            log.works(batch)
            return .accepted
        case .failed(let failure):
            return try await settle(failure, of: batch, span)
        }
    }

    private func settle(
        _ failure: InsertFailure,
        of batch: Batch,
        _ span: FlushSpan
    ) async throws(SpoolError) -> FlushSpan.Outcome {
        // A request that closing cut short says nothing about ClickHouse.
        if Task.isCancelled {
            state.withLock { $0.plan.didGiveUp(batch, now: clock.now) }
            return .cancelled
        }
        span.failed(failure)
        let canAsk = askableIdentity != nil
        let isAtLeastOnce = sink.destination?.guarantee.isAtLeastOnce ?? false
        let (verdict, failed, told, failures) = state.withLock { state in
            if failure.kind == .tooLarge || failure.code == ExceptionCode.memoryLimitExceeded { state.sizing.shrink() }
            return state.plan.didFail(batch, failure, canAsk: canAsk, isAtLeastOnce: isAtLeastOnce, now: clock.now)
        }
        if case .keep(let delay) = verdict {
            try await keep(failed, told, (delay, failures))
            return .kept
        }
        if verdict == .split { log.isolating(failure, in: failed) }
        switch try await findStored(failed) {
        case .settled:
            return isGone(failed) ? .stored : .kept
        case .unknown where !failure.isRefusal:
            // It may be stored: only what is refused is cut without asking.
            let retry = state.withLock { $0.plan.didFailToAsk(failed, told, now: clock.now) }
            try await keep(failed, told, retry)
            return .kept
        case .unknown, .nothing:
            break
        }
        if verdict == .split {
            let members = try await spool.members(of: failed)
            let (pieces, suspicions) = state.withLock { $0.plan.pieces(of: members, badRow: failure.badRow) }
            let children = try await spool.replace(failed, members: members, with: pieces)
            state.withLock { $0.plan.didReplace(failed, with: children, suspicions: suspicions) }
            return .split
        }
        try await spool.deadLetter(failed, code: failure.code, message: failure.message)
        state.withLock { $0.plan.didRemove(failed) }
        metrics.recordDeadLetter(code: failure.code)
        log.deadLettered(failed, failure)
        return .deadLettered
    }

    /// Says that a batch waits, writes its failure to the spool, and makes it one that can be sent.
    func keep(_ batch: Batch, _ failure: InsertFailure, _ retry: DeliveryPlan.Retry) async throws(SpoolError) {
        log.failed(failure, of: batch, failuresInRow: retry.failuresInRow, nextAttemptIn: retry.delay)
        try await spool.recordFailure(of: batch, error: failure.description)
        state.withLock { $0.plan.didKeep(batch) }
    }

    /// Goes on until the spool has deleted the records: they must not be sent again.
    func acknowledge(_ batch: Batch) async {
        await withSpan("clickhouse.acknowledge") { _ in
            while true {
                do throws(SpoolError) {
                    try await spool.acknowledge(batch)
                    return didDeliver(batch.records, in: batch.frozenAt.duration(to: clock.now))
                } catch {
                    await handle(error)
                    if Task.isCancelled { return }
                    try? await clock.sleep(for: configuration.maxRetryDelay)
                }
            }
        }
    }

    /// - Parameter duration: since a batch of them was frozen; nil when only some of its records are gone.
    func didDeliver(_ records: Int, in duration: Duration?) {
        let now = clock.now
        state.withLock { state in
            state.delivered += records
            state.deliveredAt = now
        }
        metrics.recordDelivered(records, in: duration)
    }
}
