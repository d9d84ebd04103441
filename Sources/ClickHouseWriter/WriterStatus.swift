internal import SQLiteSpool

/// What a writer is doing, for health checks.
public struct WriterStatus: Sendable, Equatable {
    /// Whether ClickHouse takes what is sent.
    public enum Delivery: Sendable, Equatable {
        /// The latest batch was accepted, or none was sent yet.
        case fine
        /// ClickHouse is away, busy or silent. The same batch is sent again, later and later.
        case backingOff(reason: String)
        /// Nothing can be stored until somebody mends the table, the permission or whatever else the reason names.
        /// It is tried again all the same, and goes on by itself.
        case held(reason: String)
        /// ClickHouse refuses a record for its data. It is being isolated, or waits for proof that the table is fine;
        /// other records are delivered.
        case poisoned(reason: String)
    }

    /// Whether the spool takes what is written.
    public enum Spool: Sendable, Equatable {
        case fine
        /// Records are refused: a limit is reached, or the disk is full.
        case full(reason: String)
        /// The disk has not answered for 5 s, as while a snapshot freezes its file system: writes wait. It ends by itself.
        case stalled(reason: String)
        /// The disk failed: nothing is taken. The file is opened anew again and again.
        case failed(reason: String)
        /// The spool's files were removed, moved or replaced, and what the writer has open could not be written to a file with a name
        /// yet. Records are refused; delivery goes on. Do not restart the writer: the records are only in its open files.
        case displaced(reason: String)
        /// What was read from the file cannot be what was written. The writer sets the file aside, and goes on with what is readable, as
        /// soon as the disk has room for that. Until then records may be refused.
        case damaged(reason: String)
    }

    /// Records that were written, or requeued, since the writer was made.
    public let written: Int
    /// Records not sent yet.
    public let pending: Int
    /// Records sent, or about to be, and not provably accepted yet.
    public let inFlight: Int
    /// Records that were set aside because ClickHouse refuses them.
    public let deadLetters: Int
    /// Records that were given up unsent, as ``BatchWriterConfiguration/whenFull`` and
    /// ``BatchWriterConfiguration/maxAge`` ask for, since the spool was made.
    public let dropped: Int
    /// How long the oldest record, pending or in flight, has waited; nil when there is none. A second late at most.
    public let oldestAge: Duration?
    /// Bytes of all pending and in-flight rows.
    public let payloadBytes: Int
    /// Bytes of the spool's files that are in use.
    public let spoolBytes: Int
    /// Whether the spool takes what is written.
    public let spool: Spool
    /// What a written record survives. Less than ``BatchWriterConfiguration/durability`` asks for where the spool's file system is in
    /// memory or ignores syncs (tmpfs, ramfs, an overlay mounted `volatile`).
    public let durability: BatchWriterConfiguration.Durability
    /// Records that ClickHouse accepted from this writer, or was found to have.
    public let delivered: Int
    /// Since ClickHouse last took something from this writer; nil when it has not yet.
    public let sinceDelivery: Duration?
    /// Whether ClickHouse takes what is sent, and if not, why. ClickHouse may quote a record in its reason.
    public let delivery: Delivery
    /// The reason of ``delivery`` for pages that people see who must not see records: an error code and its name stand
    /// there in the place of the server's words. nil when the delivery is fine.
    public let publicReason: String?
    /// What a retry means for the table, for example `effectively-once by token`; nil until ClickHouse was reached.
    public let guarantee: String?
}

extension WriterStatus.Spool {
    init(_ health: SpoolHealth) {
        let reason = health.reason?.description ?? ""
        self =
            switch health.state {
            case .sound: .fine
            case .full: .full(reason: reason)
            case .stalled: .stalled(reason: reason)
            case .failed: .failed(reason: reason)
            case .damaged: .damaged(reason: reason)
            case .displaced: .displaced(reason: reason)
            }
    }
}

extension WriterStatus.Delivery {
    init(_ note: DeliveryReport) {
        let reason = note.reason ?? ""
        self =
            switch note.state {
            case .fine: .fine
            case .backingOff: .backingOff(reason: reason)
            case .held: .held(reason: reason)
            case .poisoned: .poisoned(reason: reason)
            }
    }
}
