internal import Logging
internal import SQLiteSpool
internal import Synchronization

/// Says and measures what happens to the spool: what begins once, what is over once, what goes on once a minute.
final class SpoolMonitor: Sendable {
    private struct State {
        var spool = WriterStatus.Spool.fine
        var full = RepeatBound<WallInstant>(.lasting)
        var failed = RepeatBound<WallInstant>(.lasting)
        var drops: [SpoolEvent.DropReason: RepeatBound<WallInstant>] = [:]
    }

    private let logger: Logger
    private let metrics: WriterMetrics
    private let clock: any WallClock
    private let kept = Mutex(State())

    init(logger: Logger, metrics: WriterMetrics, clock: any WallClock) {
        self.logger = logger
        self.metrics = metrics
        self.clock = clock
    }

    /// How the spool is.
    var state: WriterStatus.Spool { kept.withLock(\.spool) }

    func opened(_ spool: Spool) {
        logger.info(
            "Opened the spool",
            metadata: ["spool.path": "\(spool.path)", "spool.recovered": "\(spool.recovered.undelivered)"]
        )
        for notice in spool.notices {
            logger.warning(
                "Files beside the spool want a look",
                metadata: ["spool.path": "\(spool.path)", "spool.notice": "\(notice.message)"]
            )
        }
        guard let loss = spool.loss else { return }
        var metadata: Logger.Metadata = [
            "spool.path": "\(spool.path)", "spool.loss.reason": "\(loss.reason)", "spool.lost": "\(loss.lost)",
            "spool.salvaged": "\(loss.salvaged)", "spool.set_aside": "\(loss.setAside)",
        ]
        guard let file = loss.quarantinedFile else {
            return logger.error("The spool has lost records", metadata: metadata)
        }
        metadata["spool.damaged_file"] = "\(file)"
        logger.error("The spool was damaged; it was set aside and a new one has what could be read", metadata: metadata)
    }

    /// Called on the commit thread.
    func handle(_ event: SpoolEvent) {
        switch event {
        case .checkpointing, .checkpointed: break
        case .committed(let commit):
            metrics.recordCommit(commit)
        case .dropped(let records, let reason):
            metrics.recordDropped(records, reason)
            dropped(records, reason)
        case .full(let error):
            let isNews = becomes(.full(reason: error.description)) { $0.full.note(now: $1) != .keptBack }
            logger.log(
                level: isNews ? .error : .debug,
                "The spool is full; records are refused",
                metadata: ["spool.error": "\(error)"]
            )
        case .roomAgain:
            if let sum = becomes(.fine, { $0.full.end(now: $1) }) {
                logger.notice("The spool takes records again", metadata: sum.metadata("spool.full"))
            }
        case .walHeld(let bytes, let readers):
            metrics.recordWALHeld(true)
            let who = readers.isEmpty ? "a reader" : readers.map { "process \($0)" }.joined(separator: ", ")
            logger.warning(
                "A reader keeps a transaction open; the spool's WAL grows until it ends",
                metadata: ["spool.wal.bytes": "\(bytes)", "spool.wal.readers": "\(who)"]
            )
        case .walReleased:
            metrics.recordWALHeld(false)
            logger.notice("The spool's WAL can be moved again")
        case .failed(let error):
            let isNews = becomes(.failed(reason: error.description)) { $0.failed.note(now: $1) != .keptBack }
            logger.log(
                level: isNews ? .error : .debug,
                "The spool failed; nothing is accepted until it works again",
                metadata: ["spool.error": "\(error)"]
            )
        case .reopened:
            if let sum = becomes(.fine, { $0.failed.end(now: $1) }) {
                logger.notice(
                    "The spool works again; it was opened anew and found sound",
                    metadata: sum.metadata("spool.failed")
                )
            }
        }
    }

    /// Says what was kept back for long enough. To be called every now and then.
    func sayWhatIsDue() {
        let now = clock.now
        let (sums, full, failed, state) = kept.withLock { state in
            let sums = state.drops.keys.compactMap { reason in
                state.drops[reason]?.takeDue(now: now).map { (reason, $0.unsaid) }
            }
            return (sums, state.full.takeDue(now: now), state.failed.takeDue(now: now), state.spool)
        }
        for (reason, records) in sums { sayDropped(records, reason) }
        if let full, case .full = state {
            logger.error(
                "The spool is full again and again; records are refused",
                metadata: full.metadata("spool.full")
            )
        }
        if let failed, case .failed = state {
            logger.error("The spool fails again and again", metadata: failed.metadata("spool.failed"))
        }
    }

    /// Says all that was kept back: nothing more will happen.
    func close() {
        let now = clock.now
        let sums = kept.withLock { state in
            state.drops.keys.compactMap { reason in state.drops[reason]?.close(now: now).map { (reason, $0.unsaid) } }
        }
        for (reason, records) in sums { sayDropped(records, reason) }
    }

    private func dropped(_ records: Int, _ reason: SpoolEvent.DropReason) {
        let now = clock.now
        switch kept.withLock({ $0.drops[reason, default: RepeatBound(.momentary)].note(records, now: now) }) {
        case .first: sayDropped(records, reason)
        case .sum(let sum): sayDropped(sum.unsaid, reason)
        case .keptBack: break
        }
    }

    private func sayDropped(_ records: Int, _ reason: SpoolEvent.DropReason) {
        logger.error(
            "Dropped the oldest records unsent, as the limits ask for",
            metadata: ["spool.dropped": "\(records)", "spool.dropped.reason": "\(reason.rawValue)"]
        )
    }

    private func becomes<News>(
        _ spool: WriterStatus.Spool,
        _ news: (inout State, WallInstant) -> News
    ) -> News {
        let now = clock.now
        metrics.recordSpool(spool)
        return kept.withLock { state in
            state.spool = spool
            return news(&state, now)
        }
    }
}

extension RepeatBound.Sum {
    /// How often and how long something went on.
    func metadata(_ prefix: String) -> Logger.Metadata {
        ["\(prefix).count": "\(total)", "\(prefix).seconds": "\(lasting.roundedSeconds)"]
    }
}
