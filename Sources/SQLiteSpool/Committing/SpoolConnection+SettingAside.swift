/// Records that are not what was written. Each becomes a dead letter, and the others of its batch stay in it.
///
/// The batch keeps its token. ClickHouse drops a batch whose token it knows, whatever is in it; if it does not know the token, it
/// stores the rest. Under another token the rest could be stored twice.
extension SpoolConnection {
    /// - Parameter ids: what a reader found damaged. A record that has left the spool meanwhile is passed over.
    /// - Returns: which are dead letters now.
    func setAside(_ ids: [Int64], at now: Int64, ledger: inout Ledger) throws(SQLiteError) -> [SetAsideRecord] {
        let rows = try database.prepare("SELECT \(Statement.checkedColumns) FROM records WHERE id = ?1")
        var setAside: [SetAsideRecord] = []
        for id in ids {
            let batch = ledger.batches.first { $0.ids.contains(id) }
            try rows.bind([.integer(id)])
            let isThere = try rows.step()
            // This connection may still have in memory what was written.
            let isIntact = isThere && rows.isSound
            let (checksum, enqueuedAt) = isIntact ? (rows.integer(2), rows.integer(3) ?? 0) : (nil, now)
            rows.reset()
            let isCounted = id <= ledger.lastID && (batch != nil || id > ledger.frozenThrough)
            let isDeadLetter = try isDeadLetter(id)
            if !isThere, isDeadLetter || !isCounted { continue }
            guard isThere, isCounted, !isDeadLetter else {
                throw SQLiteError.corrupt("record \(id) is damaged, and it is not where it was", action: "set it aside")
            }
            try database.prepare(
                """
                INSERT INTO dead_letters (id, enqueued_at, payload, checksum, message, attempts, dead_lettered_at)
                SELECT id, ?2, coalesce(CAST(payload AS TEXT), ''), ?6, ?3, ?4, ?5 FROM records WHERE id = ?1
                """
            ).run(
                .integer(id),
                .integer(enqueuedAt),
                .text(isIntact ? SetAsideRecord.intactMessage : Salvage.damagedMessage),
                .integer(Int64(batch?.attempts ?? 0)),
                .integer(now),
                .optional(checksum)
            )
            try deleteRecords(id...id, count: 1)
            setAside.append(SetAsideRecord(id: id, isIntact: isIntact))
        }
        for batch in ledger.batches {
            let damaged = setAside.count { batch.ids.contains($0.id) }
            if damaged == 0 { continue }
            let (records, bytes) = try countRecords(in: batch.ids)
            // Where others are missing too, the damage is not in the rows alone.
            try batch.checkCount(records + damaged)
            guard let rest = try ledger.shrink(batch, records: records, payloadBytes: bytes) else {
                try delete(batch)
                continue
            }
            try database.prepare(
                "UPDATE batches SET records = ?2, payload_bytes = ?3, checksum = ?4 WHERE first_id = ?1"
            )
            .run(
                .integer(rest.ids.lowerBound),
                .integer(Int64(records)),
                .integer(Int64(bytes)),
                .integer(rest.checksum)
            )
        }
        let first = ledger.frozenThrough + 1
        let pending = setAside.count { $0.id >= first }
        // What is damaged may have another length than the one that was counted.
        if pending > 0 { try ledger.removePending(pending, bytesLeft: countRecords(in: first ... .max).bytes) }
        ledger.deadLetters += setAside.count
        return setAside
    }

    private func isDeadLetter(_ id: Int64) throws(SQLiteError) -> Bool {
        let letter = try database.prepare("SELECT 1 FROM dead_letters WHERE id = ?1")
        try letter.bind([.integer(id)])
        return try letter.step()
    }

    private func countRecords(in ids: ClosedRange<Int64>) throws(SQLiteError) -> (records: Int, bytes: Int) {
        let count = try database.prepare(
            "SELECT count(*), coalesce(sum(length(CAST(payload AS BLOB))), 0) FROM records WHERE id BETWEEN ?1 AND ?2"
        )
        try count.bind([.integer(ids.lowerBound), .integer(ids.upperBound)])
        return try count.step() ? (Int(count.integer(0) ?? 0), Int(count.integer(1) ?? 0)) : (0, 0)
    }
}

/// A record that was found damaged in the file, and is a dead letter now.
package struct SetAsideRecord: Sendable, Equatable {
    package let id: Int64
    /// Whether the dead letter has what was written, because it was still in memory. Then it can be requeued.
    package let isIntact: Bool

    static let intactMessage = "damaged in the spool's file; what is here was still in memory, and is what was written"
}
