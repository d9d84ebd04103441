/// Records that come in.
extension SpoolConnection {
    /// - Parameter capacity: bytes that may be in use.
    /// - Returns: why they found no room; nil when they did.
    mutating func insert(
        _ records: NewRecords,
        capacity: Int,
        _ transaction: inout Transaction
    ) throws(SQLiteError) -> SpoolError? {
        var limits = limits
        limits.maxBytes = capacity
        if case .requeued(let move) = records {
            return try requeue(move, within: limits, &transaction)
        }
        let newBytes = records.bytesToStore
        let raised = raised(limits, for: records.count, bytes: newBytes, transaction)
        guard try makeRoom(raised, for: records.count, bytes: newBytes, &transaction) else {
            return self.limits.canEverHold(records: records.count, bytes: newBytes)
                ? SpoolError(
                    full: limits,
                    configured: self.limits,
                    bytesInUse: transaction.bytesInUse,
                    records: transaction.ledger.records
                )
                : SpoolError(tooMuch: records.count, bytes: newBytes, for: self.limits)
        }
        transaction.bytesInUse += newBytes
        switch records {
        case .one(let payload): try insert(payload, &transaction)
        case .many(let payloads): for payload in payloads { try insert(payload, &transaction) }
        case .requeued: break
        }
        return nil
    }

    /// The limits, or a little more where they are reached by what is in batches, or dead letters; but not on a disk that has less room.
    private func raised(
        _ limits: SpoolLimits,
        for newRecords: Int,
        bytes newBytes: Int,
        _ transaction: Transaction
    ) -> SpoolLimits {
        let ledger = transaction.ledger
        let excess = limits.excess(
            records: ledger.records,
            bytes: transaction.bytesInUse,
            newRecords: newRecords,
            newBytes: newBytes
        )
        if excess == .none || limits.maxBytes < self.limits.maxBytes { return limits }
        let pendingBytes = ledger.payloadBytes - ledger.batches.reduce(0) { $0 + $1.payloadBytes }
        return limits.raised(inFlight: ledger.inFlight, bytes: transaction.bytesInUse - pendingBytes)
    }

    private mutating func makeRoom(
        _ limits: SpoolLimits,
        for newRecords: Int,
        bytes newBytes: Int,
        _ transaction: inout Transaction
    ) throws(SQLiteError) -> Bool {
        func excess(_ records: Int, _ bytes: Int) -> SpoolLimits.Excess {
            limits.excess(records: records, bytes: bytes, newRecords: newRecords, newBytes: newBytes)
        }
        var missing: SpoolLimits.Excess { excess(transaction.ledger.records, transaction.bytesInUse) }
        if missing == .none { return true }
        // What is in flight and in the WAL stays, so dropping might be of no use.
        let staying = transaction.ledger.batches.reduce(usage.walBytes) { $0 + $1.payloadBytes }
        let least = excess(transaction.ledger.inFlight, staying)
        guard limits.whenFull == .dropOldest, least == .none else { return false }
        let before = (transaction: transaction, usage: usage)
        try database.execute("SAVEPOINT room")
        while missing != .none {
            let count = try dropOldest(&transaction.ledger, toFree: missing)
            if count == 0 {
                // Nothing is dropped for a record that is refused all the same.
                try database.execute("ROLLBACK TO room; RELEASE room")
                (transaction, usage) = before
                return false
            }
            transaction.droppedForRoom += count
            try measure()
            transaction.bytesInUse = usage.bytesInUse
        }
        try database.execute("RELEASE room")
        return true
    }

    private func insert(_ payload: Payload, _ transaction: inout Transaction) throws(SQLiteError) {
        let id = transaction.ledger.append(payloadBytes: payload.bytes.count)
        let now = transaction.now
        try statements.insertRecord.run((id, now, payload.checksum(id: id, enqueuedAt: now)), text: payload.bytes)
    }

    /// Dead letters become the newest records. The room that they need is the one that they had, but for what they take in
    /// the WAL meanwhile, where the disk may have none. Nothing is dropped for them.
    ///
    /// - Parameter limits: those of the disk included.
    /// - Returns: why they stay dead letters; nil when they do not.
    private func requeue(
        _ move: LetterMove,
        within limits: SpoolLimits,
        _ transaction: inout Transaction
    ) throws(SQLiteError) -> SpoolError? {
        let newBytes = limits.maxBytes < self.limits.maxBytes ? move.bytes : 0
        let excess = limits.excess(
            records: transaction.ledger.records,
            bytes: newBytes == 0 ? 0 : usage.bytesInUse,
            newRecords: move.ids.count,
            newBytes: newBytes
        )
        guard excess == .none else {
            return SpoolError(
                full: limits,
                configured: self.limits,
                bytesInUse: usage.bytesInUse,
                records: transaction.ledger.records
            )
        }
        let payloads = try database.takeLetters(move.ids)
        try transaction.ledger.removeDeadLetters(payloads.count)
        for payload in payloads { try insert(Payload(payload), &transaction) }
        move.count = payloads.count
        return nil
    }
}
