internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization
internal import Tracing

/// What may be stored already: the table is asked before such a batch is sent again, cut or given up.
extension Flusher {
    /// Settles whether a batch of unknown outcome is stored, where that must be known before it is sent again.
    ///
    /// - Returns: false when it is not to be sent as it is: it is stored, in part or whole, or nobody knows yet.
    func isToBeSent(_ batch: Batch) async throws(SpoolError) -> Bool {
        let (isDoubtful, mayBeElsewhere) = state.withLock {
            ($0.plan.isDoubtful(batch), $0.plan.mayBeElsewhere(batch))
        }
        let age = batch.frozenAt.duration(to: clock.now)
        if isDoubtful, ResendPolicy.decide(sink.destination, age: age) == .reconcile {
            return try await isWhollyMissing(batch)
        }
        // The table knows the batch by its token, but not what another copy of the spool has delivered under others.
        return mayBeElsewhere ? try await isWhollyMissing(batch, whateverRuns: true) : true
    }

    /// What the table can be asked for; nil when it cannot be asked.
    var askableIdentity: RecordIdentity? {
        sink.destination?.canReconcile == true ? identity : nil
    }

    /// Asks the table which of the batch's records it has, where it can be asked, and lets those go.
    ///
    /// - Parameter whateverRuns: whether a send of the batch that may still be running is of no consequence while none of it is
    ///   there, because the next one has the same token. Where no other copy is known, then a sample is asked for first.
    /// - Returns: whether it has none of them; true also when it cannot be asked.
    func isWhollyMissing(_ batch: Batch, whateverRuns: Bool = false) async throws(SpoolError) -> Bool {
        guard let identity = askableIdentity else { return true }
        // What an unknown owner has delivered of a file that was rolled back are whole batches, the oldest first.
        let isSample = whateverRuns && batch.records > 100 && batch.ids.lowerBound > spool.origin?.doubtedThrough ?? 0
        let result = await withSpan("clickhouse.reconcile") { span -> Result<Bool, SpoolError> in
            do throws(SpoolError) {
                return .success(
                    try await reconcile(batch, by: identity, whateverRuns: whateverRuns, isSample: isSample)
                )
            } catch {
                span.recordError(error)
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func reconcile(
        _ batch: Batch,
        by identity: RecordIdentity,
        whateverRuns: Bool,
        isSample: Bool = false
    ) async throws(SpoolError) -> Bool {
        let fields = try await spool.keys(
            of: batch,
            idField: identity.id,
            timeField: identity.time,
            isSample: isSample
        )
        // A record of an older type may not have the column.
        guard let keys = RowKey.keys(fields) else {
            log.cannotAsk(batch)
            return true
        }
        let age = state.withLock { $0.plan.mayRunSince(batch) }?.duration(to: clock.now)
        switch await sink.countStored(Set(keys), token: batch.token, doubtAge: whateverRuns ? nil : age) {
        case .failure(let failure):
            if Task.isCancelled {
                state.withLock { $0.plan.didGiveUp(batch, now: clock.now) }
                return false
            }
            let (delay, failures) = state.withLock {
                $0.plan.didFailToAsk(batch, failure, now: clock.now, random: jitter())
            }
            log.failed(failure, of: batch, failuresInRow: failures, nextAttemptIn: delay)
            try await spool.recordFailure(of: batch, error: failure.description)
            state.withLock { $0.plan.didKeep(batch) }
            return false
        case .success(var stored):
            let isFound = stored.values.contains { $0 > 0 }
            if isSample, isFound { return try await reconcile(batch, by: identity, whateverRuns: whateverRuns) }
            if !isFound {
                state.withLock { whateverRuns ? $0.plan.didFindNowhere(batch) : $0.plan.didSettle(batch) }
                return true
            }
            if whateverRuns, age != nil { return try await reconcile(batch, by: identity, whateverRuns: false) }
            let members = try await spool.members(of: batch)
            let missing = zip(members, keys).filter { _, key in
                guard let count = stored[key], count > 0 else { return true }
                stored[key] = count - 1
                return false
            }.map(\.0)
            log.reconciled(batch, missing: missing.count)
            try await letGo(of: batch, members: members, except: missing)
            return false
        }
    }

    private func letGo(
        of batch: Batch,
        members: [BatchMember],
        except missing: [BatchMember]
    ) async throws(SpoolError) {
        if missing.isEmpty {
            await acknowledge(batch)
            return state.withLock { $0.plan.didRemove(batch) }
        }
        let children = try await spool.replace(batch, members: members, with: [missing])
        state.withLock { $0.plan.didReplace(batch, with: children) }
        didDeliver(members.count - missing.count, in: nil)
    }
}
