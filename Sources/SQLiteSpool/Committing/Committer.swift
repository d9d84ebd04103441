/// Group commit: the loop of the thread that changes the file.
///
/// It takes everything that waits, commits it as one transaction with one fsync, and only then lets the waiting tasks
/// go on. When nothing waits it has the WAL maintained, or the file opened anew after a failure.
struct Committer: ~Copyable {
    let configuration: SpoolConfiguration
    let queue: CommitQueue
    let lock: SpoolLock
    let onEvent: @Sendable (SpoolEvent) -> Void

    var connection: SpoolConnection
    var maintenance: WALMaintenance
    var recovery: SpoolRecovery
    var gathering = GatherPolicy()

    enum End {
        case closed
        /// The file is to be opened as a new owner does, which salvages what is readable.
        case damaged
    }

    mutating func run() -> End {
        maintenance.disk.reserveWAL()
        recovery.publish(connection)
        // What says in the database that it is open must be there, and not only in the WAL, before anything is accepted.
        maintain(.moveAll)
        while true {
            if recovery.mustSalvage() { return .damaged }
            recovery.published.noteWork(since: nil)
            let next = queue.next(gathering: gathering.wait?.limit, quietPeriod: quietPeriod)
            recovery.published.noteWork(since: recovery.clock.elapsed)
            switch next {
            case .commit(let group): serve(group)
            case .quiet: useQuiet()
            case .closed:
                // What could not be synced must not be moved into the database.
                recovery.secureAtEnd(&connection, &maintenance)
                recovery.published.reader.closeNow()
                maintenance.close()
                if recovery.health.hasToWait { connection.leaveWAL() } else { connection.signOff() }
                return .closed
            }
        }
    }

    // MARK: Groups

    private mutating func serve(_ group: CommitGroup) {
        for finding in group.findings {
            // A file that was opened anew since is another one, or was found sound.
            if finding.work.openings == recovery.published.openings {
                recovery.note(.foundDamage(finding.work.damage))
            }
            finding.completion.resume(with: .success(()))
        }
        if recovery.isDue { recovery.recover(&connection, &maintenance) }
        if let refusal = recovery.health.refusal { return group.complete(with: .failure(refusal)) }
        var group = group
        if let displacement = recovery.health.displacement {
            group.withoutChanges.complete(with: .failure(displacement))
            group = group.withoutAppends
        }
        if !group.appends.isEmpty, !maintenance.disk.isReady() {
            refuse(group.withoutChanges, SpoolError(fullDisk: maintenance.disk, connection.usage))
            group = group.withoutAppends
        }
        if !group.appends.isEmpty || !group.changes.isEmpty { commit(group) }
    }

    private mutating func commit(_ group: CommitGroup) {
        var group = group
        let newBytes = group.appends.bytesToStore
        let capacity = maintenance.disk.capacity(connection.usage, for: newBytes)
        if connection.usage.walPages > 0, connection.usage.bytesInUse + newBytes > capacity { maintain(.moveAll) }
        // A connection that has failed must not acknowledge anything.
        if let refusal = recovery.health.refusal { return group.complete(with: .failure(refusal)) }
        do throws(SQLiteError) {
            try maintenance.disk.reserve(connection.usage, for: newBytes)
            let letters = connection.ledger.deadLetters - group.leavingLetters
            lock.note { $0.progress.expect(deadLetters: letters) }
            let vacuum = maintenance.pagesToReturn(connection, isBusy: true)
            let start = ContinuousClock.now
            var transaction = try connection.begin(group.changes.map(\.work))
            let waited: Duration
            do throws(SQLiteError) {
                waited = try insertRecords(of: &group, capacity: capacity, &transaction)
            } catch {
                connection.rollBack(transaction)
                throw error
            }
            try connection.commit(transaction, freePagesToReturn: vacuum)
            if let displacement = recovery.secure(&connection, &maintenance) {
                // They may be delivered nevertheless, from the open files.
                group.withoutChanges.complete(with: .failure(displacement))
                group = group.withoutAppends
            }
            didCommit(group, transaction, in: start.duration(to: .now) - waited)
        } catch {
            didFail(group, SpoolError(error))
        }
    }

    /// Whatever comes in while the group is being written goes with it, and what is about to come is waited for: then one
    /// sync serves all, and the records are written while others are still being encoded.
    ///
    /// - Returns: how long it has waited.
    private mutating func insertRecords(
        of group: inout CommitGroup,
        capacity: Int,
        _ transaction: inout SpoolConnection.Transaction
    ) throws(SQLiteError) -> Duration {
        let deadline = gathering.wait.map { ContinuousClock.now + $0.limit }
        var waited = Duration.zero
        var newBytes = group.appends.bytesToStore
        var next = 0
        while next < group.appends.count {
            for index in next..<group.appends.count {
                let refusal = try connection.insert(group.appends[index].work, capacity: capacity, &transaction)
                if refusal != nil { group.appends[index].refusal = refusal }
            }
            next = group.appends.count
            if let wait = gathering.wait, let deadline, group.work < wait.work {
                let before = ContinuousClock.now
                queue.wait(until: deadline)
                waited += before.duration(to: .now)
            }
            let more = queue.takeMore(
                maxRecords: CommitQueue.recordsPerGroup - group.records,
                maxBytes: capacity - transaction.bytesInUse
            )
            if more.isEmpty { break }
            // Their tasks get their answer with the group, also when they find no room.
            group.appends += more
            newBytes += more.bytesToStore
            try maintenance.disk.reserve(connection.usage, for: newBytes)
        }
        return waited
    }

    private mutating func didCommit(_ group: CommitGroup, _ done: SpoolConnection.Transaction, in duration: Duration) {
        // Before anybody is told: what is acknowledged must be missed, should the file lose it.
        let before = recovery.publish(connection)
        onEvent(
            .committed(
                SpoolCommit(
                    records: group.storedRecords,
                    duration: duration,
                    before: before,
                    after: connection.ledger.summary
                )
            )
        )
        if done.droppedForRoom > 0 { onEvent(.dropped(records: done.droppedForRoom, reason: .full)) }
        if done.droppedForAge > 0 { onEvent(.dropped(records: done.droppedForAge, reason: .age)) }
        if !done.setAside.isEmpty { onEvent(.setAside(done.setAside)) }
        if let error = group.refusal {
            recovery.note(.foundNoRoom(error))
        } else if !group.appends.isEmpty || hasRoomAgain {
            recovery.note(.foundRoom)
        }
        let waiting = queue.work
        // Without a sync for each commit there is nothing to gather for.
        if configuration.durability == .powerLoss {
            gathering.didCommit(work: group.work, waiting: waiting, in: duration)
        }
        // The disk has answered. A task that gets its answer must not read that it is stalled while this thread does its next work.
        recovery.published.noteWork(since: recovery.clock.elapsed)
        group.complete()
        let step = maintenance.step(connection.usage, workIsWaiting: waiting > 0 || gathering.wait != nil)
        if let step { maintain(step) }
    }

    private mutating func didFail(_ group: CommitGroup, _ error: SpoolError) {
        guard error.code == .full else {
            // Before the tasks are told: the change may still be on the disk, and until that is known nothing may be read and sent.
            if !error.isPassing { recovery.note(.failed(error)) }
            return group.complete(with: .failure(error))
        }
        maintenance.disk.didFill()
        // Acknowledging frees space, so it must not fail together with the records that found none.
        refuse(group.withoutChanges, SpoolError(fullDisk: maintenance.disk, connection.usage, cause: error.cause))
        // With the WAL begun anew it takes no room.
        let pagesBefore = connection.usage.walPages
        if pagesBefore > 0 { maintain(.moveAll) }
        let changes = group.withoutAppends
        let mayFitNow = !group.appends.isEmpty || connection.usage.walPages < pagesBefore
        if recovery.health.refusal == nil, !changes.isEmpty, mayFitNow {
            commit(changes)
        } else {
            changes.complete(with: .failure(error))
        }
    }

    private mutating func refuse(_ group: CommitGroup, _ error: SpoolError) {
        if group.isEmpty { return }
        recovery.note(.foundNoRoom(error))
        group.complete(with: .failure(error))
    }

    /// Whether so much was let go that it is worth saying, though nobody has tried to write.
    private var hasRoomAgain: Bool {
        recovery.health.isFull && !maintenance.disk.isFull
            && configuration.limits.hasAmpleRoom(records: connection.ledger.records, bytes: connection.usage.bytesInUse)
    }

    // MARK: Quiet moments

    /// How long nothing must come before there is something else to do, in milliseconds; nil: there is nothing.
    private var quietPeriod: Int? {
        if recovery.health.hasToWait || recovery.health.isDamaged { return configuration.reopenMilliseconds }
        let period = maintenance.quietPeriod(connection)
        guard configuration.limits.maxAge != nil, connection.ledger.summary.pending > 0 else { return period }
        return min(period ?? 1_000, 1_000)
    }

    private mutating func useQuiet() {
        if recovery.health.hasToWait { return recovery.recover(&connection, &maintenance) }
        let pages = maintenance.pagesToReturn(connection, isBusy: false)
        do throws(SQLiteError) {
            let hasExpired = try connection.hasExpiredRecords()
            if pages > 0 || hasExpired {
                try commitNothing(freePagesToReturn: pages)
            } else if connection.usage.walPages > 0 {
                maintain(.moveAll)
            }
        } catch {
            didFail(CommitGroup(), SpoolError(error))
        }
    }

    private mutating func commitNothing(freePagesToReturn pages: Int = 0) throws(SQLiteError) {
        try maintenance.disk.reserve(connection.usage, for: 0)
        let start = ContinuousClock.now
        let transaction = try connection.begin([])
        try connection.commit(transaction, freePagesToReturn: pages)
        didCommit(CommitGroup(), transaction, in: start.duration(to: .now))
    }

    private mutating func maintain(_ step: CheckpointPolicy.Step) {
        do throws(SQLiteError) {
            if try maintenance.perform(step, &connection) { try commitNothing() }
            recovery.publish(connection)
        } catch {
            let error = SpoolError(error)
            if error.code == .full {
                maintenance.disk.didFill()
            } else if !error.isPassing {
                recovery.note(.failed(error))
            }
        }
    }
}
