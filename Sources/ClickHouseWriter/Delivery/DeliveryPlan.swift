internal import ClickHouseHTTP
internal import SQLiteSpool

/// Which batch is sent next, and what becomes of one that is not accepted: decided here, acted on by ``Flusher``.
///
/// - All is well: the oldest batch first, several at once where that is allowed.
/// - ClickHouse is away, busy or wrong: one batch at a time, later and later.
/// - A batch is refused for its data: it is cut until the record is alone. A record is given up only when it was
///   refused, then something else was accepted, and then it was refused again. Without that proof the table may be
///   wrong, not the record; so the record waits, and what is behind it goes on.
struct DeliveryPlan {
    /// Counts starts and ends of sends: what came after what, whatever the clock says.
    typealias Moment = Int

    enum Step: Equatable {
        /// Ask the destination what it is.
        case preflight
        case send(Batch)
        case freeze
        /// Freeze a batch and keep it for when the next one may be sent.
        case prepare
        /// - isBlocked: something is left that could be sent, and waits, and nothing is being sent.
        case wait(Duration?, isBlocked: Bool)
    }

    enum Verdict: Equatable {
        /// The same batch again, after this.
        case keep(Duration)
        /// Smaller batches instead of it.
        case split
        case deadLetter
    }

    /// Refusals in a row, nothing accepted between them, that cost no wait: enough to find a good record where some are.
    static let freeRefusals = 20

    private let backoff: BackoffPolicy
    private let maxInFlight: Int

    /// Records of a batch that is not to be cut for a lack of memory.
    private let usualBatchSize: Int

    private(set) var entries: [Entry]
    private var moment: Moment = 0

    /// The start of the latest-started send that was accepted: the table was fine after it.
    private var provenAt: Moment = -1

    /// Whether "(at row N)" has held true so far.
    private var trustsRows = true
    private var needsPreflight = true
    private var isAsking = false
    private var hasFailedPreflight = false
    private var pause: Pause?

    /// Failures in a row that say nothing about the data, and the latest of them.
    private(set) var failuresInRow = 0
    private(set) var failure: InsertFailure?

    private var refusalsInRow = 0
    private var refusal: InsertFailure?

    /// Records up to this id were in the file when it was copied. Each batch of them is asked for whenever it is to be sent.
    private let copiedThrough: Int64

    /// Records up to this id were there when the writer began. Of a file that was rolled back, an owner that left no trace may have
    /// delivered some: of what was in batches any, of the rest the oldest first. So each of those batches is asked for, and of those
    /// that are frozen now until one is wholly missing, or as many as may be in flight at once.
    private var recoveredThrough: Int64
    private let recoveredBatchesThrough: Int64
    private var missesLeft: Int

    /// - Parameters:
    ///   - recovered: what an earlier process left; it may have been sent.
    ///   - recoveredThrough: the last record that was there before.
    ///   - copiedThrough: the last record that was in the file when it was copied; 0 when it is no copy.
    init(
        configuration: BatchWriterConfiguration,
        recovered: [Batch],
        recoveredThrough: Int64 = 0,
        copiedThrough: Int64 = 0,
        now: WallInstant
    ) {
        self.recoveredThrough = recoveredThrough
        recoveredBatchesThrough = recovered.last?.ids.upperBound ?? 0
        self.copiedThrough = copiedThrough
        missesLeft = configuration.maxInFlight
        backoff = BackoffPolicy(minDelay: configuration.minRetryDelay, maxDelay: configuration.maxRetryDelay)
        maxInFlight = configuration.maxInFlight
        usualBatchSize = configuration.maxBatchSize
        entries = recovered.map { Entry(recovered: $0, now: now) }
    }

    /// How the delivery goes, in the words of the status.
    var state: (state: DeliveryReport.State, reason: String?) {
        if let failure { return (failure.kind == .destination ? .held : .backingOff, failure.description) }
        if let obstacle = entries.lazy.compactMap(\.obstacle).first { return (.backingOff, obstacle.description) }
        guard let refusal, entries.contains(where: { $0.refusedAt != nil }) else { return (.fine, nil) }
        return (refusesEverything ? .held : .poisoned, refusal.description)
    }

    /// Why it is not fine, for who may not see the records or the server's insides: never in the server's words.
    var publicReason: String? {
        if let failure { return failure.withoutQuotes }
        if let obstacle = entries.lazy.compactMap(\.obstacle).first { return obstacle.withoutQuotes }
        return state.state == .fine ? nil : refusal?.withoutQuotes
    }

    /// Whether a batch is on its way, or what became of one is being settled.
    var isSending: Bool { entries.contains { $0.isSending } }

    private var refusesEverything: Bool { refusalsInRow > Self.freeRefusals }

    /// - Parameters:
    ///   - fresh: whether pending records make a new batch.
    ///   - preparesAhead: whether a batch is worth reading before it can be sent.
    mutating func next(now: WallInstant, fresh: FlushPolicy.Decision, preparesAhead: Bool = false) -> Step {
        // What is accepted takes no place at ClickHouse. Unless the spool is slower than that.
        let open = entries.count { $0.isSending }
        let sending = open - min(entries.count { $0.isAccepted }, maxInFlight)
        if isAsking || sending >= (failuresInRow > 0 ? 1 : maxInFlight) {
            let isNextReady = entries.contains { !$0.isSending }
            let isWell = !isAsking && failuresInRow == 0 && refusalsInRow == 0
            return preparesAhead && fresh == .sendNow && isWell && !isNextReady
                ? .prepare : .wait(nil, isBlocked: false)
        }
        if let rest = pause?.rest(now) { return .wait(rest, isBlocked: open == 0) }
        if needsPreflight {
            isAsking = true
            return .preflight
        }
        let ready = entries.indices.filter { isReady($0, now) }
        // While nothing is accepted, what was not tried yet is likelier to show that the table is fine.
        let isUntriedFirst = refusesEverything && ready.allSatisfy { entries[$0].startedAt != nil }
        if fresh == .sendNow, ready.isEmpty || isUntriedFirst { return .freeze }
        let first = refusesEverything ? ready.min { rank($0) < rank($1) } : ready.first
        if let first {
            start(first)
            return .send(entries[first].batch)
        }
        let rests = entries.indices.compactMap { index in
            entries[index].isSending ? nil : entries[index].pause?.rest(now)
        }
        let waits = rests + (fresh.delay.map { [$0] } ?? [])
        return .wait(waits.min(), isBlocked: !rests.isEmpty && open == 0)
    }

    /// Nobody wants to wait: everything that was put off is tried once more.
    mutating func hurry() {
        pause = nil
        for index in entries.indices { entries[index].pause = nil }
    }

    // MARK: What happened

    mutating func didPreflight() {
        isAsking = false
        needsPreflight = false
        // After a send that failed only one that does not shows that all is well again.
        if hasFailedPreflight { recover() }
    }

    /// - Returns: how long to wait until the next try.
    mutating func didFailPreflight(_ failure: InsertFailure, now: WallInstant, random: Double) -> Duration {
        isAsking = false
        let delay = noteOutage(failure, now, random)
        needsPreflight = true
        hasFailedPreflight = true
        return delay
    }

    mutating func didFreeze(_ batch: Batch) {
        didPrepare(batch)
        start(known(batch))
    }

    mutating func didPrepare(_ batch: Batch) {
        if index(of: batch) != nil { return }
        let mayBeElsewhere = batch.ids.lowerBound <= max(recoveredThrough, copiedThrough)
        entries.append(Entry(batch: batch, mayBeElsewhere: mayBeElsewhere))
    }

    /// ClickHouse has it; the spool is about to let it go.
    mutating func didAccept(_ batch: Batch) {
        let index = known(batch)
        guard let startedAt = entries[index].startedAt else { preconditionFailure("\(batch.token) was never sent") }
        entries[index].isAccepted = true
        moment += 1
        provenAt = max(provenAt, startedAt)
        if entries[index].suspicion == .accused { trustsRows = false }
        refusalsInRow = 0
        recover()
    }

    /// The spool has let it go.
    mutating func didDeliver(_ batch: Batch) {
        _ = remove(batch)
    }

    /// It was stored before, or given up, so it proves nothing about the table.
    mutating func didRemove(_ batch: Batch) {
        _ = remove(batch)
        recover()
    }

    /// - Parameter suspicions: what ClickHouse's error said of each child; empty when it said nothing.
    mutating func didReplace(_ batch: Batch, with children: [Batch], suspicions: [Suspicion?] = []) {
        entries.removeAll { entry in children.contains { $0.token == entry.batch.token } }
        let index = known(batch)
        recover()
        let parent = entries[index]
        entries.replaceSubrange(
            index...index,
            with: children.enumerated().map { number, child in
                Entry(
                    batch: child,
                    mayBeElsewhere: child.ids.lowerBound <= copiedThrough,
                    // Its records were tried, with the parent.
                    startedAt: parent.startedAt,
                    refusedAt: parent.refusedAt,
                    suspicion: suspicions.isEmpty ? nil : suspicions[number]
                )
            }
        )
    }

    /// The spool has other batches than were planned: damaged records were set aside, or all was salvaged. What is on its way ends
    /// as it would have.
    mutating func didChange(to batches: [Batch], now: WallInstant) {
        for batch in batches {
            if let index = index(of: batch) {
                entries[index].batch = batch
            } else {
                entries.append(Entry(recovered: batch, now: now))
            }
        }
        entries.removeAll { entry in !entry.isSending && !batches.contains { $0.token == entry.batch.token } }
        entries.sort { $0.batch.ids.lowerBound < $1.batch.ids.lowerBound }
    }

    /// Whether the batch may be stored without our knowing.
    func isDoubtful(_ batch: Batch) -> Bool {
        index(of: batch).map { entries[$0].isDoubtful } ?? false
    }

    /// Whether another copy of the spool may have delivered some of the batch, under other tokens.
    func mayBeElsewhere(_ batch: Batch) -> Bool {
        index(of: batch).map { entries[$0].mayBeElsewhere } ?? false
    }

    /// Since when a send of the batch may still be running; nil when none can be.
    func mayRunSince(_ batch: Batch) -> WallInstant? {
        index(of: batch).flatMap { entries[$0].mayRunSince }
    }

    /// Nobody could say what of the batch is stored.
    ///
    /// - Returns: how long to wait until the next try, and how many failures of this kind there were in a row.
    mutating func didFailToAsk(
        _ batch: Batch,
        _ failure: InsertFailure,
        now: WallInstant,
        random: Double
    ) -> (delay: Duration, failuresInRow: Int) {
        let index = known(batch)
        entries[index].isDoubtful = true
        count(failure, index)
        let delay = wait(index, failure, now, random)
        return (delay, failuresInRow(index, failure))
    }

    /// A failure of the batch is in the spool; the batch may be sent again.
    mutating func didKeep(_ batch: Batch) {
        if let index = index(of: batch) { entries[index].isSending = false }
    }

    /// It is certain that none of it is stored.
    mutating func didSettle(_ batch: Batch) {
        let index = known(batch)
        entries[index].isDoubtful = false
        entries[index].mayRunSince = nil
        didFindNowhere(batch)
    }

    /// No other copy of the spool has delivered any of it so far. Its own sends may still be running.
    mutating func didFindNowhere(_ batch: Batch) {
        guard let found = index(of: batch), entries[found].mayBeElsewhere else { return }
        entries[found].mayBeElsewhere = batch.ids.lowerBound <= copiedThrough
        guard batch.ids.lowerBound > recoveredBatchesThrough else { return }
        missesLeft -= 1
        if missesLeft > 0 { return }
        recoveredThrough = 0
        let asked = max(copiedThrough, recoveredBatchesThrough)
        for index in entries.indices where entries[index].batch.ids.lowerBound > asked {
            entries[index].mayBeElsewhere = false
        }
    }

    /// The attempt ended without an answer about the batch: the spool failed, or the writer is being closed.
    mutating func didGiveUp(_ batch: Batch, now: WallInstant) {
        guard let index = index(of: batch) else { return }
        entries[index].isSending = false
        entries[index].isDoubtful = true
        entries[index].mayRunSince = entries[index].mayRunSince ?? now
    }

    mutating func pause(_ duration: Duration, now: WallInstant) {
        pause = Pause(duration, from: now)
    }

    /// The batch was not accepted.
    ///
    /// - Parameters:
    ///   - canAsk: whether the destination says which records it has.
    ///   - random: from 0 up to 1.
    /// - Returns: what to do, the batch with its failure counted, and how many failures of this kind there were in a row.
    mutating func didFail(
        _ batch: Batch,
        _ failure: InsertFailure,
        canAsk: Bool,
        now: WallInstant,
        random: Double
    ) -> (verdict: Verdict, batch: Batch, failuresInRow: Int) {
        let index = known(batch)
        moment += 1
        count(failure, index)
        if failure.mayHaveBeenStored { entries[index].isDoubtful = true }
        if failure.mayHaveBeenStored, !failure.isRefusal || failure.code == nil {
            entries[index].mayRunSince = entries[index].mayRunSince ?? now
        }
        let verdict: Verdict
        if failure.isRefusal {
            verdict = judge(index, failure, now, random)
        } else if failure.kind == .transient, failure.code == ExceptionCode.memoryLimitExceeded, canAsk,
            entries[index].batch.records > usualBatchSize
        {
            // It may be stored all the same, so only where the table can be asked.
            verdict = .split
        } else {
            verdict = .keep(wait(index, failure, now, random))
        }
        return (verdict, entries[index].batch, failuresInRow(index, failure))
    }

    private mutating func count(_ failure: InsertFailure, _ index: Int) {
        entries[index].failures += 1
        entries[index].batch.attempts += 1
        entries[index].batch.lastError = failure.description
    }

    private func failuresInRow(_ index: Int, _ failure: InsertFailure) -> Int {
        failure.isRefusal || failure.concernsBatchAlone ? entries[index].failures : failuresInRow
    }

    /// How the members of a batch that was refused are sent next, and what the error says of each piece.
    func pieces<Member>(of members: [Member], badRow: Int?) -> (pieces: [[Member]], suspicions: [Suspicion?]) {
        guard trustsRows, let badRow, members.indices.contains(badRow - 1) else {
            let half = members.count / 2
            return ([Array(members[..<half]), Array(members[half...])], [nil, nil])
        }
        let all: [([Member], Suspicion?)] = [
            (Array(members[..<(badRow - 1)]), .cleared), ([members[badRow - 1]], .accused),
            (Array(members[badRow...]), nil),
        ]
        let pieces = all.filter { !$0.0.isEmpty }
        return (pieces.map(\.0), pieces.map(\.1))
    }

    private mutating func wait(
        _ index: Int,
        _ failure: InsertFailure,
        _ now: WallInstant,
        _ random: Double
    ) -> Duration {
        let delay: Duration
        if failure.concernsBatchAlone {
            delay = delayOfBatch(index, failure, random)
            entries[index].obstacle = failure
        } else {
            delay = noteOutage(failure, now, random)
        }
        // The batch's own wait, also when another one is accepted meanwhile.
        entries[index].pause = Pause(delay, from: now)
        return delay
    }

    private func delayOfBatch(_ index: Int, _ failure: InsertFailure, _ random: Double) -> Duration {
        backoff.delay(failures: entries[index].failures, retryAfter: failure.retryAfter, random: random)
    }

    private mutating func judge(
        _ index: Int,
        _ failure: InsertFailure,
        _ now: WallInstant,
        _ random: Double
    ) -> Verdict {
        // The server is there, and read the batch.
        recover()
        refusalsInRow += 1
        refusal = failure
        if refusesEverything {
            let delay = backoff.delay(
                failures: refusalsInRow - Self.freeRefusals,
                retryAfter: failure.retryAfter,
                random: random
            )
            pause = Pause(delay, from: now)
        }
        if entries[index].suspicion == .cleared { trustsRows = false }
        if entries[index].suspicion == .accused { trustsRows = true }
        if entries[index].batch.records > 1 {
            // Whatever was accepted before says nothing any more: the table may have been changed since.
            entries[index].refusedAt = moment
            return .split
        }
        let isProven = isProven(entries[index])
        entries[index].refusedAt = entries[index].refusedAt ?? moment
        if isProven { return .deadLetter }
        let delay = delayOfBatch(index, failure, random)
        entries[index].pause = Pause(delay, from: now)
        return .keep(delay)
    }

    private mutating func noteOutage(_ failure: InsertFailure, _ now: WallInstant, _ random: Double) -> Duration {
        self.failure = failure
        failuresInRow += 1
        hasFailedPreflight = false
        // What holds us may be mended by another table, other columns, another server.
        if failure.kind == .destination { needsPreflight = true }
        let delay = backoff.delay(failures: failuresInRow, retryAfter: failure.retryAfter, random: random)
        pause = Pause(delay, from: now)
        return delay
    }

    private mutating func recover() {
        failure = nil
        hasFailedPreflight = false
        failuresInRow = 0
        pause = nil
    }

    private func isReady(_ index: Int, _ now: WallInstant) -> Bool {
        let entry = entries[index]
        return !entry.isSending && (entry.pause?.rest(now) == nil || isProven(entry))
    }

    /// Whether the batch was refused, and something that was sent afterwards accepted.
    private func isProven(_ entry: Entry) -> Bool {
        entry.refusedAt.map { provenAt > $0 } ?? false
    }

    private func rank(_ index: Int) -> Moment { entries[index].startedAt ?? -1 }

    private mutating func start(_ index: Int) {
        moment += 1
        entries[index].isSending = true
        entries[index].startedAt = moment
        entries[index].pause = nil
        entries[index].obstacle = nil
    }

    private mutating func remove(_ batch: Batch) -> Entry? {
        index(of: batch).map { entries.remove(at: $0) }
    }

    /// What is sent stays in the plan until it is settled, and nothing but its own attempt settles it.
    private func known(_ batch: Batch) -> Int {
        guard let index = index(of: batch) else { preconditionFailure("\(batch.token) is sent, and not planned") }
        return index
    }

    private func index(of batch: Batch) -> Int? {
        entries.firstIndex { $0.batch.token == batch.token }
    }
}

extension FlushPolicy.Decision {
    fileprivate var delay: Duration? {
        if case .wait(let delay) = self { delay } else { nil }
    }
}
