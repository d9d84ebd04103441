internal import ClickHouseHTTP
internal import SQLiteSpool

extension DeliveryPlan {
    /// What is known of one batch.
    struct Entry {
        var batch: Batch

        var stage = Stage.waiting

        /// Whether it was cut from another one.
        var isPiece = false

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

        /// When it, or the batch that it was cut from, was sent first.
        var firstStartedAt: Moment?
        var startedAt: Moment?

        /// When it last failed in a way that others may, too.
        var failedAt: Moment?

        /// Whether it failed, then others were accepted, and then it failed again.
        var isOnlyOne = false

        /// When it, or the batch that it was cut from, was last refused for its data.
        var refusedAt: Moment?

        /// Why its record was refused alone; nil when it was not.
        var refusal: InsertFailure?

        /// Whether it leaves for the dead letters without evidence.
        var makesRoom = false

        /// What ClickHouse's error said of it, when it was cut from a batch that was refused.
        var suspicion: Suspicion?
        var failures = 0

        /// The latest ones in a row that fewer records may avoid.
        var failuresOfSize = 0

        /// Sends that nothing is known of, each of which may have stored it again.
        var doubts = 0

        /// Why it waits, when others need not.
        var obstacle: InsertFailure?
        var pause: Pause?
    }

    /// Where a batch is on its way: what the loop is doing for it, and what follows (``handle(_:of:destination:now:)``).
    enum Stage: Equatable {
        /// In the spool, to be sent when its turn comes.
        case waiting
        /// Its turn has come, and its task begins.
        case begun
        /// The server is looked at, because the batch may be stored there.
        case looking
        /// The table is asked which of its records it has.
        case asking(Question)
        case sending
        /// The spool deletes it: ClickHouse has accepted it, or has its rows.
        case acknowledging(wasAccepted: Bool)
        /// The spool puts other batches in its place.
        case replacing(FlushSpan.Outcome)
        /// The spool makes its record a dead letter.
        case settingAside
        /// The spool writes down why it was not accepted.
        case recording
    }

    struct Question: Equatable {
        var doubt: Doubt
        let purpose: Purpose
        var isSample = false

        /// What is done for a batch of which the table has nothing.
        enum Purpose: Equatable {
            case send
            /// It was accepted, and the table may have recognised a block that it has lost.
            case acknowledge
            case cut(InsertFailure)
            case setAside(InsertFailure)
        }
    }

    /// Who may have delivered some of a batch.
    enum Doubt {
        /// This spool, by a send under the batch's token. One that may still be running is waited for.
        case ownSend
        /// Another owner of the file, under other tokens. A send of ours that still runs is of no consequence while none of it
        /// is stored, because the next one has the same token.
        case otherOwner
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

    private static let viewFailed = "; an earlier send failed while pushing to view "

    /// Whether an attempt to deliver it is under way.
    var isOpen: Bool { stage != .waiting }

    /// Whether it waits for what others need not wait for, and for which nobody says how long it takes: that the table or a view is fixed.
    var waitsAlone: Bool { isOnlyOne || refusal?.isOfSome ?? false }

    /// Whether ClickHouse has taken it, and the spool is about to delete it.
    var isAccepted: Bool { stage == .acknowledging(wasAccepted: true) }

    mutating func count(_ failure: InsertFailure) {
        failures += 1
        batch.attempts += 1
        if failure.isOfView { mayLackInView = true }
        // A restart learns from it that a view may lack the rows.
        batch.lastError = failure.description + (mayLackInView && !failure.isOfView ? Self.viewFailed : "")
    }

    /// - Parameter start: since when a send may be running that was not known of; nil when none is.
    mutating func doubt(since start: WallInstant?) {
        isDoubtful = true
        mayBeRecognised = true
        mayRunSince = mayRunSince ?? start
    }

    /// It is certain that none of it is stored by this spool.
    mutating func settle() {
        isDoubtful = false
        mustBeAsked = false
        mayRunSince = nil
    }
}
