/// What the spool holds, as counts: the row of the table `spool` and the rows of `batches`, kept in memory.
///
/// Invariants: ids up to `lastID` were given out and are never given again; records up to `frozenThrough` are in a
/// batch or gone; the batches are in the order of their ids and do not overlap.
struct Ledger: Equatable {
    var uuid: String
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
            // The newest ids may be of records that a power cut or damage took.
            deliveredThrough: records == 0 ? lastID : deliveredThrough
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
    mutating func freeze(_ batch: Batch) throws(SQLiteError) -> Bool {
        guard batch.ids.upperBound <= lastID else {
            throw SQLiteError.corrupt("records \(batch.ids) cannot be pending", action: "freeze a batch")
        }
        guard batch.ids.lowerBound > frozenThrough else { return false }
        // Only what a salvage or a power cut took is not there. A damaged tree hides others: they would count as delivered.
        let passed = Int(batch.ids.upperBound - frozenThrough) - batch.records
        guard passed <= Int(lastID - frozenThrough) - (records - inFlight) else {
            throw SQLiteError.corrupt("records before \(batch.ids.upperBound) are not found", action: "freeze a batch")
        }
        batches.append(batch)
        frozenThrough = batch.ids.upperBound
        return true
    }

    /// Lets the oldest pending records go, up to `id`.
    mutating func drop(through id: Int64, records count: Int, payloadBytes bytes: Int) {
        precondition(frozenThrough..<lastID + 1 ~= id && count <= records - inFlight, "drops more than is pending")
        frozenThrough = id
        records -= count
        payloadBytes -= bytes
        dropped += count
    }

    /// - Returns: false when the batch is not in flight any more: a commit that was said to have failed may have come to
    ///   light, and then it is asked for once more.
    mutating func replace(_ batch: Batch, with children: [Batch]) -> Bool {
        let left = children.reduce(0) { $0 + $1.records }
        precondition(
            left <= batch.records,
            "\(batch.token) would be replaced by \(left) of its \(batch.records) records"
        )
        guard let index = batches.firstIndex(where: { $0.token == batch.token }) else { return false }
        records -= batches[index].records - left
        payloadBytes -= batches[index].payloadBytes - children.reduce(0) { $0 + $1.payloadBytes }
        batches.replaceSubrange(index...index, with: children)
        return true
    }

    /// - Returns: the batch as it is by now; nil when it is not in flight any more, as with `replace`.
    mutating func remove(_ batch: Batch) -> Batch? {
        guard let current = batches.first(where: { $0.token == batch.token }) else { return nil }
        return replace(current, with: []) ? current : nil
    }

    /// Some of the batch's records are damaged, and go.
    ///
    /// - Parameter records: how many are left.
    /// - Returns: what the batch is now; nil when nothing is left of it.
    mutating func shrink(_ batch: Batch, records: Int, payloadBytes: Int) throws(SQLiteError) -> Batch? {
        guard 0..<batch.records ~= records, 0...batch.payloadBytes ~= payloadBytes else {
            throw SQLiteError.corrupt("batch \(batch.token) is not what was frozen", action: "set a record aside")
        }
        var rest = batch
        (rest.records, rest.payloadBytes) = (records, payloadBytes)
        _ = replace(batch, with: records == 0 ? [] : [rest])
        return records == 0 ? nil : rest
    }

    /// Some pending records are damaged, and go.
    ///
    /// - Parameter bytesLeft: those of the other pending records.
    mutating func removePending(_ count: Int, bytesLeft: Int) throws(SQLiteError) {
        guard count <= records - inFlight else {
            throw SQLiteError.corrupt("more records are pending than are counted", action: "set a record aside")
        }
        records -= count
        payloadBytes = batches.reduce(bytesLeft) { $0 + $1.payloadBytes }
    }

    mutating func removeDeadLetters(_ count: Int) throws(SQLiteError) {
        guard count <= deadLetters else {
            throw SQLiteError.corrupt("there are more dead letters than are counted", action: "remove dead letters")
        }
        deadLetters -= count
    }

    mutating func recordFailure(of batch: Batch, error: String) {
        guard let index = batches.firstIndex(where: { $0.token == batch.token }) else { return }
        batches[index].attempts += 1
        batches[index].lastError = error
    }
}

extension Ledger {
    /// Far below what overflows when it is added up, and above what any spool has.
    static let largest: Int64 = 1 << 53

    /// - Throws: when the invariants do not hold. A damaged file may say anything, and all that is computed from these
    ///   numbers relies on them.
    func check() throws(SQLiteError) {
        func require(_ holds: Bool, _ problem: String) throws(SQLiteError) {
            if !holds { throw SQLiteError.corrupt(problem, action: "read the counts of the spool") }
        }
        try require(0...Self.largest ~= lastID && frozenThrough <= lastID, "record \(lastID) cannot be the last one")
        try require(
            0...Int(lastID) ~= records && 0...Int(lastID) ~= deadLetters && 0...Int(lastID) ~= dropped,
            "more records than ids, or less than none"
        )
        try require(0...Int(Self.largest) ~= payloadBytes, "\(payloadBytes) bytes")
        var previous: Int64 = 0
        var (others, otherBytes) = (records, payloadBytes)
        for batch in batches {
            try require(
                batch.ids.lowerBound > previous && batch.ids.upperBound <= lastID,
                "batch \(batch.ids) out of order"
            )
            try require(1...batch.ids.count ~= batch.records, "batch \(batch.ids) with \(batch.records) records")
            try require(0...otherBytes ~= batch.payloadBytes, "batch \(batch.ids) with \(batch.payloadBytes) bytes")
            previous = batch.ids.upperBound
            others -= batch.records
            otherBytes -= batch.payloadBytes
            try require(others >= 0, "batches with more records than there are")
        }
    }
}
