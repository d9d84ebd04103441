internal import SQLiteSpool

/// Which records another owner of the file may have delivered, under tokens that this spool does not know: a copy of the
/// file, or an owner that left no trace in a file that was rolled back. The table is asked for them before they are sent.
struct OtherOwners {
    /// Records up to this id were in the file when it was copied; 0 when it is no copy. They are asked for whenever they are to
    /// be sent.
    let copiedThrough: Int64

    /// Records up to this id were in the file when the writer began. Of what was in batches, an owner may have delivered any: each
    /// is asked for. Of the rest it delivered the oldest first: they are asked for until one batch is wholly missing, or as
    /// many as may be in flight at once.
    var recoveredThrough: Int64
    let recoveredBatchesThrough: Int64
    var missesLeft: Int

    func mayHave(_ batch: Batch) -> Bool { batch.ids.lowerBound <= max(recoveredThrough, copiedThrough) }

    /// Whether the batch stays in doubt though it was asked for: the copy may deliver it at any time.
    func mayStillHave(_ batch: Batch) -> Bool { batch.ids.lowerBound <= copiedThrough }

    /// Notes that the table has none of the batch. Returns whether nothing that comes later need be asked for any more.
    mutating func didMiss(_ batch: Batch) -> Bool {
        guard batch.ids.lowerBound > recoveredBatchesThrough else { return false }
        missesLeft -= 1
        if missesLeft > 0 { return false }
        recoveredThrough = recoveredBatchesThrough
        return true
    }
}
