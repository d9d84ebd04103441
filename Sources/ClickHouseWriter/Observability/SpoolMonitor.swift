internal import Logging
internal import SQLiteSpool
internal import Synchronization

/// Says and measures what happens to the spool: what begins once, what is over once, what goes on once a minute.
final class SpoolMonitor: Sendable {
    private struct State {
        var health = SpoolHealth()
        /// Since when the disk has not answered, while that is so.
        var stalledSince: WallInstant?
        var troubles: [SpoolHealth.State: RepeatBound<WallInstant>] = [:]
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

    func opened(_ spool: Spool) {
        logger.info(
            "Opened the spool",
            metadata: ["spool.path": "\(spool.path)", "spool.recovered": "\(spool.recovered.undelivered)"]
        )
        if spool.isNewCopy, let origin = spool.origin {
            logger.warning(
                """
                The spool's file is a copy. Another copy may have delivered what was pending in it: those records are asked for \
                where the table can be asked, and may be stored twice elsewhere
                """,
                metadata: [
                    "spool.path": "\(spool.path)", "spool.copy_of": "\(origin.copyOf)",
                    "spool.doubted": "\(spool.recovered.pending)",
                ]
            )
        }
        for notice in spool.notices {
            let isElsewhere = if case .fileSystem = notice { false } else { true }
            logger.warning(
                isElsewhere
                    ? "Files beside the spool want a look"
                    : "The spool's file system does not keep all that a spool promises",
                metadata: ["spool.path": "\(spool.path)", "spool.notice": "\(notice.message)"]
            )
        }
        if let loss = spool.loss { say(loss, of: spool.path) }
    }

    private func say(_ loss: SpoolLoss, of path: String) {
        var metadata: Logger.Metadata = [
            "spool.path": "\(path)", "spool.loss.reason": "\(loss.reason)",
            "spool.lost": "\(loss.lostAtMost.map(String.init) ?? "unknown")",
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
        case .setAside(let records):
            metrics.recordDamaged(records.count)
            let ids = records.prefix(20).map { $0.isIntact ? "\($0.id) (intact)" : "\($0.id)" }.joined(separator: ", ")
            logger.error(
                """
                Records in the spool were damaged on the disk. Each was set aside as a dead letter; all others are delivered. Look at \
                them with spoolctl dead-letters show, requeue those that are intact by their ids, and check the disk
                """,
                metadata: ["spool.set_aside": "\(records.count)", "spool.set_aside.ids": "\(ids)"]
            )
        case .salvaged(let path, let loss): say(loss, of: path)
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
        case .rescued(let path, let lostName):
            logger.error(
                "The spool's files were removed, moved or replaced; all of it is in a file with a name again, and work goes on there",
                metadata: ["spool.path": "\(path)", "spool.lost.name": "\(lostName)"]
            )
        case .health(let health): changed(health)
        }
    }

    /// Says each trouble when it begins, and when it is over. In the same state, only what is worse: that records are
    /// refused from now on.
    private func changed(_ health: SpoolHealth) {
        let now = clock.now
        let (before, isNews, sum) = kept.withLock { state in
            defer { state.health = health }
            metrics.recordSpool(health.state)
            let before = state.health
            if health.state == .sound { return (before, false, state.troubles[before.state]?.end(now: now)) }
            if health.state == before.state { return (before, before.refusal == nil && health.refusal != nil, nil) }
            let verdict = state.troubles[health.state, default: RepeatBound(.lasting)].note(now: now)
            return (before, verdict != .keptBack, nil)
        }
        if let reason = health.reason {
            let level: Logger.Level = isNews ? .error : .debug
            logger.log(level: level, health.words.begin, metadata: ["spool.error": "\(reason)"])
        } else if let sum {
            logger.notice(before.words.end, metadata: sum.metadata("spool.\(before.state)"))
        }
    }

    /// Says that the disk does not answer, and that it does again. No event tells: the thread that would is the one that waits.
    func look(at health: SpoolHealth) {
        let now = clock.now
        let (isStalled, since) = kept.withLock { state -> (Bool, WallInstant?) in
            let isStalled = health.state == .stalled
            guard isStalled != (state.stalledSince != nil) else { return (isStalled, nil) }
            metrics.recordSpool(isStalled ? .stalled : state.health.state)
            let since = state.stalledSince ?? now
            state.stalledSince = isStalled ? now.advanced(by: .zero - SpoolHealth.patience) : nil
            return (isStalled, since)
        }
        guard let since else { return }
        if isStalled {
            logger.warning(
                "The spool's disk does not answer; writes wait",
                metadata: ["spool.error": "\(health.reason?.description ?? "")"]
            )
        } else {
            let seconds = max(.zero, since.duration(to: now)).roundedSeconds
            logger.notice("The spool's disk answers again", metadata: ["spool.stalled.seconds": "\(seconds)"])
        }
    }

    /// Says what was kept back for long enough. Call it periodically.
    func sayWhatIsDue() {
        let now = clock.now
        sayDrops { $0.takeDue(now: now) }
        let (trouble, health) = kept.withLock { ($0.troubles[$0.health.state]?.takeDue(now: now), $0.health) }
        if let trouble {
            logger.error(health.words.again, metadata: trouble.metadata("spool.\(health.state)"))
        }
    }

    /// Says all that was kept back: nothing more will happen.
    func close() {
        let now = clock.now
        sayDrops { $0.close(now: now) }
    }

    private func sayDrops(_ take: (inout RepeatBound<WallInstant>) -> RepeatBound<WallInstant>.Sum?) {
        let sums = kept.withLock { state in
            state.drops.keys.compactMap { reason in
                take(&state.drops[reason, default: RepeatBound(.momentary)]).map { (reason, $0.unsaid) }
            }
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
}

extension SpoolHealth {
    /// What is said when it begins, when it goes on, and when it is over.
    fileprivate var words: (begin: Logger.Message, again: Logger.Message, end: Logger.Message) {
        switch state {
        case .full:
            (
                "The spool is full; records are refused",
                "The spool is full again and again; records are refused",
                "The spool takes records again"
            )
        case .displaced:
            (
                "The spool's files were removed, moved or replaced; records are refused. Do not stop the writer",
                "The spool's files still have no names; records are refused. Do not stop the writer",
                "The spool's files have names again; records are accepted"
            )
        // A sound spool is no trouble, and of a stalled one no event tells.
        case .failed, .damaged, .sound, .stalled:
            (
                beginning, "The spool fails again and again",
                "The spool works again; it was opened anew and found sound"
            )
        }
    }

    private var beginning: Logger.Message {
        if state == .failed { return "The spool failed; nothing is accepted until it works again" }
        let accepted = refusal == nil ? "records are still accepted" : "nothing is accepted"
        return "The spool's file is damaged; \(accepted). What is readable goes on in a new file"
    }
}

extension RepeatBound.Sum {
    func metadata(_ prefix: String) -> Logger.Metadata {
        ["\(prefix).count": "\(total)", "\(prefix).seconds": "\(lasting.roundedSeconds)"]
    }
}
