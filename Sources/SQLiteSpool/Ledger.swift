/// What the spool holds, as counts: the row of the table `spool` and the rows of `batches`, kept in memory.
///
/// Invariants: ids up to `lastID` were given out and are never given again; records up to `frozenThrough` are in a
/// batch or gone; the batches are in the order of their ids and do not overlap.
struct Ledger: Equatable {
    let uuid: String
    var lastID: Int64
    var records: Int
    var payloadBytes: Int
    var deadLetters: Int
    /// Records that were dropped, since the spool was made.
    var dropped: Int
    var batches: [Batch]
    var frozenThrough: Int64

    var inFlight: Int { batches.reduce(0) { $0 + $1.records } }

    /// Records up to this id are delivered or dead letters.
    var deliveredThrough: Int64 { batches.first.map { $0.ids.lowerBound - 1 } ?? frozenThrough }

    var summary: SpoolSummary {
        SpoolSummary(
            pending: records - inFlight,
            inFlight: inFlight,
            deadLetters: deadLetters,
            dropped: dropped,
            payloadBytes: payloadBytes,
            lastID: lastID,
            frozenThrough: frozenThrough,
            deliveredThrough: deliveredThrough
        )
    }

    /// - Returns: the new record's id.
    mutating func append(payloadBytes bytes: Int) -> Int64 {
        lastID += 1
        records += 1
        payloadBytes += bytes
        return lastID
    }

    /// - Returns: false when some of its records are not pending any more: they were dropped.
    mutating func freeze(_ batch: Batch) -> Bool {
        guard batch.ids.lowerBound > frozenThrough, batch.ids.upperBound <= lastID else { return false }
        batches.append(batch)
        frozenThrough = batch.ids.upperBound
        return true
    }

    /// Lets the oldest pending records go, up to `id`.
    mutating func drop(through id: Int64, records count: Int, payloadBytes bytes: Int) {
        frozenThrough = id
        records -= count
        payloadBytes -= bytes
        dropped += count
    }

    /// - Returns: false when the batch is not in flight (any more).
    mutating func replace(_ batch: Batch, with children: [Batch]) -> Bool {
        guard let index = batches.firstIndex(where: { $0.token == batch.token }) else { return false }
        batches.replaceSubrange(index...index, with: children)
        records -= batch.records - children.reduce(0) { $0 + $1.records }
        payloadBytes -= batch.payloadBytes - children.reduce(0) { $0 + $1.payloadBytes }
        return true
    }

    /// - Returns: false when the batch is not in flight (any more).
    mutating func remove(_ batch: Batch) -> Bool {
        replace(batch, with: [])
    }

    mutating func recordFailure(of batch: Batch, error: String) {
        guard let index = batches.firstIndex(where: { $0.token == batch.token }) else { return }
        batches[index].attempts += 1
        batches[index].lastError = error
    }
}
