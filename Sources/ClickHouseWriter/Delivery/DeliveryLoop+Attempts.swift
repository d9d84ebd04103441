internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization
internal import Tracing

/// One attempt to deliver one batch: the plan says what to do next, and is told what came of it.
extension DeliveryLoop {
    func attempt(_ batch: Batch, body: [UInt8]?) async {
        await FlushSpan.around(batch, to: target) { span in
            var event = DeliveryPlan.BatchEvent.begun
            while true {
                let (effect, batch) = handle(event, of: batch)
                do throws(SpoolError) {
                    if case .end(let outcome) = effect { return outcome }
                    event = try await perform(effect, batch, body: body, span)
                } catch {
                    span.failed(error)
                    if error.code == .changed {
                        _ = handle(.changed, of: batch)
                        state.withLock { followBatches(&$0) }
                        return .kept
                    }
                    event = .abandoned(.spoolFailed)
                    await handle(error)
                }
            }
        }
        wakeup.signal()
    }

    private func handle(_ event: DeliveryPlan.BatchEvent, of batch: Batch) -> (DeliveryPlan.Effect, Batch) {
        let destination = sink.destination
        return state.withLock { state in
            let effect = state.plan.handle(event, of: batch, destination: destination, now: clock.now)
            return (effect, state.plan.entry(of: batch)?.batch ?? batch)
        }
    }

    private func perform(
        _ effect: DeliveryPlan.Effect,
        _ batch: Batch,
        body: [UInt8]?,
        _ span: FlushSpan
    ) async throws(SpoolError) -> DeliveryPlan.BatchEvent {
        switch effect {
        case .look:
            switch await sink.preflight() {
            case .success(let destination): learn(destination)
            case .failure(let failure): return Task.isCancelled ? .abandoned(.cancelled) : .looked(failure)
            }
            return .looked(nil)
        case .ask(let question, let mayRunSince):
            return try await ask(question, batch, mayRunSince)
        case .send:
            return try await send(batch, body, span)
        case .acknowledge(let wasAccepted, let viewLacks):
            await acknowledge(batch, wasAccepted: wasAccepted, viewLacks: viewLacks)
            return .committed
        case .replace(let replacement):
            return try await replace(batch, replacement)
        case .setAside(let failure):
            try await spool.deadLetter(batch, code: failure.code, message: failure.message)
            metrics.recordDeadLetter(code: failure.code)
            log.deadLettered(batch, failure)
            return .committed
        case .record(let failure, let retry):
            log.failed(failure, of: batch, failuresInRow: retry.failuresInRow, nextAttemptIn: retry.delay)
            try await spool.recordFailure(of: batch, error: batch.lastError ?? failure.description)
            return .committed
        case .end:
            preconditionFailure("nothing is done at the end")
        }
    }

    private func send(
        _ batch: Batch,
        _ body: [UInt8]?,
        _ span: FlushSpan
    ) async throws(SpoolError) -> DeliveryPlan.BatchEvent {
        let rows: [UInt8]
        if let body { rows = body } else { rows = try await spool.body(of: batch) }
        let start = ContinuousClock.now
        let outcome = await sink.insert(rows, token: batch.token)
        metrics.recordSend(outcome, records: batch.records, duration: start.duration(to: .now))
        if case .failed(let failure) = outcome {
            // A request that closing cut short says nothing about ClickHouse.
            if Task.isCancelled { return .abandoned(.cancelled) }
            span.failed(failure)
        }
        return .sent(outcome)
    }

    // MARK: Asking

    private func ask(
        _ question: DeliveryPlan.Question,
        _ batch: Batch,
        _ mayRunSince: WallInstant?
    ) async throws(SpoolError) -> DeliveryPlan.BatchEvent {
        let result = await withSpan("clickhouse.reconcile") { span -> Result<DeliveryPlan.Answer, SpoolError> in
            do throws(SpoolError) {
                return .success(try await answer(question, batch, mayRunSince))
            } catch {
                span.recordError(error)
                return .failure(error)
            }
        }
        let found = try result.get()
        if case .failed = found, Task.isCancelled { return .abandoned(.cancelled) }
        return .answered(found)
    }

    private func answer(
        _ question: DeliveryPlan.Question,
        _ batch: Batch,
        _ mayRunSince: WallInstant?
    ) async throws(SpoolError) -> DeliveryPlan.Answer {
        guard let identity else { return .unaskable }
        let fields = try await spool.keys(
            of: batch,
            idField: identity.id,
            timeField: identity.time,
            isSample: question.isSample
        )
        // A record of an older type may not have the column.
        guard let keys = RowKey.keys(fields) else {
            log.cannotAsk(batch)
            return .unaskable
        }
        let doubtAge = mayRunSince?.duration(to: clock.now)
        switch await sink.countStored(Set(keys), token: batch.token, doubtAge: doubtAge) {
        case .failure(let failure):
            return .failed(failure)
        case .success(let stored) where stored.values.allSatisfy { $0 == 0 }:
            return .nothing
        case .success where question.isSample:
            return .some
        case .success(var stored):
            noteSharedIdentities(of: batch, keys, stored)
            let members = try await spool.members(of: batch)
            let missing = zip(members, keys).filter { _, key in
                guard let count = stored[key], count > 0 else { return true }
                stored[key] = count - 1
                return false
            }
            return .rows(members, missing: missing.map(\.0))
        }
    }

    /// Says how many of a batch's records cannot be told from others by their identity.
    ///
    /// - Parameter stored: how many rows have each of the keys.
    private func noteSharedIdentities(of batch: Batch, _ keys: [RowKey], _ stored: [RowKey: Int]) {
        let records = Dictionary(grouping: keys) { $0 }.mapValues(\.count)
        let shared = keys.count { records[$0, default: 0] > 1 || stored[$0, default: 0] > 1 }
        if shared == 0 { return }
        metrics.recordSharedIdentities(shared)
        log.sharedIdentities(batch, shared)
    }

    /// What to ask for once the batch is accepted, as long as the table has not shown that it answers with what it has; nil when it has.
    private func keysThatProve(_ batch: Batch) async -> Set<RowKey>? {
        guard let identity, sink.isQuestionUnproven(token: batch.token) else { return nil }
        let fields = try? await spool.keys(of: batch, idField: identity.id, timeField: identity.time, isSample: true)
        return Set(fields.flatMap { RowKey.keys($0) } ?? [])
    }

    // MARK: The spool

    private func acknowledge(_ batch: Batch, wasAccepted: Bool, viewLacks: Bool) async {
        if !wasAccepted { log.reconciled(batch, missing: 0) }
        if viewLacks { log.viewLacks(batch, records: batch.records) }
        // The next one is sent while the spool deletes this one.
        if wasAccepted { wakeup.signal() }
        let keys = wasAccepted ? await keysThatProve(batch) : nil
        await acknowledge(batch)
        if let keys {
            await sink.proveQuestion(by: keys, token: batch.token)
            if let destination = sink.destination { learn(destination) }
        }
        if wasAccepted { log.works(batch) }
    }

    /// Goes on until the spool has deleted the records: they must not be sent again.
    private func acknowledge(_ batch: Batch) async {
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

    private func replace(
        _ batch: Batch,
        _ replacement: DeliveryPlan.Replacement
    ) async throws(SpoolError) -> DeliveryPlan.BatchEvent {
        switch replacement {
        case .rest(let missing, let members, let viewLacks):
            log.reconciled(batch, missing: missing.count)
            let found = members.count - missing.count
            if viewLacks { log.viewLacks(batch, records: found) }
            let children = try await spool.replace(batch, members: members, with: [missing])
            didDeliver(found, in: nil)
            return .replaced(children, suspicions: [])
        case .renewed:
            log.recognisedOnly(batch)
            let members = try await spool.members(of: batch)
            return .replaced(try await spool.replace(batch, members: members, with: [members]), suspicions: [])
        case .pieces(let failure):
            log.isolating(failure, in: batch)
            let members = try await spool.members(of: batch)
            let (pieces, suspicions) = state.withLock { $0.plan.pieces(of: members, badRow: failure.badRow) }
            return .replaced(
                try await spool.replace(batch, members: members, with: pieces),
                suspicions: suspicions
            )
        }
    }

    /// - Parameter duration: since a batch of them was frozen; nil when only some of its records are gone.
    private func didDeliver(_ records: Int, in duration: Duration?) {
        let now = clock.now
        state.withLock { state in
            state.delivered += records
            state.deliveredAt = now
        }
        metrics.recordDelivered(records, in: duration)
    }
}
