/// What the spool holds at one moment.
package struct SpoolSummary: Sendable, Equatable {
    /// Records not in a batch yet.
    package var pending: Int
    /// Records in batches that ClickHouse has not provably accepted yet.
    package var inFlight: Int
    package var deadLetters: Int
    /// Records that were given up unsent, as the limits ask for, since the spool was made.
    package var dropped: Int
    /// Bytes of the payloads of pending and in-flight records.
    package var payloadBytes: Int
    /// The high-water mark: the id of the newest record, also when it is gone already.
    package var lastID: Int64
    /// Records up to this id are in a batch or gone.
    package var frozenThrough: Int64
    /// Records up to this id are delivered or dead letters.
    package var deliveredThrough: Int64

    /// Records that ClickHouse has not provably accepted yet.
    package var undelivered: Int { pending + inFlight }
}
