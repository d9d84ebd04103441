internal import ClickHouseWriter

/// How the traces do, in plain words, and what to do about it. Holds nothing of a record.
struct Diagnosis: Equatable {
    /// From nothing to do to hurry.
    enum Severity: String {
        case fine
        /// It will pass by itself.
        case waiting
        /// Somebody has to mend something; nothing is lost meanwhile.
        case attention
        /// Traces are being lost.
        case losing
    }

    var severity: Severity
    var headline: String
    /// Why, in the words of what failed; nil when all is well.
    var reason: String?
    /// What to do; nil when there is nothing to do.
    var advice: String?
    /// A command that tells more, to be pasted into a shell; nil when there is no more to tell.
    var command: String?

    /// - Parameter spoolPath: for commands that can be pasted.
    init(_ status: WriterStatus, spoolPath: String) {
        switch status.spool {
        case .failed(let reason):
            self.init(
                .losing,
                "The spool failed: new traces may be lost",
                reason,
                Remedy.failed.rawValue
            )
            return
        case .displaced(let reason):
            self.init(
                .losing,
                "The spool's files were removed or replaced: new traces are lost",
                reason,
                Remedy.displaced.rawValue
            )
            return
        case .damaged(let reason):
            self.init(
                .losing,
                "The spool's file is damaged: traces may be lost",
                reason,
                Remedy.damaged.rawValue
            )
            return
        case .full(let reason):
            self.init(
                .losing,
                "The spool is full: new traces are lost",
                reason,
                "Bring ClickHouse back, or free disk space, or start with a greater CLICKHOUSE_MAX_SPOOL_BYTES."
            )
            return
        case .stalled(let reason):
            self.init(
                .waiting,
                "The spool's disk does not answer: traces wait in memory",
                reason,
                "Nothing, if it is a snapshot: it goes on by itself. If this lasts, look at the disk (dmesg) and for a frozen file system."
            )
            return
        case .fine: break
        }
        let reason = status.publicReason
        switch status.delivery {
        case .held:
            self.init(
                .attention,
                "ClickHouse cannot take any trace until it is mended; all are kept",
                reason,
                Remedy.held.rawValue,
                command: "spoolctl status \(Remedy.shellWord(spoolPath))"
            )
        case .poisoned:
            self.init(
                .attention,
                "ClickHouse refuses a trace for its data; the others are delivered",
                reason,
                "\(Remedy.poisoned.rawValue) The command shows what ClickHouse said of it.",
                command: "spoolctl status \(Remedy.shellWord(spoolPath))"
            )
        case .backingOff:
            self.init(
                .waiting,
                "ClickHouse is away or busy; traces are kept and sent later",
                reason,
                Remedy.backingOff.rawValue
            )
        case .fine where status.deadLetters > 0:
            self.init(
                .attention,
                "Traces are delivered, but for \(status.deadLetters) that ClickHouse refused",
                nil,
                "See why. When the table is mended, requeue them.",
                command: "spoolctl dead-letters list \(Remedy.shellWord(spoolPath))"
            )
        case .fine:
            self.init(.fine, "Traces are delivered", nil, nil)
        }
    }

    private init(
        _ severity: Severity,
        _ headline: String,
        _ reason: String?,
        _ advice: String?,
        command: String? = nil
    ) {
        self.severity = severity
        self.headline = headline
        self.reason = reason
        self.advice = advice
        self.command = command
    }
}
