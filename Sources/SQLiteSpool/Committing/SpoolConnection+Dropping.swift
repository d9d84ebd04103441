/// Records that are given up, as the limits ask for.
extension SpoolConnection {
    /// Drops pending records, the oldest first, until so much is free, in the chunk that one read shows.
    ///
    /// - Returns: how many; 0 when nothing is pending.
    func dropOldest(_ ledger: inout Ledger, toFree excess: SpoolLimits.Excess) throws(SQLiteError) -> Int {
        // Space comes back in whole pages, so bytes are freed in larger pieces than they are asked for.
        let bytes = excess.bytes == 0 ? 0 : max(excess.bytes, 64 << 10)
        return try dropOldest(&ledger, until: { $0 >= excess.records && $1 >= bytes })
    }

    mutating func hasExpiredRecords() throws(SQLiteError) -> Bool {
        guard let maxAge = limits.maxAge, ledger.summary.pending > 0 else { return false }
        let now = clock.now
        ages.look(at: now, elapsed: clock.elapsed, ledger)
        let row = try database.prepare(
            "SELECT id, enqueued_at FROM records WHERE id > ?1 ORDER BY id LIMIT 1",
            .integer(ledger.frozenThrough)
        )
        guard try row.step(), let id = row.integer(0) else { return false }
        return ages.age(of: id, enqueuedAt: row.integer(1) ?? 0, now: now) > maxAge
    }

    func dropOldest(_ ledger: inout Ledger, olderThan maxAge: Duration, now: WallInstant) throws(SQLiteError) -> Int {
        let ages = ages
        return try dropOldest(
            &ledger,
            where: { ages.age(of: $0, enqueuedAt: $1, now: now) > maxAge },
            until: { _, _ in false }
        )
    }

    private func dropOldest(
        _ ledger: inout Ledger,
        where mayGo: (_ id: Int64, _ enqueuedAt: Int64) -> Bool = { _, _ in true },
        until isEnough: (_ records: Int, _ bytes: Int) -> Bool
    ) throws(SQLiteError) -> Int {
        var records = 0
        var bytes = 0
        var last = ledger.frozenThrough
        do {
            let rows = try database.prepare(
                "SELECT id, enqueued_at, payload FROM records WHERE id > ?1 ORDER BY id LIMIT 1000",
                .integer(ledger.frozenThrough)
            )
            while !isEnough(records, bytes), try rows.step(), let id = rows.integer(0), mayGo(id, rows.integer(1) ?? 0)
            {
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
