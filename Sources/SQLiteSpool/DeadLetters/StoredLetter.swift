/// A dead letter as it is in the spool.
package struct StoredLetter: Sendable, Equatable {
    /// The record's. A dead letter that is requeued becomes a record with another one.
    package let id: Int64
    package let enqueuedAt: WallInstant
    package let deadLetteredAt: WallInstant
    /// ClickHouse's error code; nil when there was none.
    package let code: Int?
    package let message: String
    /// Sends that failed.
    package let attempts: Int
    /// The row, as it was to be sent.
    package let payload: [UInt8]
    /// Why it is not requeued together with others; nil when it is.
    package let obstacle: Obstacle?

    package enum Obstacle: Sendable {
        /// The payload is not the row that was written: it was damaged on the disk. It is never requeued.
        case damaged
        /// A salvage put it here, because it may have been delivered before. It is requeued by its id only.
        case setAside
    }
}
