/// What an operator sees of a spool, read from the file: works while its owner runs and when it is dead.
///
/// It counts no records, so that it takes a few milliseconds for any number of them.
package struct SpoolStatus: Sendable, Equatable {
    /// A batch that was sent, or is about to be.
    package struct InFlightBatch: Sendable, Equatable {
        package var token: String
        package var records: Int
        package var payloadBytes: Int
        /// It was not sent before.
        package var frozenAt: WallInstant
        /// Sends that failed.
        package var attempts: Int
        /// When the latest of them failed, and why.
        package var lastAttemptAt: WallInstant?
        package var lastError: String?
    }

    /// Dead letters with the same error code.
    package struct DeadLetterGroup: Sendable, Equatable {
        /// ClickHouse's; nil when it gave none.
        package var code: Int?
        package var records: Int
        package var firstAt: WallInstant
        package var lastAt: WallInstant
        /// What ClickHouse said of the newest.
        package var message: String
    }

    /// Another one than before: the spool was salvaged, copied or replaced.
    package var uuid: String
    /// When it was read.
    package var readAt: WallInstant
    /// How the delivery goes, as the owner last knew.
    package var state: DeliveryReport.State
    /// Why it is not fine.
    package var reason: String?
    /// When the state began; nil when there was never another.
    package var since: WallInstant?
    /// What the destination's table allows to promise; nil when it was never reached.
    package var guarantee: String?
    /// Where the records go; nil when the owner was older than schema version 4, or never began to deliver.
    package var destination: SpoolDestination?
    /// The file that it was copied from; nil when it is no copy, or its owner was older than schema version 5.
    package var origin: SpoolOrigin?
    /// Whether it was copied without its WAL, so that what was committed last is missing.
    package var missesWAL = false
    /// Records not in a batch yet.
    package var pending: Int
    /// Records in batches that ClickHouse has not provably accepted yet.
    package var inFlight: Int
    package var deadLetters: Int
    /// Records that were given up unsent, as the limits ask for, since the spool was made.
    package var dropped: Int
    /// The high-water mark: grows by one with each record.
    package var lastID: Int64
    /// Bytes of the payloads of pending and in-flight records.
    package var payloadBytes: Int
    /// When the oldest record, pending or in flight, was enqueued; nil when there is none.
    package var oldestEnqueuedAt: WallInstant?
    /// The owner's latest commit; nil before the first one, and in a spool of version 1 or 2.
    package var committedAt: WallInstant?
    package var batches: [InFlightBatch]
    /// The most frequent code first. Only the newest 1,000 dead letters are looked at, because there may be very many.
    package var deadLettersByCode: [DeadLetterGroup]

    /// Records that ClickHouse has not provably accepted yet.
    package var undelivered: Int { pending + inFlight }

    /// Whole seconds since the oldest record, pending or in flight, was enqueued; nil when there is none.
    package var oldestPendingSeconds: Int? {
        oldestEnqueuedAt.map { Int(max(.zero, $0.duration(to: readAt)).components.seconds) }
    }

    /// Why the delivery is not fine, or the latest failed send of a batch in flight failed.
    package var lastError: String? {
        reason
            ?? batches.filter { $0.lastError != nil }
            .max { $0.lastAttemptAt ?? $0.frozenAt < $1.lastAttemptAt ?? $1.frozenAt }?.lastError
    }

    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, `failed` when it cannot be read,
    ///   `damaged` when it says what it cannot say.
    package init(
        readingSpoolAt path: String,
        clock: any WallClock = SystemWallClock()
    ) throws(SpoolError) {
        let file = try DatabaseFile(path: path)
        self = try SpoolError.wrapping {
            let database = try file.openForReading()
            let missesWAL = (try? file.missesWAL(database, file.readNote())) ?? false
            var status = try Self(database, readAt: clock.now)
            status.missesWAL = missesWAL
            return status
        }
    }
}
