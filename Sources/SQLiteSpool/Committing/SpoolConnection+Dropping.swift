/// Records that are given up, as the limits ask for.
extension SpoolConnection {
    /// Drops pending records, the oldest first, until so much is free, in the chunk that one read shows.
    ///
    /// - Returns: how many; 0 when nothing is pending.
    func dropOldest(_ ledger: inout Ledger, toFree excess: SpoolLimits.Excess) throws(SQLiteError) -> Int {
        // Space comes back in whole pages, so bytes are freed in larger pieces than they are asked for.
        let bytes = excess.bytes == 0 ? 0 : max(excess.bytes, 64 << 10)
        return try dropOldest(&ledger) { $0 >= excess.records && $1 >= bytes }
    }

    func hasExpiredRecords() throws(SQLiteError) -> Bool {
        guard let maxAge = limits.maxAge, ledger.summary.pending > 0 else { return false }
        let oldest = try database.enqueueTime(ofFirstAfter: ledger.frozenThrough)
        return oldest.map { $0 < clock.now.advanced(by: .zero - maxAge).milliseconds } ?? false
    }

    func dropOldest(_ ledger: inout Ledger, olderThan cutoff: Int64) throws(SQLiteError) -> Int {
        try dropOldest(&ledger, olderThan: cutoff) { _, _ in false }
    }

    private func dropOldest(
        _ ledger: inout Ledger,
        olderThan cutoff: Int64 = .max,
        until isEnough: (_ records: Int, _ bytes: Int) -> Bool
    ) throws(SQLiteError) -> Int {
        var records = 0
        var bytes = 0
        var last = ledger.frozenThrough
        do {
            let rows = try database.prepare(
                "SELECT id, enqueued_at, payload FROM records WHERE id > ?1 ORDER BY id LIMIT 1000"
            )
            try rows.bind([.integer(ledger.frozenThrough)])
            while !isEnough(records, bytes), try rows.step(), let id = rows.integer(0), rows.integer(1) ?? 0 < cutoff {
                try database.checkOrder(&last, id)
                records += 1
                bytes += rows.byteCount(2)
            }
        }
        if records == 0 { return 0 }
        guard records <= ledger.summary.pending, bytes <= ledger.payloadBytes, last <= ledger.lastID else {
            throw SQLiteError.corrupt("there are more records than are counted", action: "drop records")
        }
        try deleteRecords(ledger.frozenThrough + 1...last, count: records)
        ledger.drop(through: last, records: records, payloadBytes: bytes)
        return records
    }
}
