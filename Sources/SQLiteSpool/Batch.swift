/// A frozen batch: a token that stands for exactly these records, for ever.
package struct Batch: Sendable, Equatable {
    /// ClickHouse's deduplication token: `<spool uuid>-<first id>-<last id>`, and `-<records>` behind it when the batch
    /// was cut from another one and has not every id of its range.
    ///
    /// Records only ever leave a range, so range and number name one set of records.
    package let token: String
    package let ids: ClosedRange<Int64>

    /// Number of records.
    package let records: Int

    /// Bytes of all payloads, without separators.
    package let payloadBytes: Int

    /// It was not sent before this.
    package let frozenAt: WallInstant

    /// Sends that failed so far, those of the batch it was cut from included.
    package var attempts: Int

    /// Why the latest send failed.
    package var lastError: String?
}

extension Batch {
    /// A new batch.
    init(spool uuid: String, ids: ClosedRange<Int64>, records: Int, payloadBytes: Int, frozenAt: WallInstant) {
        let range = "\(uuid)-\(ids.lowerBound)-\(ids.upperBound)"
        self.init(
            token: records == ids.count ? range : "\(range)-\(records)",
            ids: ids,
            records: records,
            payloadBytes: payloadBytes,
            frozenAt: frozenAt,
            attempts: 0,
            lastError: nil
        )
    }

    /// A batch of some of this one's records, to be sent instead of it.
    ///
    /// - Parameter members: at least one, in the order of their ids.
    func child(of uuid: String, _ members: [BatchMember], frozenAt: WallInstant) -> Batch {
        precondition(!members.isEmpty, "a batch of no records is cut from \(token)")
        var child = Batch(
            spool: uuid,
            ids: members[0].id...members[members.count - 1].id,
            records: members.count,
            payloadBytes: members.reduce(0) { $0 + $1.payloadBytes },
            frozenAt: frozenAt
        )
        child.attempts = attempts
        child.lastError = lastError
        return child
    }
}

/// One record of a frozen batch.
package struct BatchMember: Sendable, Equatable {
    package let id: Int64
    package let payloadBytes: Int
}
