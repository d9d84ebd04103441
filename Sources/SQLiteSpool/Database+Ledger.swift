/// What is read once, when a spool is opened.
extension Database {
    /// The counts and the batches, without a look at the records.
    borrowing func readLedger() throws(SQLiteError) -> Ledger {
        let counts = try prepare("SELECT uuid, last_id, records, payload_bytes, dead_letters, dropped FROM spool")
        guard try counts.step(), let uuid = counts.text(0), let lastID = counts.integer(1) else {
            throw SQLiteError.corrupt("its row is missing", action: "read table spool")
        }
        let batches = try readBatches()
        let firstID = try integer("SELECT min(id) FROM records") ?? lastID + 1
        return Ledger(
            uuid: uuid,
            lastID: lastID,
            records: Int(counts.integer(2) ?? 0),
            payloadBytes: Int(counts.integer(3) ?? 0),
            deadLetters: Int(counts.integer(4) ?? 0),
            dropped: Int(counts.integer(5) ?? 0),
            batches: batches,
            frozenThrough: batches.last?.ids.upperBound ?? firstID - 1
        )
    }

    borrowing func readBatches() throws(SQLiteError) -> [Batch] {
        let rows = try prepare(
            """
            SELECT first_id, last_id, token, records, payload_bytes, frozen_at, attempts, last_error
            FROM batches ORDER BY first_id
            """
        )
        var batches: [Batch] = []
        while try rows.step() {
            if let batch = Batch(rows) { batches.append(batch) }
        }
        return batches
    }

    borrowing func insert(_ batch: Batch) throws(SQLiteError) {
        try prepare(
            """
            INSERT INTO batches (first_id, last_id, token, records, payload_bytes, frozen_at, attempts, last_error)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """
        ).run(
            .integer(batch.ids.lowerBound),
            .integer(batch.ids.upperBound),
            .text(batch.token),
            .integer(Int64(batch.records)),
            .integer(Int64(batch.payloadBytes)),
            .integer(batch.frozenAt.milliseconds),
            .integer(Int64(batch.attempts)),
            .optional(batch.lastError)
        )
    }
}

extension Batch {
    /// - Parameter row: of the table `batches`, its columns in the order of `readBatches`.
    init?(_ row: borrowing Statement) {
        guard let first = row.integer(0), let last = row.integer(1), first <= last else { return nil }
        self.init(
            token: row.text(2) ?? "",
            ids: first...last,
            records: Int(row.integer(3) ?? 0),
            payloadBytes: Int(row.integer(4) ?? 0),
            frozenAt: WallInstant(milliseconds: row.integer(5) ?? 0),
            attempts: Int(row.integer(6) ?? 0),
            lastError: row.text(7)
        )
    }
}
