internal import ClickHouseHTTP
internal import SQLiteSpool

extension DeliveryPlan {
    struct Entry {
        var batch: Batch

        /// Whether it may be stored without our knowing.
        var isDoubtful = false

        /// Whether a server that may have stored it does not recognise its token.
        var mustBeAsked = false

        /// Whether the table may know its token, also when it has none of its rows.
        var mayBeRecognised = false

        /// Whether a materialized view failed with it, and may lack rows that the table has.
        var mayLackInView = false

        /// Whether another copy of the spool may have delivered some of it, under other tokens.
        var mayBeElsewhere = false

        /// Since when a send of it may still be running; nil when none can be. ClickHouse's refusal ends one.
        var mayRunSince: WallInstant?

        var isSending = false

        /// Whether ClickHouse has taken it, and the spool is about to delete it.
        var isAccepted = false
        /// When it, or the batch that it was cut from, was sent first.
        var firstStartedAt: Moment?
        var startedAt: Moment?

        /// When it, or the batch that it was cut from, was last refused for its data.
        var refusedAt: Moment?

        /// What ClickHouse's error said of it, when it was cut from a batch that was refused.
        var suspicion: Suspicion?
        var failures = 0

        /// Sends that nothing is known of, each of which may have stored it again.
        var doubts = 0

        /// Why it waits, when others need not.
        var obstacle: InsertFailure?
        var pause: Pause?
    }

    enum Suspicion: Equatable {
        /// The error pointed at this record.
        case accused
        /// It stood before the record that the error pointed at, so it was read without a fault.
        case cleared
    }
}

extension DeliveryPlan.Entry {
    /// A batch that may have been sent, by another process or before the spool was salvaged.
    init(recovered batch: Batch, now: WallInstant) {
        self.init(
            batch: batch,
            isDoubtful: true,
            mayBeRecognised: true,
            mayLackInView: batch.lastError?.contains(" while pushing to view ") ?? false,
            mayBeElsewhere: true,
            mayRunSince: now,
            firstStartedAt: 0,
            startedAt: batch.attempts > 0 ? 0 : nil
        )
    }

    mutating func count(_ failure: InsertFailure) {
        failures += 1
        batch.attempts += 1
        batch.lastError = failure.description
        if failure.isOfView { mayLackInView = true }
    }

    /// - Parameter start: since when a send may be running that was not known of; nil when none is.
    mutating func doubt(since start: WallInstant?) {
        isDoubtful = true
        mayBeRecognised = true
        mayRunSince = mayRunSince ?? start
    }
}
