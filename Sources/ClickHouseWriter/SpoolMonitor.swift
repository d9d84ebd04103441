internal import Logging
internal import SQLiteSpool
internal import Synchronization

/// Says what happens to the spool: once when it begins and once when it is over; what goes on, once a minute.
final class SpoolMonitor: Sendable {
    private struct State {
        var spool = WriterStatus.Spool.fine
        /// Records that were dropped and not said yet, and when they may be.
        var unsaidDrops: [SpoolEvent.DropReason: (records: Int, next: ContinuousClock.Instant)] = [:]
    }

    private let logger: Logger
    private let metrics: WriterMetrics
    private let kept = Mutex(State())

    init(logger: Logger, metrics: WriterMetrics) {
        self.logger = logger
        self.metrics = metrics
    }

    /// How the spool is.
    var state: WriterStatus.Spool { kept.withLock(\.spool) }

    func opened(_ spool: Spool) {
        logger.info(
            "Opened the spool",
            metadata: ["spool.path": "\(spool.path)", "spool.recovered": "\(spool.recovered.undelivered)"]
        )
        guard let loss = spool.loss else { return }
        var metadata: Logger.Metadata = [
            "spool.path": "\(spool.path)", "spool.loss.reason": "\(loss.reason)", "spool.lost": "\(loss.lost)",
            "spool.salvaged": "\(loss.salvaged)", "spool.setAside": "\(loss.setAside)",
        ]
        guard let file = loss.quarantinedFile else {
            return logger.error("The spool has lost records", metadata: metadata)
        }
        metadata["spool.damagedFile"] = "\(file)"
        logger.error("The spool was damaged; it was set aside and a new one has what could be read", metadata: metadata)
    }

    func handle(_ event: SpoolEvent) {
        switch event {
        case .committed, .checkpointing: break
        case .checkpointed(let usage):
            metrics.recordUsage(usage)
        case .dropped(let records, let reason):
            metrics.recordDropped(records, reason)
            guard let sum = sumToSay(records, reason) else { return }
            logger.error(
                "Dropped the oldest records unsent, as the limits ask for",
                metadata: ["spool.dropped": "\(sum)", "spool.dropped.reason": "\(reason.rawValue)"]
            )
        case .full(let error):
            set(.full(reason: error.description))
            logger.error("The spool is full; records are refused", metadata: ["spool.error": "\(error)"])
        case .roomAgain:
            set(.fine)
            logger.notice("The spool takes records again")
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
            set(.failed(reason: error.description))
            logger.error(
                "The spool failed; nothing is accepted until it works again",
                metadata: ["spool.error": "\(error)"]
            )
        case .reopened:
            set(.fine)
            logger.notice("The spool works again; it was opened anew and found sound")
        }
    }

    /// - Returns: all that was dropped since it was last said; nil when that is less than a minute ago.
    private func sumToSay(_ records: Int, _ reason: SpoolEvent.DropReason) -> Int? {
        kept.withLock { state in
            let now = ContinuousClock.now
            let (unsaid, next) = state.unsaidDrops[reason] ?? (0, now)
            state.unsaidDrops[reason] = next <= now ? (0, now + .seconds(60)) : (unsaid + records, next)
            return next <= now ? unsaid + records : nil
        }
    }

    private func set(_ state: WriterStatus.Spool) {
        kept.withLock { $0.spool = state }
    }
}
