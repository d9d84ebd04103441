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

extension SpoolSummary {
    /// What a batch of so many records will take, if they are as long as all are in the mean, and an eighth, so that few
    /// are longer. As far as the counts are believed: a damaged file may say anything.
    func expectedBytes(of records: Int, atMost maxBytes: Int) -> Int {
        guard undelivered > 0 else { return 0 }
        let mean = min(payloadBytes / undelivered, 1 << 20)
        return min((mean + mean / 8 + 2) * max(0, min(records, pending, 1 << 20)), maxBytes, 64 << 20)
    }
}
