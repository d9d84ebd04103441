/// A record that ClickHouse has not provably accepted yet, as it is in the spool.
package struct StoredRecord: Sendable, Equatable {
    package let id: Int64
    package let enqueuedAt: WallInstant
    /// The row as one line of JSON, as it is sent.
    package let payload: [UInt8]
    /// That of the batch which holds it; nil while it is pending.
    package let token: String?
    /// Whether it is what was written, and an object on one line. Records of the first versions have only the second to
    /// tell it by.
    package let isSound: Bool
}
