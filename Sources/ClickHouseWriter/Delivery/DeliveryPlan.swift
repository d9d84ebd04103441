internal import ClickHouseHTTP
internal import SQLiteSpool

/// Which batch is sent next, and what becomes of it: decided here, done by ``DeliveryLoop``.
///
/// The loop asks what to begin (``next(now:fresh:preparesAhead:isFull:)``) and says what has happened (``handle(_:now:)``, and of one batch
/// ``handle(_:of:destination:now:)``). Nothing else changes the plan, and an event that cannot be is a mistake of the program.
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
        case look
        case send(Batch)
        case freeze
        /// Freeze a batch and keep it for when the next one may be sent.
        case prepare
        /// - isBlocked: something is left that could be sent, and waits, and nothing is being sent.
        case wait(Duration?, isBlocked: Bool)
    }

    /// What happened to no batch that is being sent.
    enum Event {
        /// The server was looked at; with the failure where that failed.
        case looked(InsertFailure?)
        case frozen(Batch)
        /// A batch was frozen that is sent later.
        case prepared(Batch)
        /// A caller waits: everything that was put off is tried once more, but what each try may store again.
        case hurried
        /// The spool failed.
        case stalled(Duration)
        /// The spool has other batches than were planned: damaged records were set aside, or all was salvaged. What is on its way ends as it
        /// would have.
        case batches([Batch])
    }

    /// How long to wait until the next try, and how many failures of this kind there were in a row.
    typealias Retry = (delay: Duration, failuresInRow: Int)

    /// Failures in a row that say nothing about the data.
    struct Outage {
        var latest: InsertFailure
        var failures: Int
        /// Whether the server was not reached, or not good to send to, in the latest: then a look that succeeds ends the outage. After any other
        /// send only a send does.
        var endsWithLook: Bool
    }

    /// Failures in a row that fewer records may avoid, before a batch is cut.
    static let equalFailures = 3

    /// A look carries no rows, so it is worth more often than a send that backs off.
    private static let lookInterval = Duration.seconds(2)

    /// One look serves all batches in doubt for so long: then the table may have been changed again.
    private static let lookLasts = Duration.seconds(5)

    /// Refusals in a row, nothing accepted between them, that cost no wait: enough to find a good record where some are.
    static let freeRefusals = 20

    private let backoff: BackoffPolicy
    private let jitter: @Sendable () -> Double
    private let maxInFlight: Int

    /// Records of a batch that is not to be cut for a lack of memory.
    let usualBatchSize: Int

    /// Whether records have something that the table can be asked for.
    let hasIdentity: Bool

    var entries: [Entry] = []
    var others: OtherOwners
    var sizing: BatchSizing
    var moment: Moment = 0

    /// The start of the latest-started send that was accepted, or whose rows were found: the table was fine after it.
    private var provenAt: Moment = -1

    /// Whether "(at row N)" has held true so far.
    var trustsRows = true
    var mustLook = true
    private var isLooking = false
    /// When a look last succeeded; nil when something failed since that was no refusal of rows.
    private var latestLook: WallInstant?
    var pause: Pause?
    private var lookPause: Pause?
    private(set) var outage: Outage?

    /// Nothing accepted between them.
    var refusalsInRow = 0

    /// Batches with a field that the table lacks, since a look last found the table not as it must be.
    var unknownFields = 0

    /// A twentieth of those that wait alone (``Entry/waitsAlone``) is tried after each, so each of them after twenty.
    private var alonePause: Pause?

    /// Whether the latest that was sent waited alone.
    private var wasAlone = false

    /// How many may still be tried before the next pause.
    private var aloneTries = 1

    /// Pauses in a row, none of them accepted in between.
    private var aloneRounds = 0

    /// Whether the latest that was sent had not been tried before.
    private var hasProbedFresh = false

    /// Sends in a row that may each have stored records again, nothing accepted between them.
    var doubtsInRow = 0
    var refusal: InsertFailure?

    /// - Parameters:
    ///   - recovered: what an earlier process left; it may have been sent.
    ///   - recoveredThrough: the last record that was there before.
    ///   - jitter: draws the part of each wait that is waited, from 0 up to 1.
    init(
        configuration: BatchWriterConfiguration,
        hasIdentity: Bool = false,
        recovered: [Batch],
        recoveredThrough: Int64 = 0,
        copiedThrough: Int64 = 0,
        jitter: @escaping @Sendable () -> Double,
        now: WallInstant
    ) {
        self.jitter = jitter
        self.hasIdentity = hasIdentity
        backoff = BackoffPolicy(minDelay: configuration.minRetryDelay, maxDelay: configuration.maxRetryDelay)
        maxInFlight = configuration.maxInFlight
        usualBatchSize = configuration.maxBatchSize
        sizing = BatchSizing(
            usual: configuration.maxBatchSize,
            most: configuration.catchUpBatchSize ?? 0,
            isCatchingUp: configuration.isCatchingUp
        )
        others = OtherOwners(
            copiedThrough: copiedThrough,
            recoveredThrough: recoveredThrough,
            recoveredBatchesThrough: recovered.last?.ids.upperBound ?? 0,
            missesLeft: configuration.maxInFlight
        )
        follow(recovered, now)
    }

    // MARK: How it goes

    /// What keeps the delivery from being fine, and the failure that shows it; nil when it is fine.
    var trouble: (state: DeliveryReport.State, failure: InsertFailure)? {
        if let failure = outage?.latest {
            return (failure.kind == .destination || failure.sendsInDoubt > 0 ? .held : .backingOff, failure)
        }
        if let obstacle = entries.lazy.compactMap(\.obstacle).first {
            return (obstacle.kind == .destination ? .poisoned : .backingOff, obstacle)
        }
        guard let refusal, entries.contains(where: { $0.refusedAt != nil || $0.refusal != nil }) else { return nil }
        return (refusesEverything ? .held : .poisoned, refusal)
    }

    var state: DeliveryReport.State { trouble?.state ?? .fine }

    /// Whether the latest answer about the server, not about the data, was a failure.
    var isOut: Bool { outage != nil }

    /// Whether a batch is on its way, or what became of one is being settled.
    var isSending: Bool { entries.contains(where: \.isOpen) }

    var refusesEverything: Bool { refusalsInRow > Self.freeRefusals }

    var repeatsDoubt: Bool { doubtsInRow >= DoubtPolicy.freeSends }

    /// Whether all batches with records up to an id wait after a failure. There is at least one.
    func isStuck(through id: Int64, _ now: WallInstant) -> Bool {
        let batches = entries.filter { $0.batch.ids.lowerBound <= id }
        return !batches.isEmpty && batches.allSatisfy { !$0.isOpen && rest($0, now) != nil }
    }

    // MARK: What to begin

    /// - Parameters:
    ///   - fresh: whether pending records make a new batch.
    ///   - preparesAhead: whether a batch is worth reading before it can be sent.
    ///   - isFull: whether the spool refuses records because it has so many.
    mutating func next(
        now: WallInstant,
        fresh: FlushPolicy.Decision,
        preparesAhead: Bool = false,
        isFull: Bool = false
    ) -> Step {
        // What is accepted takes no place at ClickHouse. Unless the spool is slower than that.
        let open = entries.count(where: \.isOpen)
        let sending = open - min(entries.count(where: \.isAccepted), maxInFlight)
        if isLooking || sending >= (isOut || refusesEverything ? 1 : maxInFlight) {
            let isWell = !isLooking && !isOut && refusalsInRow == 0
            let isNextReady = entries.contains { !$0.isOpen && rest($0, now) == nil }
            return preparesAhead && fresh == .sendNow && isWell && !isNextReady
                ? .prepare : .wait(nil, isBlocked: false)
        }
        if mustLook, lookPause?.rest(now) == nil {
            isLooking = true
            return .look
        }
        let rests = [pause?.rest(now), mustLook ? lookPause?.rest(now) : nil].compactMap(\.self)
        if let rest = rests.min() { return .wait(rest, isBlocked: open == 0) }
        let ready = ready(now, besides: fresh)
        // Records that are refused must not keep out those that would show whether the table is fine.
        let isOfSuspects = entries.allSatisfy { $0.refusal != nil && !$0.isOpen }
        if isFull, fresh == .wait(nil), isOfSuspects, let first = ready.first {
            self[first.batch].makesRoom = true
            begin(first.batch)
            return .send(first.batch)
        }
        if fresh == .sendNow, isFreshLikelier(than: ready) { return .freeze }
        if let first = probe(ready) ?? ready.first {
            hasProbedFresh = false
            begin(first.batch)
            return .send(first.batch)
        }
        let waits = entries.compactMap { $0.isOpen ? nil : rest($0, now) }
        let freshDelay: Duration? = if case .wait(let delay) = fresh { delay } else { nil }
        return .wait((waits + [freshDelay].compactMap(\.self)).min(), isBlocked: !waits.isEmpty && open == 0)
    }

    /// What may be sent. Of those that wait alone one at a time, and in turn with the others.
    private func ready(_ now: WallInstant, besides fresh: FlushPolicy.Decision) -> [Entry] {
        let ready = entries.filter { !$0.isOpen && (rest($0, now) == nil || isDue($0)) }
        let others = ready.filter { !$0.waitsAlone }
        let isAloneNext = !wasAlone || others.isEmpty && fresh != .sendNow
        if !isAloneNext || entries.contains(where: { $0.waitsAlone && $0.isOpen }) { return others }
        let alone = ready.filter(\.waitsAlone).min { ($0.startedAt ?? -1) < ($1.startedAt ?? -1) }
        return ready.filter { !$0.waitsAlone || $0.batch.token == alone?.batch.token }
    }

    /// Whether its wait for evidence is over: it was refused, and something else accepted since.
    private func isDue(_ entry: Entry) -> Bool { !entry.waitsAlone && entry.obstacle == nil && isProven(entry) }

    /// How long a batch waits still; nil when it does not.
    private func rest(_ entry: Entry, _ now: WallInstant) -> Duration? {
        [entry.pause, entry.waitsAlone ? alonePause : nil].compactMap { $0?.rest(now) }.max()
    }

    /// Whether a new batch is frozen. While nothing is accepted, what was not tried yet may show sooner that all is well; but an outage
    /// freezes no more than it must, because what is frozen waits in doubt.
    private func isFreshLikelier(than ready: [Entry]) -> Bool {
        if refusesEverything { return ready.isEmpty || !hasProbedFresh }
        if repeatsDoubt { return ready.allSatisfy { $0.startedAt != nil } }
        return isOut ? entries.allSatisfy { $0.isOpen || mayPass($0) } : ready.isEmpty
    }

    /// What is sent while nothing is accepted; nil while all is well. Of what is refused the smallest pieces, so that one batch is cut and the
    /// others stay whole; at the end records that were refused alone. Else the oldest, and after a few failures the one that has waited longest,
    /// so that none holds up all others.
    private func probe(_ ready: [Entry]) -> Entry? {
        func rank(_ entry: Entry) -> (Int, Int) {
            let size = !refusesEverything ? 0 : entry.refusal == nil ? entry.batch.records : .max
            return (size, refusesEverything || repeatsDoubt || mayPass(entry) ? entry.startedAt ?? -1 : -1)
        }
        return refusesEverything || repeatsDoubt || isOut ? ready.min { rank($0) < rank($1) } : nil
    }

    /// Whether younger batches may go before it.
    private func mayPass(_ entry: Entry) -> Bool {
        entry.failures > Self.equalFailures || entry.waitsAlone || entry.refusal != nil
    }

    /// - Returns: when it is tried again, after a look that failed.
    @discardableResult
    mutating func handle(_ event: Event, now: WallInstant) -> Retry? {
        switch event {
        case .looked(nil):
            isLooking = false
            mustLook = false
            noteLook(now)
            if outage?.endsWithLook == true {
                recover()
                alonePause = nil
                for index in entries.indices where entries[index].obstacle == nil { entries[index].pause = nil }
            }
        case .looked(let failure?):
            isLooking = false
            if failure.kind == .destination { unknownFields = 0 }
            noteLook(nil)
            noteOutage(failure, isOfLook: true, now)
            return (lookPause?.rest(now) ?? .zero, outage?.failures ?? 0)
        case .frozen(let batch):
            hasProbedFresh = true
            add(batch)
            begin(batch)
        case .prepared(let batch):
            add(batch)
        case .hurried:
            if !repeatsDoubt { (pause, lookPause, alonePause) = (nil, nil, nil) }
            for index in entries.indices where entries[index].doubts < DoubtPolicy.freeSends {
                entries[index].pause = nil
            }
        case .stalled(let duration):
            pause = Pause(duration, from: now)
        case .batches(let batches):
            follow(batches, now)
        }
        return nil
    }

    private mutating func add(_ batch: Batch) {
        if index(of: batch) == nil { entries.append(Entry(batch: batch, mayBeElsewhere: others.mayHave(batch))) }
    }

    private mutating func begin(_ batch: Batch) {
        moment += 1
        let index = known(batch)
        wasAlone = entries[index].waitsAlone
        entries[index].stage = .begun
        entries[index].firstStartedAt = entries[index].firstStartedAt ?? moment
        entries[index].startedAt = moment
        entries[index].pause = nil
        entries[index].obstacle = nil
    }

    private mutating func follow(_ batches: [Batch], _ now: WallInstant) {
        for batch in batches {
            if let index = index(of: batch) {
                entries[index].batch = batch
            } else {
                entries.append(Entry(recovered: batch, now: now))
            }
        }
        entries.removeAll { entry in !entry.isOpen && !batches.contains { $0.token == entry.batch.token } }
        entries.sort { $0.batch.ids.lowerBound < $1.batch.ids.lowerBound }
    }

    // MARK: Looks, failures and evidence

    mutating func noteLook(_ now: WallInstant?) { latestLook = now }

    /// Whether the server was looked at a moment ago, and nothing has failed since.
    func hasLooked(_ now: WallInstant) -> Bool {
        latestLook.map { (.zero..<Self.lookLasts).contains($0.duration(to: now)) } ?? false
    }

    @discardableResult
    mutating func noteOutage(_ failure: InsertFailure, isOfLook: Bool, _ now: WallInstant) -> Duration {
        let failures = (outage?.failures ?? 0) + 1
        outage = Outage(latest: failure, failures: failures, endsWithLook: isOfLook || failure.isUnreached)
        let delay = delay(failure, failures: failures)
        pause = Pause(delay, from: now)
        // What holds the records may be fixed by another table, other columns, another server.
        if isOfLook || failure.isUnreached || failure.kind == .destination {
            mustLook = true
            lookPause = Pause(max(min(delay, Self.lookInterval), failure.retryAfter ?? .zero), from: now)
        }
        return delay
    }

    func delay(_ failure: InsertFailure, failures: Int) -> Duration {
        if let delay = DoubtPolicy.delay(afterSends: failure.sendsInDoubt) { return delay }
        return backoff.delay(failures: failures, retryAfter: failure.retryAfter, random: jitter())
    }

    /// One of those that wait alone has failed.
    ///
    /// - Parameter isNew: whether it waited for others before.
    mutating func noteAlone(_ failure: InsertFailure, isNew: Bool, _ now: WallInstant) -> Duration {
        if !isNew { aloneTries = failure.isOfSome && failure.retryAfter == nil ? aloneTries - 1 : 0 }
        if isNew ? alonePause == nil : aloneTries <= 0 {
            aloneRounds += isNew ? 0 : 1
            aloneTries = max(1, entries.count(where: \.waitsAlone) / 20)
            alonePause = Pause(delay(failure, failures: aloneRounds + 1), from: now)
        }
        return alonePause?.rest(now) ?? .zero
    }

    /// One that waited alone was accepted or found: the others need not wait.
    mutating func noteTaken(_ entry: Entry) {
        if entry.waitsAlone { (alonePause, aloneRounds) = (nil, 0) }
    }

    mutating func recover() {
        outage = nil
        (pause, lookPause) = (nil, nil)
    }

    /// The table has taken what was sent at this moment or later.
    mutating func prove(_ start: Moment) {
        provenAt = max(provenAt, start)
        refusalsInRow = 0
        doubtsInRow = 0
    }

    /// Whether the batch has failed, and something that was sent afterwards was accepted or found.
    func isOnlyOne(_ entry: Entry) -> Bool { entry.failedAt.map { provenAt > $0 } ?? false }

    /// Whether the batch was refused, and something that was sent afterwards accepted or found.
    func isProven(_ entry: Entry) -> Bool { entry.refusedAt.map { provenAt > $0 } ?? false }

    // MARK: Entries

    /// nil when it is in the spool no more.
    func entry(of batch: Batch) -> Entry? { index(of: batch).map { entries[$0] } }

    subscript(batch: Batch) -> Entry {
        get { entries[known(batch)] }
        set { entries[known(batch)] = newValue }
    }

    /// What is sent stays in the plan until it is settled, and nothing but its own attempt settles it.
    func known(_ batch: Batch) -> Int {
        guard let index = index(of: batch) else { preconditionFailure("\(batch.token) is sent, and not planned") }
        return index
    }

    private func index(of batch: Batch) -> Int? { entries.firstIndex { $0.batch.token == batch.token } }
}
