/// What is read once, when a spool is opened.
extension Database {
    /// The counts and the batches, without a look at the records.
    borrowing func readLedger() throws(SQLiteError) -> Ledger {
        var ledger = try readCounts()
        ledger.batches = try readBatches()
        // Not the end of the last batch: behind it others were delivered, or records dropped.
        let firstPending = try prepare("SELECT min(id) FROM records WHERE id > ?1")
        try firstPending.bind([.integer(max(0, ledger.batches.last?.ids.upperBound ?? 0))])
        ledger.frozenThrough = try firstPending.step() ? (firstPending.integer(0) ?? ledger.lastID &+ 1) &- 1 : 0
        try ledger.check()
        return ledger
    }

    /// The row of the table `spool`.
    borrowing func readCounts() throws(SQLiteError) -> Ledger {
        let row = try prepare(
            "SELECT uuid, last_id, records, payload_bytes, dead_letters, dropped, checksum FROM spool"
        )
        guard try row.step(), let uuid = row.text(0), let lastID = row.integer(1) else {
            throw SQLiteError.corrupt("its row is missing", action: "read table spool")
        }
        let ledger = Ledger(
            uuid: uuid,
            lastID: lastID,
            records: Int(row.integer(2) ?? 0),
            payloadBytes: Int(row.integer(3) ?? 0),
            deadLetters: Int(row.integer(4) ?? 0),
            dropped: Int(row.integer(5) ?? 0),
            batches: [],
            frozenThrough: lastID
        )
        if let stored = row.integer(6), stored != ledger.checksum {
            throw SQLiteError.corrupt("its row is not what was written", action: "read table spool")
        }
        try ledger.check()
        return ledger
    }

    borrowing func readBatches() throws(SQLiteError) -> [Batch] {
        let rows = try prepare(
            """
            SELECT first_id, last_id, token, records, payload_bytes, frozen_at, attempts,
                substr(last_error, 1, 10000), checksum
            FROM batches ORDER BY first_id
            """
        )
        let mayLackChecksum = mayLackChecksums()
        var batches: [Batch] = []
        var previous = Int64.min
        while try rows.step() {
            try checkOrder(&previous, rows.integer(0) ?? .min)
            guard let batch = Batch(rows, mayLackChecksum: mayLackChecksum) else {
                throw SQLiteError.corrupt("a batch is not what was frozen", action: "read table batches")
            }
            batches.append(batch)
        }
        return batches
    }

    borrowing func insert(_ batch: Batch) throws(SQLiteError) {
        try prepare(
            """
            INSERT INTO batches
                (first_id, last_id, token, records, payload_bytes, frozen_at, attempts, last_error, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """
        ).run(
            .integer(batch.ids.lowerBound),
            .integer(batch.ids.upperBound),
            .text(batch.token),
            .integer(Int64(batch.records)),
            .integer(Int64(batch.payloadBytes)),
            .integer(batch.frozenAt.milliseconds),
            .integer(Int64(batch.attempts)),
            .optional(batch.lastError),
            .integer(batch.checksum)
        )
    }
}

extension Batch {
    /// - Parameter row: of the table `batches`, its columns in the order of `readBatches`.
    /// - Returns: nil when it is not what was written.
    init?(_ row: borrowing Statement, mayLackChecksum: Bool) {
        guard let first = row.integer(0), let last = row.integer(1), first <= last, row.byteCount(2) <= 1_000 else {
            return nil
        }
        self.init(
            token: row.text(2) ?? "",
            ids: first...last,
            records: Int(row.integer(3) ?? 0),
            payloadBytes: Int(row.integer(4) ?? 0),
            frozenAt: WallInstant(stored: row.integer(5) ?? 0),
            // It changes with each failure, so no checksum covers it.
            attempts: Int(min(max(0, row.integer(6) ?? 0), 1 << 31)),
            lastError: row.text(7)
        )
        guard row.integer(8).map({ $0 == checksum }) ?? mayLackChecksum else { return nil }
    }
}
