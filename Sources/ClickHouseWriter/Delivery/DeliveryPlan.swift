internal import ClickHouseHTTP
internal import SQLiteSpool

/// Which batch is sent next, and what becomes of one that is not accepted: decided here, acted on by ``Flusher``.
///
/// - All is well: the oldest batch first, several at once where that is allowed.
/// - ClickHouse is unreachable, busy or wrong: one batch at a time, later and later.
/// - No answer says whether a batch is stored, and each send may store it again: all wait longer and longer (``DoubtPolicy``).
/// - A batch is refused for its data: it is cut until the record is alone. A record is given up only when it was
///   refused, then something else was accepted, and then it was refused again. Without that proof the table may be
///   wrong, not the record; so the record waits, and what is behind it goes on.
struct DeliveryPlan {
    /// Counts starts and ends of sends: what came after what, whatever the clock says.
    typealias Moment = Int

    enum Step: Equatable {
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
        case split
        case deadLetter
    }

    /// How long to wait until the next try, and how many failures of this kind there were in a row.
    typealias Retry = (delay: Duration, failuresInRow: Int)

    /// Failures in a row that say nothing about the data.
    private struct Outage {
        var latest: InsertFailure
        var failures: Int
        /// Whether the latest is of a preflight: then one that succeeds ends the outage. After a send only a send does.
        var isOfPreflight: Bool
    }

    /// Refusals in a row, nothing accepted between them, that cost no wait: enough to find a good record where some are.
    static let freeRefusals = 20

    private let backoff: BackoffPolicy
    private let jitter: @Sendable () -> Double
    private let maxInFlight: Int

    /// Records of a batch that is not to be cut for a lack of memory.
    private let usualBatchSize: Int

    private(set) var entries: [Entry] = []
    private var others: OtherOwners
    private var moment: Moment = 0

    /// The start of the latest-started send that was accepted, or whose rows were found: the table was fine after it.
    private var provenAt: Moment = -1

    /// Whether "(at row N)" has held true so far.
    private var trustsRows = true
    private var needsPreflight = true
    private var isAsking = false
    private var pause: Pause?
    private var outage: Outage?
    private var refusalsInRow = 0

    /// Sends in a row that may each have stored records again, nothing accepted between them.
    private var doubtsInRow = 0
    private var refusal: InsertFailure?

    /// - Parameters:
    ///   - recovered: what an earlier process left; it may have been sent.
    ///   - recoveredThrough: the last record that was there before.
    ///   - jitter: draws the part of each wait that is waited, from 0 up to 1.
    init(
        configuration: BatchWriterConfiguration,
        recovered: [Batch],
        recoveredThrough: Int64 = 0,
        copiedThrough: Int64 = 0,
        jitter: @escaping @Sendable () -> Double,
        now: WallInstant
    ) {
        self.jitter = jitter
        backoff = BackoffPolicy(minDelay: configuration.minRetryDelay, maxDelay: configuration.maxRetryDelay)
        maxInFlight = configuration.maxInFlight
        usualBatchSize = configuration.maxBatchSize
        others = OtherOwners(
            copiedThrough: copiedThrough,
            recoveredThrough: recoveredThrough,
            recoveredBatchesThrough: recovered.last?.ids.upperBound ?? 0,
            missesLeft: configuration.maxInFlight
        )
        didChange(to: recovered, now: now)
    }

    /// What keeps the delivery from being fine, and the failure that shows it; nil when it is fine.
    var trouble: (state: DeliveryReport.State, failure: InsertFailure)? {
        if let failure = outage?.latest {
            return (failure.kind == .destination || failure.sendsInDoubt > 0 ? .held : .backingOff, failure)
        }
        if let obstacle = entries.lazy.compactMap(\.obstacle).first { return (.backingOff, obstacle) }
        guard let refusal, entries.contains(where: { $0.refusedAt != nil }) else { return nil }
        return (refusesEverything ? .held : .poisoned, refusal)
    }

    var state: DeliveryReport.State { trouble?.state ?? .fine }

    /// Whether the latest answer about the server, not about the data, was a failure.
    var isOut: Bool { outage != nil }

    /// Whether a batch is on its way, or what became of one is being settled.
    var isSending: Bool { entries.contains { $0.isSending } }

    private var refusesEverything: Bool { refusalsInRow > Self.freeRefusals }

    private var repeatsDoubt: Bool { doubtsInRow >= DoubtPolicy.freeSends }

    /// - Parameters:
    ///   - fresh: whether pending records make a new batch.
    ///   - preparesAhead: whether a batch is worth reading before it can be sent.
    mutating func next(now: WallInstant, fresh: FlushPolicy.Decision, preparesAhead: Bool = false) -> Step {
        // What is accepted takes no place at ClickHouse. Unless the spool is slower than that.
        let open = entries.count { $0.isSending }
        let sending = open - min(entries.count { $0.isAccepted }, maxInFlight)
        if isAsking || sending >= (isOut ? 1 : maxInFlight) {
            let isWell = !isAsking && !isOut && refusalsInRow == 0
            let isNextReady = entries.contains { !$0.isSending }
            return preparesAhead && fresh == .sendNow && isWell && !isNextReady
                ? .prepare : .wait(nil, isBlocked: false)
        }
        if let rest = pause?.rest(now) { return .wait(rest, isBlocked: open == 0) }
        if needsPreflight {
            isAsking = true
            return .preflight
        }
        let ready = entries.filter { !$0.isSending && ($0.pause?.rest(now) == nil || isProven($0)) }
        // While nothing is accepted, what was not tried yet is likelier to show that the table is fine.
        let isProbing = refusesEverything || repeatsDoubt
        let isUntriedFirst = isProbing && ready.allSatisfy { $0.startedAt != nil }
        if fresh == .sendNow, ready.isEmpty || isUntriedFirst { return .freeze }
        if let first = isProbing ? ready.min(by: { $0.startedAt ?? -1 < $1.startedAt ?? -1 }) : ready.first {
            start(first.batch)
            return .send(first.batch)
        }
        let rests = entries.compactMap { $0.isSending ? nil : $0.pause?.rest(now) }
        let freshDelay: Duration? = if case .wait(let delay) = fresh { delay } else { nil }
        return .wait((rests + [freshDelay].compactMap(\.self)).min(), isBlocked: !rests.isEmpty && open == 0)
    }

    /// Tries everything that was put off once more, but what each try may store again.
    mutating func hurry() {
        if !repeatsDoubt { pause = nil }
        for index in entries.indices where entries[index].doubts < DoubtPolicy.freeSends { entries[index].pause = nil }
    }

    mutating func pause(_ duration: Duration, now: WallInstant) {
        pause = Pause(duration, from: now)
    }

    // MARK: What happened

    mutating func didPreflight() {
        isAsking = false
        needsPreflight = false
        if outage?.isOfPreflight == true { recover() }
    }

    mutating func didFailPreflight(_ failure: InsertFailure, now: WallInstant) -> Retry {
        isAsking = false
        let delay = noteOutage(failure, isOfPreflight: true, now)
        return (delay, outage?.failures ?? 0)
    }

    mutating func didFreeze(_ batch: Batch) {
        didPrepare(batch)
        start(batch)
    }

    mutating func didPrepare(_ batch: Batch) {
        if entry(of: batch) == nil { entries.append(Entry(batch: batch, mayBeElsewhere: others.mayHave(batch))) }
    }

    /// ClickHouse has it; the spool is about to delete it.
    mutating func didAccept(_ batch: Batch) {
        guard let startedAt = self[batch].startedAt else { preconditionFailure("\(batch.token) was never sent") }
        self[batch].isAccepted = true
        moment += 1
        prove(startedAt)
        if self[batch].suspicion == .accused { trustsRows = false }
        recover()
    }

    /// ClickHouse has taken it, its views too; whether the table has its rows is still asked.
    mutating func didPassViews(_ batch: Batch) {
        self[batch].mayLackInView = false
    }

    /// The spool has deleted it.
    mutating func didDeliver(_ batch: Batch) {
        entries.removeAll { $0.batch.token == batch.token }
    }

    /// The table has it. Which of its sends stored it is not known: the first, at the earliest. Or another owner of the file did, at any
    /// time.
    mutating func didFind(_ batch: Batch) {
        let entry = self[batch]
        if entry.isDoubtful, !entry.mayBeElsewhere, let start = entry.firstStartedAt { prove(start) }
        didRemove(batch)
    }

    /// The table has taken what was sent at this moment or later.
    private mutating func prove(_ start: Moment) {
        provenAt = max(provenAt, start)
        refusalsInRow = 0
        doubtsInRow = 0
    }

    /// It was given up, so it proves nothing about the table.
    mutating func didRemove(_ batch: Batch) {
        didDeliver(batch)
        recover()
    }

    /// - Parameter suspicions: what ClickHouse's error said of each child; empty when it said nothing.
    mutating func didReplace(_ batch: Batch, with children: [Batch], suspicions: [Suspicion?] = []) {
        entries.removeAll { entry in children.contains { $0.token == entry.batch.token } }
        recover()
        let index = known(batch)
        let parent = entries[index]
        entries.replaceSubrange(
            index...index,
            with: children.enumerated().map { number, child in
                Entry(
                    batch: child,
                    mayBeElsewhere: others.mayStillHave(child),
                    // Its records were tried, with the parent.
                    firstStartedAt: parent.firstStartedAt,
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

    /// A failure of the batch is in the spool; the batch may be sent again.
    mutating func didKeep(_ batch: Batch) {
        if let index = index(of: batch) { entries[index].isSending = false }
    }

    /// The attempt ended without an answer about the batch: the spool failed, or the writer is being closed.
    mutating func didGiveUp(_ batch: Batch, now: WallInstant) {
        guard var entry = entry(of: batch) else { return }
        entry.isSending = false
        entry.doubt(since: now)
        self[batch] = entry
    }

    /// It is certain that none of it is stored.
    mutating func didSettle(_ batch: Batch) {
        self[batch].isDoubtful = false
        self[batch].mustBeAsked = false
        self[batch].mayRunSince = nil
        didFindNowhere(batch)
    }

    /// No other owner of the file has delivered any of it so far. Its own sends may still be running.
    mutating func didFindNowhere(_ batch: Batch) {
        guard let index = index(of: batch), entries[index].mayBeElsewhere else { return }
        entries[index].mayBeElsewhere = others.mayStillHave(batch)
        guard others.didMiss(batch) else { return }
        for index in entries.indices where !others.mayHave(entries[index].batch) {
            entries[index].mayBeElsewhere = false
        }
    }

    /// The table could not be asked what of the batch is stored.
    mutating func didFailToAsk(_ batch: Batch, _ failure: InsertFailure, now: WallInstant) -> Retry {
        var entry = self[batch]
        entry.isDoubtful = true
        entry.count(failure)
        let delay = wait(&entry, failure, now)
        self[batch] = entry
        return (delay, failuresInRow(entry, failure))
    }

    /// The batch was not accepted.
    ///
    /// - Parameters:
    ///   - canAsk: whether the destination says which records it has.
    ///   - isAtLeastOnce: whether each send may store the batch again.
    /// - Returns: what to do, the batch and the failure with the sends in doubt counted, and how many failures of this kind there were
    ///   in a row.
    mutating func didFail(
        _ batch: Batch,
        _ failure: InsertFailure,
        canAsk: Bool,
        isAtLeastOnce: Bool,
        now: WallInstant
    ) -> (verdict: Verdict, batch: Batch, failure: InsertFailure, failuresInRow: Int) {
        moment += 1
        var entry = self[batch]
        var failure = failure
        if isAtLeastOnce, failure.kind == .outcomeUnknown {
            entry.doubts += 1
            doubtsInRow += 1
            let sends = max(entry.doubts, doubtsInRow)
            if sends >= DoubtPolicy.freeSends { failure.sendsInDoubt = sends }
        }
        entry.count(failure)
        if failure.mayHaveBeenStored {
            let mayRun = !failure.isRefusal || failure.code == nil
            entry.doubt(since: mayRun ? now : nil)
            if failure.mustBeAsked { entry.mustBeAsked = true }
        }
        let lacksMemory = failure.kind == .transient && failure.code == ExceptionCode.memoryLimitExceeded
        let verdict: Verdict =
            if failure.isRefusal, !failure.acceptsElsewhere {
                judge(&entry, failure, now)
            } else if lacksMemory, canAsk, entry.batch.records > usualBatchSize {
                // It may be stored nevertheless, so only where the table can be asked.
                .split
            } else {
                .keep(wait(&entry, failure, now))
            }
        self[batch] = entry
        return (verdict, entry.batch, failure, failuresInRow(entry, failure))
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

    // MARK: Failures

    private mutating func wait(_ entry: inout Entry, _ failure: InsertFailure, _ now: WallInstant) -> Duration {
        let delay: Duration
        let isDoubtOfBatch = failure.sendsInDoubt > 0 && !repeatsDoubt
        if failure.concernsBatchAlone || isDoubtOfBatch {
            delay = self.delay(failure, failures: entry.failures)
            entry.obstacle = failure
        } else {
            delay = noteOutage(failure, isOfPreflight: false, now)
        }
        // The batch's own wait, also when another one is accepted meanwhile.
        entry.pause = Pause(delay, from: now)
        return delay
    }

    private mutating func judge(_ entry: inout Entry, _ failure: InsertFailure, _ now: WallInstant) -> Verdict {
        // The server is there, and read the batch.
        recover()
        refusalsInRow += 1
        refusal = failure
        if refusesEverything {
            pause = Pause(delay(failure, failures: refusalsInRow - Self.freeRefusals), from: now)
        }
        if let suspicion = entry.suspicion { trustsRows = suspicion == .accused }
        if entry.batch.records > 1 {
            // Whatever was accepted before says nothing any more: the table may have been changed since.
            entry.refusedAt = moment
            return .split
        }
        if isProven(entry) { return .deadLetter }
        entry.refusedAt = entry.refusedAt ?? moment
        let delay = delay(failure, failures: entry.failures)
        entry.pause = Pause(delay, from: now)
        return .keep(delay)
    }

    private mutating func noteOutage(_ failure: InsertFailure, isOfPreflight: Bool, _ now: WallInstant) -> Duration {
        let failures = (outage?.failures ?? 0) + 1
        outage = Outage(latest: failure, failures: failures, isOfPreflight: isOfPreflight)
        // What holds the records may be fixed by another table, other columns, another server.
        if isOfPreflight || failure.kind == .destination { needsPreflight = true }
        let delay = delay(failure, failures: failures)
        pause = Pause(delay, from: now)
        return delay
    }

    private func delay(_ failure: InsertFailure, failures: Int) -> Duration {
        if let delay = DoubtPolicy.delay(afterSends: failure.sendsInDoubt) { return delay }
        return backoff.delay(failures: failures, retryAfter: failure.retryAfter, random: jitter())
    }

    private func failuresInRow(_ entry: Entry, _ failure: InsertFailure) -> Int {
        failure.isRefusal || entry.obstacle != nil ? entry.failures : outage?.failures ?? 0
    }

    private mutating func recover() {
        outage = nil
        pause = nil
    }

    // MARK: Entries

    /// Whether the batch was refused, and something that was sent afterwards accepted.
    private func isProven(_ entry: Entry) -> Bool { entry.refusedAt.map { provenAt > $0 } ?? false }

    private mutating func start(_ batch: Batch) {
        moment += 1
        var entry = self[batch]
        entry.isSending = true
        entry.firstStartedAt = entry.firstStartedAt ?? moment
        entry.startedAt = moment
        entry.pause = nil
        entry.obstacle = nil
        self[batch] = entry
    }

    func entry(of batch: Batch) -> Entry? { index(of: batch).map { entries[$0] } }

    private subscript(batch: Batch) -> Entry {
        get { entries[known(batch)] }
        set { entries[known(batch)] = newValue }
    }

    /// What is sent stays in the plan until it is settled, and nothing but its own attempt settles it.
    private func known(_ batch: Batch) -> Int {
        guard let index = index(of: batch) else { preconditionFailure("\(batch.token) is sent, and not planned") }
        return index
    }

    private func index(of batch: Batch) -> Int? { entries.firstIndex { $0.batch.token == batch.token } }
}
