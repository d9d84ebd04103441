/// The one connection that writes and checkpoints, with its prepared statements and the counts that go with them.
///
/// Every method that changes something is one transaction: after it returns, the change is committed and `ledger`
/// says so; after it throws, neither is the case.
struct SpoolConnection: ~Copyable {
    private let database: Database
    private let clock: any WallClock
    private let statements: Statements

    private(set) var ledger: Ledger

    /// Pages in the WAL that a checkpoint has not moved yet.
    private(set) var walPages = 0

    init(database: consuming Database, clock: any WallClock) throws(SQLiteError) {
        let ledger = try Self.readLedger(database)
        let statements = try Statements(database)
        self.database = database
        self.clock = clock
        self.statements = statements
        self.ledger = ledger
    }

    /// What every commit needs, prepared once.
    private struct Statements: ~Copyable {
        let begin: Statement
        let commit: Statement
        let insertRecord: Statement
        let updateCounts: Statement

        init(_ database: borrowing Database) throws(SQLiteError) {
            let begin = try database.prepare("BEGIN IMMEDIATE")
            let commit = try database.prepare("COMMIT")
            let insert = try database.prepare("INSERT INTO records (id, enqueued_at, payload) VALUES (?1, ?2, ?3)")
            let update = try database.prepare(
                "UPDATE spool SET last_id = ?1, records = ?2, payload_bytes = ?3, dead_letters = ?4"
            )
            self.begin = begin
            self.commit = commit
            self.insertRecord = insert
            self.updateCounts = update
        }
    }

    mutating func apply(_ group: borrowing CommitQueue.Group) throws(SQLiteError) {
        do throws(SQLiteError) {
            var ledger = self.ledger
            let now = clock.now.milliseconds
            try statements.begin.run()
            for append in group.appends {
                switch append.payloads {
                case .one(let payload): try insert(payload, at: now, ledger: &ledger)
                case .many(let payloads): for payload in payloads { try insert(payload, at: now, ledger: &ledger) }
                }
            }
            for (change, _) in group.changes { try apply(change, at: now, ledger: &ledger) }
            try statements.updateCounts.run(
                .integer(ledger.lastID),
                .integer(Int64(ledger.records)),
                .integer(Int64(ledger.payloadBytes)),
                .integer(Int64(ledger.deadLetters))
            )
            try statements.commit.run()
            self.ledger = ledger
            walPages = database.walPages
        } catch {
            database.rollBack()
            throw error
        }
    }

    mutating func checkpoint() throws(SQLiteError) {
        if try database.checkpoint() { walPages = 0 }
    }

    private func insert(_ payload: [UInt8], at now: Int64, ledger: inout Ledger) throws(SQLiteError) {
        try statements.insertRecord.run(ledger.append(payloadBytes: payload.count), now, text: payload)
    }

    private func apply(
        _ change: CommitQueue.BatchChange,
        at now: Int64,
        ledger: inout Ledger
    ) throws(SQLiteError) {
        switch change {
        case .freeze(let batch):
            ledger.freeze(batch)
            try insert(batch)
        case .acknowledge(let batch):
            guard ledger.remove(batch) else { return }
            try deleteRecords(batch.ids)
            try delete(batch)
        case .recordFailure(let batch, let message):
            ledger.recordFailure(of: batch, error: message)
            try database.prepare(
                """
                UPDATE batches SET attempts = attempts + 1, last_attempt_at = ?2, last_error = ?3
                WHERE first_id = ?1
                """
            ).run(.integer(batch.ids.lowerBound), .integer(now), .text(message))
        case .replace(let batch, let members, let children):
            guard ledger.replace(batch, with: children.map(\.batch)) else { return }
            try delete(batch)
            for child in children { try insert(child.batch) }
            let kept = Set(children.flatMap(\.members).map(\.id))
            for member in members where !kept.contains(member.id) { try deleteRecords(member.id...member.id) }
        case .deadLetter(let batch, let code, let message):
            guard ledger.remove(batch) else { return }
            ledger.deadLetters += batch.records
            try database.prepare(
                """
                INSERT INTO dead_letters (id, enqueued_at, payload, code, message, attempts, dead_lettered_at)
                SELECT id, enqueued_at, payload, ?3, ?4, ?5, ?6 FROM records WHERE id BETWEEN ?1 AND ?2
                """
            ).run(
                .integer(batch.ids.lowerBound),
                .integer(batch.ids.upperBound),
                .optional(code.map(Int64.init)),
                .text(message),
                .integer(Int64(batch.attempts)),
                .integer(now)
            )
            try deleteRecords(batch.ids)
            try delete(batch)
        case .note(let note):
            try database.prepare(
                """
                UPDATE delivery SET since = iif(state = ?1, since, ?4), state = ?1, reason = ?2, guarantee = ?3
                """
            ).run(.text(note.state.rawValue), .optional(note.reason), .optional(note.guarantee), .integer(now))
        }
    }

    private func insert(_ batch: Batch) throws(SQLiteError) {
        try database.prepare(
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

    private func delete(_ batch: Batch) throws(SQLiteError) {
        try database.prepare("DELETE FROM batches WHERE first_id = ?1").run(.integer(batch.ids.lowerBound))
    }

    private func deleteRecords(_ ids: ClosedRange<Int64>) throws(SQLiteError) {
        try database.prepare("DELETE FROM records WHERE id BETWEEN ?1 AND ?2")
            .run(.integer(ids.lowerBound), .integer(ids.upperBound))
    }

    private static func readLedger(_ database: borrowing Database) throws(SQLiteError) -> Ledger {
        let counts = try database.prepare("SELECT uuid, last_id, records, payload_bytes, dead_letters FROM spool")
        guard try counts.step(), let uuid = counts.text(0), let lastID = counts.integer(1) else {
            throw SQLiteError.corrupt("its row is missing", action: "read table spool")
        }
        let batches = try readBatches(database)
        let firstID = try database.integer("SELECT min(id) FROM records") ?? lastID + 1
        return Ledger(
            uuid: uuid,
            lastID: lastID,
            records: Int(counts.integer(2) ?? 0),
            payloadBytes: Int(counts.integer(3) ?? 0),
            deadLetters: Int(counts.integer(4) ?? 0),
            batches: batches,
            frozenThrough: batches.last?.ids.upperBound ?? firstID - 1
        )
    }

    private static func readBatches(_ database: borrowing Database) throws(SQLiteError) -> [Batch] {
        let rows = try database.prepare(
            """
            SELECT first_id, last_id, token, records, payload_bytes, frozen_at, attempts, last_error
            FROM batches ORDER BY first_id
            """
        )
        var batches: [Batch] = []
        while try rows.step() {
            guard let first = rows.integer(0), let last = rows.integer(1), first <= last else { continue }
            batches.append(
                Batch(
                    token: rows.text(2) ?? "",
                    ids: first...last,
                    records: Int(rows.integer(3) ?? 0),
                    payloadBytes: Int(rows.integer(4) ?? 0),
                    frozenAt: WallInstant(milliseconds: rows.integer(5) ?? 0),
                    attempts: Int(rows.integer(6) ?? 0),
                    lastError: rows.text(7)
                )
            )
        }
        return batches
    }
}
