/// What ``SpoolStatus`` reads. From the tables and not from the views, which in a spool of an older version are others.
extension SpoolStatus {
    init(_ database: consuming Database, readAt: WallInstant) throws {
        database.setDeadline(in: .longestQuery)
        // One transaction, so that all of it is of the same moment.
        try database.execute("BEGIN")
        // A dead owner may have been of an older version.
        let version = try database.integer("PRAGMA user_version") ?? 0
        let row = try database.prepare(
            """
            SELECT uuid, records - (SELECT coalesce(sum(records), 0) FROM batches),
                (SELECT coalesce(sum(records), 0) FROM batches), dead_letters, last_id, payload_bytes,
                (SELECT enqueued_at FROM records ORDER BY id LIMIT 1), \(version < 3 ? "0, 0" : "dropped, committed_at")
            FROM spool
            """
        )
        guard try row.step() else { throw SQLiteError.corrupt("its row is missing", action: "read table spool") }
        uuid = row.text(0) ?? ""
        self.readAt = readAt
        pending = row.count(1)
        inFlight = row.count(2)
        deadLetters = row.count(3)
        lastID = max(0, row.integer(4) ?? 0)
        payloadBytes = row.count(5)
        oldestEnqueuedAt = row.instant(6)
        dropped = row.count(7)
        committedAt = row.instant(8).flatMap { $0.milliseconds == 0 ? nil : $0 }
        batches = try database.readBatchesInFlight()
        deadLettersByCode = try database.readLetterGroups(ofNewest: 1_000)
        destination = try database.readDestination()
        origin = try database.readOrigin()
        (state, reason, since, guarantee) = (.fine, nil, nil, nil)
        if version >= 2 {
            let note = try database.prepare(
                "SELECT state, substr(reason, 1, 10000), since, substr(guarantee, 1, 10000) FROM delivery"
            )
            guard try note.step() else {
                throw SQLiteError.corrupt("its row is missing", action: "read table delivery")
            }
            state = note.text(0).flatMap(DeliveryReport.State.init) ?? .fine
            reason = note.text(1)
            since = note.instant(2).flatMap { $0.milliseconds == 0 ? nil : $0 }
            guarantee = note.text(3)
        }
    }
}

extension Database {
    fileprivate borrowing func readBatchesInFlight() throws(SQLiteError) -> [SpoolStatus.InFlightBatch] {
        let rows = try prepare(
            """
            SELECT substr(token, 1, 1000), records, payload_bytes, frozen_at, attempts, last_attempt_at,
                substr(last_error, 1, 10000)
            FROM batches ORDER BY first_id LIMIT 1000
            """
        )
        var batches: [SpoolStatus.InFlightBatch] = []
        while try rows.step() {
            batches.append(
                SpoolStatus.InFlightBatch(
                    token: rows.text(0) ?? "",
                    records: rows.count(1),
                    payloadBytes: rows.count(2),
                    frozenAt: rows.instant(3) ?? WallInstant(milliseconds: 0),
                    attempts: rows.count(4),
                    lastAttemptAt: rows.instant(5),
                    lastError: rows.text(6)
                )
            )
        }
        return batches
    }
}

extension Statement {
    /// A damaged file may say anything: nothing that is computed from it may overflow.
    fileprivate func count(_ column: Int32) -> Int { Int(min(max(0, integer(column) ?? 0), Ledger.largest)) }

    fileprivate func instant(_ column: Int32) -> WallInstant? { integer(column).map(WallInstant.init(stored:)) }
}
