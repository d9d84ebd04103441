internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization
internal import Tracing

/// What may be stored already: the table is asked before such a batch is sent again, cut or given up.
extension Flusher {
    /// Who may have delivered some of a batch.
    enum Doubt {
        /// This spool, by a send under the batch's token. One that may still be running is waited for.
        case ownSend
        /// Another owner of the file, under other tokens. A send of ours that still runs is of no consequence while none of it
        /// is stored, because the next one has the same token.
        case otherOwner
    }

    /// What the table says of a batch that may be stored.
    enum Finding {
        /// It has none of it.
        case nothing
        /// It cannot be asked.
        case unknown
        /// The batch is not to be sent as it is: all of it is stored, or a batch of the rest has taken its place, or the answer is
        /// still to come.
        case settled
    }

    /// Settles whether a batch of unknown outcome is stored, where that must be known before it is sent again.
    ///
    /// - Returns: false when it is not to be sent as it is: it is stored, in part or whole, or that is not known yet.
    func isToBeSent(_ batch: Batch) async throws(SpoolError) -> Bool {
        guard let entry = state.withLock({ $0.plan.entry(of: batch) }) else { return true }
        if entry.isDoubtful {
            let destination = sink.destination
            // Since the batch was sent, the table may have been changed: after a failure it is looked at anew.
            switch await sink.preflight() {
            case .success(let destination): learn(destination)
            case .failure(let failure):
                try await keepInDoubt(batch, failure)
                return false
            }
            let age = batch.frozenAt.duration(to: clock.now)
            let isForgotten = [destination, sink.destination].contains { ResendPolicy.mustAsk($0, age: age) }
            if isForgotten || entry.mustBeAsked {
                return try await findStored(batch) != .settled
            }
        }
        // The table knows the batch by its token, but not what another owner has delivered under others.
        return entry.mayBeElsewhere ? try await findStored(batch, .otherOwner) != .settled : true
    }

    /// What the table can be asked for; nil when it cannot be asked.
    var askableIdentity: RecordIdentity? {
        sink.destination?.canReconcile == true ? identity : nil
    }

    /// Asks the table which of the batch's records it has, where it can be asked, and deletes those from the spool.
    func findStored(_ batch: Batch, _ doubt: Doubt = .ownSend) async throws(SpoolError) -> Finding {
        guard let identity = askableIdentity else { return .unknown }
        let result = await withSpan("clickhouse.reconcile") { span -> Result<Finding, SpoolError> in
            do throws(SpoolError) {
                // What an owner without a trace has delivered are whole batches, the oldest first: a sample shows them.
                let isSample = doubt == .otherOwner && batch.records > 100 && batch.ids.lowerBound > spool.copiedThrough
                return .success(try await reconcile(batch, by: identity, doubt, isSample: isSample))
            } catch {
                span.recordError(error)
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// What to ask for once the batch is accepted, as long as the table has not shown that it answers with what it has; nil when it has.
    func keysThatProve(_ batch: Batch) async -> Set<RowKey>? {
        guard sink.isQuestionUnproven(token: batch.token), let identity = askableIdentity else { return nil }
        let fields = try? await spool.keys(of: batch, idField: identity.id, timeField: identity.time, isSample: true)
        return Set(fields.flatMap { RowKey.keys($0) } ?? [])
    }

    func proveQuestion(by keys: Set<RowKey>, of batch: Batch) async {
        await sink.proveQuestion(by: keys, token: batch.token)
        if let destination = sink.destination { learn(destination) }
    }

    private func reconcile(
        _ batch: Batch,
        by identity: RecordIdentity,
        _ doubt: Doubt,
        isSample: Bool = false
    ) async throws(SpoolError) -> Finding {
        let fields = try await spool.keys(
            of: batch,
            idField: identity.id,
            timeField: identity.time,
            isSample: isSample
        )
        // A record of an older type may not have the column.
        guard let keys = RowKey.keys(fields) else {
            log.cannotAsk(batch)
            return .unknown
        }
        let age = state.withLock { $0.plan.entry(of: batch)?.mayRunSince }?.duration(to: clock.now)
        switch await sink.countStored(Set(keys), token: batch.token, doubtAge: doubt == .ownSend ? age : nil) {
        case .failure(let failure):
            try await keepInDoubt(batch, failure)
            return .settled
        case .success(let stored) where stored.values.allSatisfy { $0 == 0 }:
            state.withLock { doubt == .ownSend ? $0.plan.didSettle(batch) : $0.plan.didFindNowhere(batch) }
            return .nothing
        case .success where isSample:
            return try await reconcile(batch, by: identity, doubt)
        case .success where doubt == .otherOwner && age != nil:
            return try await reconcile(batch, by: identity, .ownSend)
        case .success(var stored):
            noteSharedIdentities(of: batch, keys, stored)
            let members = try await spool.members(of: batch)
            let missing = zip(members, keys).filter { _, key in
                guard let count = stored[key], count > 0 else { return true }
                stored[key] = count - 1
                return false
            }.map(\.0)
            log.reconciled(batch, missing: missing.count)
            if state.withLock({ $0.plan.entry(of: batch)?.mayLackInView }) == true {
                log.viewLacks(batch, records: members.count - missing.count)
            }
            if missing.isEmpty {
                await acknowledge(batch)
                state.withLock { $0.plan.didFind(batch) }
            } else {
                let children = try await spool.replace(batch, members: members, with: [missing])
                state.withLock { $0.plan.didReplace(batch, with: children) }
                didDeliver(members.count - missing.count, in: nil)
            }
            return .settled
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

    /// The server did not say what it has, or what its table is.
    private func keepInDoubt(_ batch: Batch, _ failure: InsertFailure) async throws(SpoolError) {
        if Task.isCancelled { return state.withLock { $0.plan.didGiveUp(batch, now: clock.now) } }
        let retry = state.withLock { $0.plan.didFailToAsk(batch, failure, now: clock.now) }
        try await keep(batch, failure, retry)
    }

    /// Whether a batch that was accepted must be found in the table too: it was sent before, and the table may recognise a block that it
    /// has lost.
    func mustBeFound(_ batch: Batch) -> Bool {
        sink.destination?.mayRecogniseLostRows == true && askableIdentity != nil
            && state.withLock { $0.plan.entry(of: batch)?.mayBeRecognised } == true
    }

    /// Looks for the rows of a batch that was accepted, and acknowledges those that are there. The others are a batch with a new token then.
    ///
    /// - Returns: true when the table cannot be asked for these records: then the acceptance is all there is.
    func holdsAcceptance(_ batch: Batch) async throws(SpoolError) -> Bool {
        state.withLock { $0.plan.didPassViews(batch) }
        switch try await findStored(batch) {
        case .unknown: return true
        case .settled: return false
        case .nothing:
            log.recognisedOnly(batch)
            let members = try await spool.members(of: batch)
            let children = try await spool.replace(batch, members: members, with: [members])
            state.withLock { $0.plan.didReplace(batch, with: children) }
            return false
        }
    }
}
