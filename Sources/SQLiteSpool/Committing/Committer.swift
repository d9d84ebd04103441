/// Group commit, and whatever else changes the file.
///
/// It takes everything that waits, commits it as one transaction with one fsync, and only then lets the waiting tasks
/// go on. When nothing waits it checkpoints, gives space back, and opens the file anew after a failure.
struct Committer: ~Copyable {
    private let file: SpoolFile
    private let configuration: SpoolConfiguration
    private let queue: CommitQueue
    private let lock: SpoolLock
    private let contents: SpoolContents
    private let clock: any WallClock
    private let onEvent: @Sendable (SpoolEvent) -> Void

    private var connection: SpoolConnection
    private var disk: DiskRoom
    private var wal: WALWatch
    private var mark: WALMark
    /// Pages that were in use when the WAL was begun.
    private var pagesInUseBefore: Int
    private var gathering = GatherPolicy()

    /// Why the connection cannot be used; nil while it can.
    private var failure: SpoolError?
    private var nextReopening = ContinuousClock.now
    private var isFull = false
    private var isDamaged = false

    init(
        _ connection: consuming SpoolConnection,
        mark: consuming WALMark,
        file: SpoolFile,
        room: any ReservableFile,
        configuration: SpoolConfiguration,
        queue: CommitQueue,
        lock: SpoolLock,
        contents: SpoolContents,
        clock: any WallClock,
        onEvent: @escaping @Sendable (SpoolEvent) -> Void
    ) {
        self.file = file
        self.configuration = configuration
        self.queue = queue
        self.lock = lock
        self.contents = contents
        self.clock = clock
        self.onEvent = onEvent
        disk = DiskRoom(spool: file.path, database: room, configuration)
        wal = WALWatch(alarmBytes: configuration.walAlarmBytes)
        self.mark = mark
        pagesInUseBefore = connection.usage.pagesInUse
        self.connection = connection
    }

    mutating func run() {
        disk.reserveWAL()
        publish()
        while true {
            switch queue.next(gathering: gathering.wait?.limit, quietPeriod: quietPeriod) {
            case .commit(let group): serve(group)
            case .quiet: useQuiet()
            case .closed:
                // What could not be synced must not be moved into the database.
                if failure != nil { connection.leaveWAL() }
                // The last one that closes the file checkpoints it.
                mark.close()
                return
            }
        }
    }

    // MARK: Groups

    private mutating func serve(_ group: CommitQueue.Group) {
        for case (.damage(let error), _) in group.changes { becomeDamaged(error) }
        if failure != nil, nextReopening <= .now { reopen() }
        if let failure { return group.complete(with: .failure(failure)) }
        var group = group
        if !group.appends.isEmpty, !disk.isReady() {
            let refused = group.withoutChanges
            group = group.withoutAppends
            refuse(refused, SpoolError(fullDisk: disk, connection.usage))
        }
        if !group.isEmpty { commit(group) }
    }

    /// Whatever comes in while the group is being written goes with it, and what is about to come is waited for: then one
    /// sync serves all, and the records are written while others are still being encoded.
    private mutating func commit(_ group: CommitQueue.Group) {
        var group = group
        let deadline = gathering.wait.map { ContinuousClock.now + $0.limit }
        var newBytes = group.appends.bytesToStore
        let capacity = disk.capacity(connection.usage, for: newBytes)
        if connection.usage.walPages > 0, connection.usage.bytesInUse + newBytes > capacity { checkpoint() }
        // A connection that has failed must not acknowledge anything.
        if let failure { return group.complete(with: .failure(failure)) }
        do throws(SQLiteError) {
            if newBytes > 0 { try disk.reserveDatabase(connection.usage, for: newBytes) }
            // Said before they go: dying in between must not make them count as lost.
            lock.expect(deadLetters: connection.ledger.deadLetters - group.leavingLetters)
            let vacuum = pagesToReturn(isBusy: true)
            let start = ContinuousClock.now
            var waited = Duration.zero
            var transaction = try connection.begin(group.changes)
            try connection.insert(group.appends, capacity: capacity, &transaction)
            while !group.appends.isEmpty {
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
                group.appends += more
                newBytes += more.bytesToStore
                do throws(SQLiteError) {
                    try disk.reserveDatabase(connection.usage, for: newBytes)
                } catch {
                    connection.rollBack(transaction)
                    throw error
                }
                try connection.insert(more, capacity: capacity, &transaction)
            }
            let applied = try connection.commit(transaction, freePagesToReturn: vacuum)
            didCommit(group, applied, in: start.duration(to: .now) - waited)
        } catch {
            didFail(group, SpoolError(error))
        }
    }

    /// - Parameter duration: what the commit took.
    private mutating func didCommit(
        _ group: CommitQueue.Group,
        _ applied: SpoolConnection.Applied,
        in duration: Duration
    ) {
        // Before anybody is told: what is acknowledged must be missed, should the file lose it.
        let before = publish()
        onEvent(
            .committed(
                SpoolCommit(
                    work: group.committedWork,
                    records: group.records - applied.recordsRefused(of: group),
                    duration: duration,
                    pendingBefore: before.pending,
                    pendingAfter: connection.ledger.summary.pending
                )
            )
        )
        if applied.droppedForRoom > 0 { onEvent(.dropped(records: applied.droppedForRoom, reason: .full)) }
        if applied.droppedForAge > 0 { onEvent(.dropped(records: applied.droppedForAge, reason: .age)) }
        if let error = applied.refused.first?.error {
            becomeFull(error)
        } else if !group.appends.isEmpty || hasRoomAgain {
            becomeFree()
        }
        let waiting = queue.work
        // Without a sync for each commit there is nothing to gather for.
        if configuration.durability == .powerLoss {
            gathering.didCommit(work: group.work, waiting: waiting, in: duration)
        }
        group.complete(refused: applied.refused)
        shortenWAL(workIsWaiting: waiting > 0 || gathering.wait != nil)
    }

    private mutating func didFail(_ group: CommitQueue.Group, _ error: SpoolError) {
        guard error.code == .full else {
            group.complete(with: .failure(error))
            if !error.isPassing { fail(error) }
            return
        }
        disk.didFill()
        // Acknowledging frees space, so it must not fail together with the records that found none.
        refuse(
            group.withoutChanges,
            SpoolError(fullDisk: disk, connection.usage, cause: error.cause)
        )
        // With the WAL begun anew it takes no room.
        let pagesBefore = connection.usage.walPages
        if pagesBefore > 0 { checkpoint() }
        let changes = group.withoutAppends
        let mayFitNow = !group.appends.isEmpty || connection.usage.walPages < pagesBefore
        if failure == nil, !changes.isEmpty, mayFitNow {
            commit(changes)
        } else {
            changes.complete(with: .failure(error))
        }
    }

    private mutating func refuse(_ group: CommitQueue.Group, _ error: SpoolError) {
        if group.isEmpty { return }
        becomeFull(error)
        group.complete(with: .failure(error))
    }

    /// Whether so much was let go that it is worth saying, though nobody has tried to write.
    private var hasRoomAgain: Bool {
        isFull && disk.isUsable
            && configuration.limits.hasAmpleRoom(records: connection.ledger.records, bytes: connection.usage.bytesInUse)
    }

    private mutating func becomeFull(_ error: SpoolError) {
        if !isFull { onEvent(.full(error)) }
        isFull = true
    }

    private mutating func becomeFree() {
        if isFull { onEvent(.roomAgain) }
        isFull = false
    }

    /// - Returns: what the spool held before.
    @discardableResult
    private func publish() -> SpoolSummary {
        lock.record(connection.ledger)
        return contents.replace(with: connection.ledger, connection.usage)
    }

    // MARK: Quiet moments

    /// How long nothing must come before there is something else to do, in milliseconds; nil: there is nothing.
    private var quietPeriod: Int? {
        if failure != nil { return configuration.reopenMilliseconds }
        var periods: [Int] = []
        if pagesToReturn(isBusy: false) > 0 {
            periods.append(configuration.vacuum.intervalMilliseconds)
        }
        if connection.usage.walPages > 0 {
            periods.append(wal.isHeld ? 1_000 : configuration.checkpoints.quietPeriodMilliseconds)
        }
        if configuration.limits.maxAge != nil, connection.ledger.summary.pending > 0 { periods.append(1_000) }
        return periods.min()
    }

    /// None while a reader holds the WAL: it would only grow. And while a batch is on its way the pause is not a quiet one:
    /// what is delivered then needs the processor and the disk.
    private func pagesToReturn(isBusy: Bool) -> Int {
        if wal.isHeld || !isBusy && !connection.ledger.batches.isEmpty { return 0 }
        return configuration.vacuum.pages(connection.usage, isBusy: isBusy)
    }

    private mutating func useQuiet() {
        if failure != nil { return reopen() }
        let pages = pagesToReturn(isBusy: false)
        do throws(SQLiteError) {
            let hasExpired = try connection.hasExpiredRecords()
            guard pages > 0 || hasExpired else {
                if connection.usage.walPages > 0 { checkpoint() }
                return
            }
            try commitNothing(freePagesToReturn: pages)
        } catch {
            didFail(CommitQueue.Group(), SpoolError(error))
        }
    }

    private mutating func commitNothing(freePagesToReturn pages: Int = 0) throws(SQLiteError) {
        let start = ContinuousClock.now
        let applied = try connection.commit(connection.begin(), freePagesToReturn: pages)
        didCommit(CommitQueue.Group(), applied, in: start.duration(to: .now))
    }

    private mutating func shortenWAL(workIsWaiting: Bool) {
        let usage = connection.usage
        let step = configuration.checkpoints.step(
            walPages: usage.walPages,
            newPages: usage.pagesInUse - pagesInUseBefore,
            mark: mark.pages,
            workIsWaiting: workIsWaiting
        )
        switch step {
        case .mark: mark.set(at: usage.walPages)
        case .moveSlice:
            moveSlice()
            mark.set(at: usage.walPages)
        case .moveAll: if wal.isWorthACheckpoint(usage) { checkpoint() }
        case nil: break
        }
    }

    private mutating func moveSlice() {
        do throws(SQLiteError) {
            _ = try moveWAL()
            disk.didMoveSlice()
        } catch {
            didFailToCheckpoint(SpoolError(error))
        }
    }

    /// - Returns: whether all of it was moved.
    private mutating func moveWAL() throws(SQLiteError) -> Bool {
        onEvent(.checkpointing)
        let isComplete = try connection.checkpoint()
        onEvent(.checkpointed(connection.usage))
        return isComplete
    }

    private mutating func didFailToCheckpoint(_ error: SpoolError) {
        if error.code == .full { disk.didFill() } else if !error.isPassing { fail(error) }
    }

    private mutating func checkpoint() {
        mark.clear()
        do throws(SQLiteError) {
            let isComplete = try moveWAL()
            if isComplete {
                disk.didCheckpoint()
                pagesInUseBefore = connection.usage.pagesInUse
            }
            let change = wal.didCheckpoint(connection.usage, isComplete: isComplete)
            switch change {
            case .held: onEvent(.walHeld(bytes: connection.usage.walBytes, readers: file.readersOfWAL()))
            case .released:
                onEvent(.walReleased)
                // The next commit after a whole checkpoint starts the WAL anew and cuts its file.
                try commitNothing()
            case nil: break
            }
            publish()
        } catch {
            didFailToCheckpoint(SpoolError(error))
        }
    }

    // MARK: Failures

    /// Nothing is acknowledged any more until the file was opened anew and verified.
    private mutating func fail(_ error: SpoolError) {
        if failure == nil { onEvent(.failed(error)) }
        failure = error
        contents.failure = error
        nextReopening = .now + .milliseconds(configuration.reopenMilliseconds)
        lock.record(error.code == .damaged ? .damaged : .failed)
    }

    /// Records are still taken: they are kept, and the next owner salvages them with the others.
    private mutating func becomeDamaged(_ error: SpoolError) {
        lock.record(.damaged)
        if !isDamaged { onEvent(.failed(error)) }
        isDamaged = true
    }

    private mutating func reopen() {
        // Only a new owner may set a damaged file aside: what is in flight was read from it.
        if failure?.code == .damaged { return }
        do throws(SpoolError) {
            connection = try SpoolError.wrapping {
                try SpoolConnection(database: file.reopen(configuration), configuration, clock: clock)
            }
            do throws(SQLiteError) { try connection.confirm() } catch { throw SpoolError(error) }
            failure = nil
            contents.failure = nil
            // Should it be full as before, that is said again.
            isFull = false
            lock.record(.sound)
            publish()
            onEvent(.reopened)
        } catch {
            fail(error)
        }
    }
}

extension CommitQueue.Group {
    fileprivate var committedWork: CommittedWork {
        changes.reduce(into: appends.isEmpty ? [] : .records) { $0.insert($1.change.work) }
    }

    fileprivate var records: Int { appends.reduce(0) { $0 + $1.payloads.count } }

    fileprivate var withoutChanges: Self { Self(appends: appends) }
    fileprivate var withoutAppends: Self { Self(changes: changes) }

    fileprivate func complete(with result: Result<Void, SpoolError>) {
        for append in appends { append.completion.resume(with: result) }
        for (_, completion) in changes { completion.resume(with: result) }
    }

    /// - Parameter refused: in the order of their indices.
    fileprivate func complete(refused: [(index: Int, error: SpoolError)]) {
        if refused.isEmpty { return complete(with: .success(())) }
        var refused = refused[...]
        for (index, append) in appends.enumerated() {
            let error = refused.first?.index == index ? refused.removeFirst().error : nil
            append.completion.resume(with: error.map { .failure($0) } ?? .success(()))
        }
        withoutAppends.complete(with: .success(()))
    }
}

extension [CommitQueue.Append] {
    fileprivate var bytesToStore: Int { reduce(0) { $0 + $1.payloads.bytesToStore } }
}

extension CommitQueue.BatchChange {
    fileprivate var work: CommittedWork {
        switch self {
        case .freeze: .freeze
        case .acknowledge: .acknowledgement
        case .recordFailure, .replace, .deadLetter, .discard, .note, .damage: .other
        }
    }
}

extension SpoolConnection.Applied {
    fileprivate func recordsRefused(of group: CommitQueue.Group) -> Int {
        refused.reduce(0) { $0 + group.appends[$1.index].payloads.count }
    }
}
