internal import ClickHouseHTTP
internal import SQLiteSpool
internal import Synchronization

/// What the loop says of the delivery: in the spool, in the status, in the log.
extension DeliveryLoop {
    var note: DeliveryReport {
        let trouble = state.withLock(\.plan.trouble)
        return DeliveryReport(
            state: trouble?.state ?? .fine,
            reason: trouble?.failure.description,
            guarantee: sink.destination.map { "\($0.promise)\(guaranteeOfCopy)\(guaranteeOfAge)\(passedOver)" },
            destination: target
        )
    }

    /// What does not hold for records that another copy of the file may have delivered.
    private var guaranteeOfCopy: String {
        identity != nil && sink.destination?.canReconcile == true
            || spool.summary.deliveredThrough >= spool.copiedThrough
            ? "" : "; at-least-once for what was pending when the spool's file was copied"
    }

    private var passedOver: String {
        sink.passedOver.map { "; a URL is passed over, \($0.withoutQuotes)" } ?? ""
    }

    /// Says how the delivery goes where that has changed. Called by the loop's own task, so that the latest is last.
    func publish() async {
        let note = note
        if note == state.withLock(\.published) { return }
        metrics.recordDelivery(note.state)
        log.passesOver(sink.passedOver)
        do throws(SpoolError) {
            try await spool.report(note)
            state.withLock { $0.published = note }
        } catch {
            log.spoolFailed(error)
        }
    }

    func learn(_ destination: DestinationProfile) {
        let isNews = state.withLock { state in
            defer { state.learned = destination }
            return state.learned != destination
        }
        if !isNews { return }
        let losses = ColumnFit.losses(columns, in: destination.columnTypes, allowed: configuration.lossyColumns)
        log.learned(destination, losses: losses.tolerated)
    }

    /// What does not hold for records that come late.
    private var guaranteeOfAge: String {
        state.withLock(\.isLate)
            ? "; the oldest record has waited for more than half of the time after which the table's TTL deletes rows"
            : ""
    }

    func lookAtAge() {
        let retention = sink.destination?.retention
        let isLate = retention.map { (pulse.oldestAge ?? .zero) > $0 / 2 } ?? false
        let wasLate = state.withLock { state in
            defer { state.isLate = isLate }
            return state.isLate
        }
        if let retention, isLate, !wasLate { log.late(retention) }
    }
}
