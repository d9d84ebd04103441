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
                "Look at the disk. The spool is opened anew every second, and goes on by itself."
            )
            return
        case .displaced(let reason):
            self.init(
                .losing,
                "The spool's files were removed or replaced: new traces are lost",
                reason,
                """
                Do not stop the proxy: what it holds is only in its open files. Bring back the spool's directory and free some \
                disk space: the proxy writes all of it to a file again, tries that every second, and goes on by itself.
                """
            )
            return
        case .damaged(let reason):
            self.init(
                .losing,
                "The spool's file is damaged: traces may be lost",
                reason,
                """
                Look at the disk, and free as much space as the spool takes. The proxy sets the file aside, salvages what is readable, \
                logs how much is lost, and goes on by itself.
                """
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
                "Mend what the reason names. It is tried again all the time, and goes on by itself.",
                command: "spoolctl status \(Self.quote(spoolPath))"
            )
        case .poisoned:
            self.init(
                .attention,
                "ClickHouse refuses a trace for its data; the others are delivered",
                reason,
                "It is being isolated, and becomes a dead letter. The command shows what ClickHouse said of it.",
                command: "spoolctl status \(Self.quote(spoolPath))"
            )
        case .backingOff:
            self.init(
                .waiting,
                "ClickHouse is away or busy; traces are kept and sent later",
                reason,
                "Nothing, if ClickHouse comes back before the spool is full. It is tried again at least every 30 s."
            )
        case .fine where status.deadLetters > 0:
            self.init(
                .attention,
                "Traces are delivered, but for \(status.deadLetters) that ClickHouse refused",
                nil,
                "See why. When the table is mended, requeue them.",
                command: "spoolctl dead-letters list \(Self.quote(spoolPath))"
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

    /// As one word of a shell.
    private static func quote(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            byte.isASCIILetterOrDigit || "/._-".utf8.contains(byte)
        }
        // By scalars: a quote with an accent is another `Character`, but ends the word all the same.
        let parts = path.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false)
        return isPlain ? path : "'\(parts.map { String($0) }.joined(separator: "'\\''"))'"
    }
}

extension UInt8 {
    fileprivate var isASCIILetterOrDigit: Bool {
        let character = Character(UnicodeScalar(self))
        return character.isASCII && (character.isLetter || character.isNumber)
    }
}
