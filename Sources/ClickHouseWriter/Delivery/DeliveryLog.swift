internal import ClickHouseHTTP
internal import Logging
internal import SQLiteSpool
internal import Synchronization

/// What the delivery loop says: a first failure at warning (at error when somebody has to act), its repeats at debug with a
/// sum a minute, and the recovery once.
final class DeliveryLog: Sendable {
    /// What is said and bounded each for itself, and what is said of its repeats.
    private enum Topic: String, CaseIterable {
        /// ClickHouse is unreachable, busy, or does not answer.
        case outage = "ClickHouse still does not take batches; records are kept"
        /// An operator has to fix the destination.
        case hold = "ClickHouse still has to be mended; all records are held"
        case refusal = "ClickHouse still refuses records; they are kept"
        case deadLetter = "More records are dead letters now"
        case view = "A materialized view lacks more rows that its table has"
        case unknownIdentity = "More batches are sent again as they are"
        case sharedIdentity = "More records share their identity with others"
        case spool = "The spool still fails; nothing is sent"

        var bound: RepeatBound<WallInstant> { RepeatBound(self == .outage || self == .hold ? .lasting : .momentary) }
    }

    private let logger: Logger
    private let clock: any WallClock
    private let bounds = Mutex<[Topic: RepeatBound<WallInstant>]>([:])
    private let passedOver = Mutex<Endpoint?>(nil)

    init(logger: Logger, clock: any WallClock) {
        self.logger = logger
        self.clock = clock
    }

    /// - Parameter batch: nil when nothing was sent yet.
    func failed(_ failure: InsertFailure, of batch: Batch?, failuresInRow: Int, nextAttemptIn delay: Duration) {
        var metadata = metadata(of: failure)
        if let batch { metadata.merge(self.metadata(of: batch)) { first, _ in first } }
        metadata["clickhouse.failure.count"] = "\(failuresInRow)"
        metadata["clickhouse.retry.seconds"] = "\(delay.roundedSeconds)"
        switch failure.kind {
        case .outcomeUnknown where failure.sendsInDoubt > 0:
            let message: Logger.Message =
                "No answer confirms that ClickHouse stored a batch, and each resend may store it again; retries slow down to one an hour"
            say(.hold, .error, message, metadata)
        case .transient, .outcomeUnknown:
            let message: Logger.Message =
                batch == nil
                ? "ClickHouse cannot be asked for its table; records are kept"
                : "ClickHouse did not take a batch; it is kept"
            say(.outage, .warning, message, metadata)
        case .data, .tooLarge:
            let message: Logger.Message =
                "ClickHouse refuses a record; it is kept until another one shows that the table is fine"
            say(.refusal, .error, message, metadata)
        case .destination:
            say(.hold, .error, "ClickHouse cannot take any batch until it is mended; all records are held", metadata)
        }
    }

    /// Says that ClickHouse takes what is sent, where it was said that it does not.
    func works(_ batch: Batch?) {
        let now = clock.now
        let sums = bounds.withLock { bounds in
            [Topic.outage, .hold].compactMap { bounds[$0]?.end(now: now) }
        }
        guard !sums.isEmpty else { return }
        var metadata = batch.map(metadata) ?? [:]
        metadata["clickhouse.failure.count"] = "\(sums.reduce(0) { $0 + $1.total })"
        metadata["clickhouse.failure.seconds"] = "\((sums.map(\.lasting).max() ?? .zero).roundedSeconds)"
        logger.notice("ClickHouse takes batches again", metadata: metadata)
    }

    func isolating(_ failure: InsertFailure, in batch: Batch) {
        logger.debug(
            "ClickHouse refuses a batch; it is cut to find out why",
            metadata: metadata(of: batch).merging(metadata(of: failure)) { first, _ in first }
        )
    }

    func deadLettered(_ batch: Batch, _ failure: InsertFailure) {
        var metadata = metadata(of: failure)
        metadata["record.id"] = "\(batch.ids.lowerBound)"
        say(.deadLetter, .error, "ClickHouse refuses a record and takes others; it is a dead letter now", metadata)
    }

    /// - Parameter missing: records that the table does not have.
    func reconciled(_ batch: Batch, missing: Int) {
        var metadata = metadata(of: batch)
        metadata["batch.missing"] = "\(missing)"
        logger.notice("Part of a batch whose outcome was unknown is stored; only the rest is sent", metadata: metadata)
    }

    /// - Parameter records: that the table has; nothing tells which of them the view has.
    func viewLacks(_ batch: Batch, records: Int) {
        var metadata = metadata(of: batch)
        metadata["batch.records"] = "\(records)"
        let message: Logger.Message =
            "ClickHouse stored a batch in the table, and a materialized view failed: fix the view, and fill its target from the table"
        say(.view, .error, message, metadata)
    }

    /// - Parameter retention: after this long the table's TTL deletes rows.
    func late(_ retention: Duration) {
        logger.warning(
            "The oldest record has waited for more than half of the time after which the table's TTL deletes rows",
            metadata: ["clickhouse.ttl.seconds": "\(retention.roundedSeconds)"]
        )
    }

    func recognisedOnly(_ batch: Batch) {
        logger.warning(
            "ClickHouse recognises a batch and has none of its rows: they are sent again under another token",
            metadata: metadata(of: batch)
        )
    }

    func cannotAsk(_ batch: Batch) {
        let message: Logger.Message =
            "A record names no identity that can be asked for; its batch is sent again as it is"
        say(.unknownIdentity, .warning, message, metadata(of: batch))
    }

    func sharedIdentities(_ batch: Batch, _ records: Int) {
        var metadata = metadata(of: batch)
        metadata["batch.shared"] = "\(records)"
        let message: Logger.Message =
            "Records in doubt share their identity with others: one may be taken for another, and not be sent"
        say(.sharedIdentity, .warning, message, metadata)
    }

    /// Says which URL an operator must fix while another is used, once for each that is found.
    func passesOver(_ failure: InsertFailure?) {
        let isNews = passedOver.withLock { known in
            defer { known = failure?.endpoint }
            return known != failure?.endpoint
        }
        guard isNews, let failure else { return }
        let message: Logger.Message = "A ClickHouse URL takes no batch until you fix it; the writer uses another one"
        logger.warning(message, metadata: metadata(of: failure))
    }

    /// - Parameter losses: what the table cannot hold exactly.
    func learned(_ destination: DestinationProfile, losses: [String]) {
        logger.info(
            "ClickHouse answers",
            metadata: [
                "clickhouse.version": "\(destination.version)", "clickhouse.guarantee": "\(destination.promise)",
            ]
        )
        for loss in losses {
            logger.warning("A column cannot hold every value", metadata: ["clickhouse.column": "\(loss)"])
        }
    }

    func spoolFailed(_ error: SpoolError) {
        say(.spool, .error, "The spool failed; nothing is sent", ["spool.error": "\(error)"])
    }

    // MARK: Sums

    /// Says what was kept back for long enough. To be called every now and then.
    func sayWhatIsDue() {
        saySums { $0.takeDue(now: $1) }
    }

    /// Says what was kept back and would be forgotten: nothing more will happen.
    func close() {
        saySums { $0.close(now: $1) }
    }

    private func saySums(_ take: (inout RepeatBound<WallInstant>, WallInstant) -> RepeatBound<WallInstant>.Sum?) {
        let now = clock.now
        let sums = bounds.withLock { bounds in
            Topic.allCases.compactMap { topic in
                take(&bounds[topic, default: topic.bound], now).map { (topic, $0) }
            }
        }
        for (topic, sum) in sums { say(sum, of: topic) }
    }

    private func say(_ topic: Topic, _ level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        let now = clock.now
        switch bounds.withLock({ $0[topic, default: topic.bound].note(now: now) }) {
        case .first: logger.log(level: level, message, metadata: metadata)
        case .keptBack: logger.debug(message, metadata: metadata)
        case .sum(let sum):
            logger.debug(message, metadata: metadata)
            say(sum, of: topic, metadata)
        }
    }

    /// - Parameter latest: what the latest of them was about.
    private func say(_ sum: RepeatBound<WallInstant>.Sum, of topic: Topic, _ latest: Logger.Metadata = [:]) {
        let metadata = latest.merging(
            [
                "repeated.count": "\(sum.unsaid)", "repeated.total": "\(sum.total)",
                "repeated.seconds": "\(sum.lasting.roundedSeconds)",
            ]
        ) { _, new in new }
        let level: Logger.Level = [.deadLetter, .spool, .view].contains(topic) ? .error : .warning
        logger.log(level: level, "\(topic.rawValue)", metadata: metadata)
    }

    private func metadata(of failure: InsertFailure) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "clickhouse.failure.kind": "\(failure.kind.rawValue)", "clickhouse.failure.message": "\(failure.message)",
        ]
        if let code = failure.code { metadata["clickhouse.failure.code"] = "\(code)" }
        if let endpoint = failure.endpoint { metadata["clickhouse.url"] = "\(endpoint)" }
        return metadata
    }

    private func metadata(of batch: Batch) -> Logger.Metadata {
        ["batch.token": "\(batch.token)", "batch.records": "\(batch.records)"]
    }
}
