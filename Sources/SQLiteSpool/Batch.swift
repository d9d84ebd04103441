/// A frozen batch: a token that stands for exactly these records, for ever.
package struct Batch: Sendable, Equatable {
    /// ClickHouse's deduplication token: drawn when the batch is frozen, and stored with it (``TokenSource``). Batches that
    /// earlier versions froze keep theirs, `<spool uuid>-<first id>-<last id>`.
    package let token: String
    package let ids: ClosedRange<Int64>

    /// Number of records. Fewer than it was frozen with, when some were damaged on the disk since.
    package internal(set) var records: Int

    /// Bytes of all payloads, without separators.
    package internal(set) var payloadBytes: Int

    /// It was not sent before this.
    package let frozenAt: WallInstant

    /// Sends that failed so far, those of the batch it was cut from included.
    package var attempts = 0

    /// Why the latest send failed.
    package var lastError: String?
}

extension Batch {
    /// A batch of some of this one's records, to be sent instead of it.
    ///
    /// - Parameters:
    ///   - token: a new one.
    ///   - members: at least one, in the order of their ids.
    func child(token: String, _ members: [BatchMember], frozenAt: WallInstant) -> Batch {
        precondition(!members.isEmpty, "a batch of no records is cut from \(self.token)")
        return Batch(
            token: token,
            ids: members[0].id...members[members.count - 1].id,
            records: members.count,
            payloadBytes: members.reduce(0) { $0 + $1.payloadBytes },
            frozenAt: frozenAt,
            attempts: attempts,
            lastError: lastError
        )
    }
}

/// One record of a frozen batch.
package struct BatchMember: Sendable, Equatable {
    package let id: Int64
    package let payloadBytes: Int
}
