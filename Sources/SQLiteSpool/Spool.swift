internal import Synchronization

/// A durable queue of records in one SQLite file.
///
/// Invariants:
/// - When `append` returns, its records are committed; when it throws, none of them is stored.
/// - Ids follow the order of commits and are never given out twice.
/// - A record leaves only with the frozen batch that holds it: acknowledged, replaced by batches without it, or as a
///   dead letter.
/// - One process owns a spool, and in it one thread writes to it.
///
///         append ──▶ CommitQueue ──▶ CommitThread ── one transaction ──▶ SpoolConnection ──▶ file
///         freeze, acknowledge ──▶┘        └──▶ summary, resumed tasks             reader ◀──┘
package final class Spool: Sendable {
    /// The path with its directory's symbolic links resolved.
    package let path: String

    /// What the spool held when it was opened.
    package let recovered: SpoolSummary

    /// Where its records went when it was opened; nil when nobody has said.
    package let recoveredDestination: SpoolDestination?

    /// What it was found to have lost; nil when nothing.
    package let loss: SpoolLoss?

    /// The file that it was copied from; nil when it is no copy.
    package let origin: SpoolOrigin?

    /// Whether it was found to be a copy when it was opened.
    package let isNewCopy: Bool

    /// What was found beside it.
    package let notices: [OpeningNotice]

    /// What committed records survive: less than was asked for where the file system cannot do that.
    package let durability: SpoolConfiguration.Durability

    private let tokens: TokenSource
    private let clock: any WallClock
    let maxRecords: Int?
    let queue = CommitQueue()
    private let published: PublishedLedger
    let reading: SpoolReading

    /// Ends when the file is closed and its lock released.
    let hasEnded: Task<Void, Never>

    /// Opens the spool, or creates it, and recovers what a crash left.
    ///
    /// Blocks for a few milliseconds, or as long as SQLite needs to recover the WAL.
    ///
    /// - Parameter onEvent: called on the commit thread. It must not block.
    /// - Throws: ``SpoolError`` with code `inUse`, `refused`, `full` or `failed`.
    package init(
        _ configuration: SpoolConfiguration,
        clock: any WallClock = SystemWallClock(),
        onEvent: @escaping @Sendable (SpoolEvent) -> Void = { _ in }
    ) throws(SpoolError) {
        let file = try DatabaseFile(path: configuration.path, configuration.fileSystem)
        var configuration = configuration
        if file.mount?.forgets == true { configuration.durability = .processCrash }
        durability = configuration.durability
        if let reason = SpoolFileNames.reasonToRefuse(spool: file.path) { throw SpoolError(.refused, reason) }
        let lock = try SpoolLock(spool: file.path, configuration.fileSystem)
        let opened = try SpoolOpening(file: file, configuration: configuration, lock: lock, clock: clock).run()
        loss = opened.loss
        notices = opened.notices
        recoveredDestination = opened.destination
        origin = opened.origin
        isNewCopy = opened.isNewCopy
        path = file.path
        self.clock = clock
        maxRecords = configuration.limits.maxRecords
        lock.announce(opened.connection.ledger, configuration.durability, wal: opened.connection.walEnd)
        tokens = configuration.tokens
        recovered = opened.connection.ledger.summary
        published = PublishedLedger(opened.connection.ledger, opened.connection.usage, reader: opened.reader)
        reading = SpoolReading(published: published, queue: queue, clock: clock)
        let recovery = SpoolRecovery(
            home: file,
            file: file,
            names: OpenNames(lock, file),
            configuration: configuration,
            clock: clock,
            lock: lock,
            published: published,
            onEvent: onEvent
        )
        let committer = Committer(opened, recovery, queue: queue, onEvent: onEvent)
        let (ending, end) = AsyncStream.makeStream(of: Never.self)
        hasEnded = Task { for await _ in ending {} }
        CommitThread.start(committer) {
            lock.release()
            end.finish()
        }
    }

    deinit {
        queue.close()
    }

    /// What the spool holds after the latest commit.
    package var summary: SpoolSummary { published.summary }

    /// The bytes that its files take, after the latest commit.
    package var usage: SpoolUsage { published.usage }

    /// How often its file was opened anew because it was damaged. Its batches may be others since.
    package var openings: Int { published.openings }

    /// How it is now. Waits for nothing, also while the disk does not answer.
    package var health: SpoolHealth { reading.health }

    /// Stores one record: `payload` is a row as one line of JSON in UTF-8.
    package func append(_ payload: [UInt8]) async throws(SpoolError) {
        try await queue.append(.one(Payload(payload)))
    }

    /// Stores all of the records or, when it throws, none.
    package func append(contentsOf payloads: [[UInt8]]) async throws(SpoolError) {
        if payloads.isEmpty { return }
        try await queue.append(.many(payloads.map(Payload.init)))
    }

    /// The batches that were frozen and not acknowledged, in the order of their records.
    package var batches: [Batch] { published.batches }

    /// Freezes the oldest pending records as a new batch and commits it. Called by one task at a time.
    ///
    /// - Parameters:
    ///   - maxRecords: the most records of the batch.
    ///   - maxBytes: the most payload bytes of the batch; a single record may be larger.
    /// - Returns: nil when nothing is pending.
    package func freeze(maxRecords: Int, maxBytes: Int) async throws(SpoolError) -> FrozenBatch? {
        while true {
            let summary = published.summary
            let now = clock.now
            if summary.pending == 0 { return nil }
            let candidate = try await reading.runSettingAside { [tokens] database throws(SQLiteError) in
                // The file is ahead of `published` while a commit is being published.
                let candidate = try database.readPending(
                    after: summary.frozenThrough,
                    maxRecords: maxRecords,
                    maxBytes: maxBytes,
                    expectedBytes: summary.expectedBytes(of: maxRecords, atMost: maxBytes),
                    tokens: tokens,
                    now: now
                )
                if candidate == nil, try database.integer("SELECT pending FROM spool_status") ?? 0 > 0 {
                    throw SQLiteError.corrupt("there are no records, and some are counted", action: "freeze a batch")
                }
                return candidate
            }
            // They were dropped meanwhile.
            guard let candidate else { return nil }
            try await queue.change(.freeze(candidate.batch))
            if published.current(candidate.batch) != nil { return candidate }
            // Some were dropped meanwhile: others are the oldest now.
        }
    }

    /// Deletes the records of a batch that ClickHouse provably accepted. Does nothing when they are gone already.
    package func acknowledge(_ batch: Batch) async throws(SpoolError) {
        try await queue.change(.acknowledge(batch))
    }

    /// The records of a batch, in their order.
    package func members(of batch: Batch) async throws(SpoolError) -> [BatchMember] {
        try await reading.run(on: batch) { database throws(SQLiteError) in
            try database.checkRecords(of: batch)
            let members = try database.readMembers(of: batch)
            try batch.checkCount(members.count)
            return members
        }
    }

    /// What tells each of the batch's records from others in the destination, in their order.
    ///
    /// - Parameters:
    ///   - idField: the payload's field that identifies a record.
    ///   - timeField: a field with a time as `2026-11-22T16:23:00.123Z`.
    ///   - isSample: reads only the first hundred ids, and every hundredth.
    /// - Returns: the first field's JSON text and the second in whole seconds since 1970; nil for a record without the
    ///   first, `seconds` nil without a time.
    package func keys(
        of batch: Batch,
        idField: String,
        timeField: String?,
        isSample: Bool = false
    ) async throws(SpoolError) -> [(id: String, seconds: Int64?)?] {
        try await reading.run(on: batch) { database throws(SQLiteError) in
            try database.checkRecords(of: batch)
            let keys = try database.readKeys(of: batch, idField: idField, timeField: timeField, isSample: isSample)
            if !isSample { try batch.checkCount(keys.count) }
            return keys
        }
    }

    /// Puts smaller batches with tokens of their own in the place of one, in a single commit. What no piece holds is
    /// deleted: it was delivered. Does nothing when the batch is gone already.
    ///
    /// - Parameters:
    ///   - members: all of the batch's records.
    ///   - pieces: some of them each, in their order, none twice.
    package func replace(
        _ batch: Batch,
        members: [BatchMember],
        with pieces: [[BatchMember]]
    ) async throws(SpoolError) -> [Batch] {
        let now = clock.now
        let children = pieces.map { (batch: batch.child(token: tokens.next(), $0, frozenAt: now), members: $0) }
        try await queue.change(.replace(batch, members: members, children: children))
        return children.map(\.batch)
    }

    /// Moves a batch's records to the dead letters.
    ///
    /// - Parameters:
    ///   - code: ClickHouse's error code.
    ///   - message: why they cannot be delivered.
    package func deadLetter(_ batch: Batch, code: Int?, message: String) async throws(SpoolError) {
        try await queue.change(.deadLetter(batch, code: code, message: message))
    }

    /// Keeps how the delivery goes.
    package func report(_ report: DeliveryReport) async throws(SpoolError) {
        try await queue.change(.report(report))
    }

    /// Counts a failed send and keeps its reason, for whoever looks at the spool.
    package func recordFailure(of batch: Batch, error: String) async throws(SpoolError) {
        try await queue.change(.recordFailure(batch, error: error))
    }

    /// When the oldest record that is in no batch was enqueued; nil when there is none.
    package func oldestPending() async throws(SpoolError) -> WallInstant? {
        try await enqueueTime(ofFirstAfter: summary.frozenThrough)
    }

    /// When the oldest record, pending or in flight, was enqueued; nil when there is none.
    package func oldestUndelivered() async throws(SpoolError) -> WallInstant? {
        summary.undelivered == 0 ? nil : try await enqueueTime(ofFirstAfter: 0)
    }

    private func enqueueTime(ofFirstAfter id: Int64) async throws(SpoolError) -> WallInstant? {
        try await reading.run { database throws(SQLiteError) in
            try database.enqueueTime(ofFirstAfter: id).map(WallInstant.init(stored:))
        }
    }

    /// Looks at all of the file, which takes about a second for each GiB. Others go on meanwhile, except reading.
    ///
    /// - Throws: ``SpoolError`` with code `damaged`; the file is set aside then.
    package func verify() async throws(SpoolError) {
        try await reading.runSettingAside { database throws(SQLiteError) in try database.verify() }
    }

    /// Commits what waits, refuses anything new, checkpoints, and lets another owner have the file.
    package func close() async {
        queue.close()
        await hasEnded.value
    }

    /// What is sent for a frozen batch: one payload a line, the same bytes each time.
    package func body(of batch: Batch) async throws(SpoolError) -> [UInt8] {
        try await reading.run(on: batch) { database throws(SQLiteError) in try database.readBody(of: batch) }
    }
}
