/// What becomes of batches and dead letters.
extension SpoolConnection {
    func apply(_ operation: SpoolOperation, _ transaction: inout Transaction) throws(SQLiteError) {
        let now = transaction.now
        switch operation {
        case .setAside(let ids): try setAside(ids, &transaction)
        case .freeze(let batch):
            guard try transaction.ledger.freeze(batch) else { return }
            try database.insert(batch)
        case .acknowledge(let batch):
            guard let batch = transaction.ledger.remove(batch) else { return }
            try deleteRecords(batch.ids, count: batch.records)
            try delete(batch)
        case .recordFailure(let batch, let message):
            transaction.ledger.recordFailure(of: batch, error: message)
            try database.prepare(
                """
                UPDATE batches SET attempts = attempts + 1, last_attempt_at = ?2, last_error = ?3
                WHERE first_id = ?1
                """
            ).run(.integer(batch.ids.lowerBound), .integer(now), .text(message))
        case .replace(let batch, let members, let children):
            guard transaction.ledger.replace(batch, with: children.map(\.batch)) else { return }
            try delete(batch)
            for child in children { try database.insert(child.batch) }
            let kept = Set(children.flatMap(\.members).map(\.id))
            for member in members where !kept.contains(member.id) {
                try deleteRecords(member.id...member.id, count: 1)
            }
        case .deadLetter(let batch, let code, let message):
            guard transaction.ledger.batches.contains(where: { $0.token == batch.token }) else { return }
            // A damaged record is a dead letter of another kind: not what was refused.
            let damaged = try database.damagedRecords(in: batch.ids)
            if !damaged.isEmpty { try setAside(damaged, &transaction) }
            guard let batch = transaction.ledger.remove(batch) else { return }
            // A salvaged record may be there already, as it was before. Failing for that would fail for ever.
            let first = Statement.Value.integer(batch.ids.lowerBound)
            let last = Statement.Value.integer(batch.ids.upperBound)
            try database.prepare(
                "DELETE FROM dead_letters WHERE id IN (SELECT id FROM records WHERE id BETWEEN ?1 AND ?2)"
            ).run(first, last)
            transaction.ledger.deadLetters += batch.records - database.changes
            try database.prepare(
                """
                INSERT INTO dead_letters (id, enqueued_at, payload, checksum, code, message, attempts, dead_lettered_at)
                SELECT id, enqueued_at, payload, checksum, ?3, ?4, ?5, ?6 FROM records WHERE id BETWEEN ?1 AND ?2
                """
            ).run(
                first,
                last,
                .optional(code.map(Int64.init)),
                .text(message),
                .integer(Int64(batch.attempts)),
                .integer(now)
            )
            try deleteRecords(batch.ids, count: batch.records)
            try delete(batch)
        case .discard(let move):
            let count = try database.deleteLetters(move.ids)
            try transaction.ledger.removeDeadLetters(count)
            move.count = count
        case .report(let report):
            try database.prepare(
                """
                UPDATE delivery SET since = iif(state = ?1, since, ?4), state = ?1, reason = ?2, guarantee = ?3
                """
            ).run(.text(report.state.rawValue), .optional(report.reason), .optional(report.guarantee), .integer(now))
            if let destination = report.destination { try database.write(destination) }
        }
    }

    private func setAside(_ ids: [Int64], _ transaction: inout Transaction) throws(SQLiteError) {
        transaction.setAside += try setAside(ids, at: transaction.now, ledger: &transaction.ledger)
    }

    func delete(_ batch: Batch) throws(SQLiteError) {
        try database.prepare("DELETE FROM batches WHERE first_id = ?1").run(.integer(batch.ids.lowerBound))
    }

    func deleteRecords(_ ids: ClosedRange<Int64>, count: Int) throws(SQLiteError) {
        try database.prepare("DELETE FROM records WHERE id BETWEEN ?1 AND ?2")
            .run(.integer(ids.lowerBound), .integer(ids.upperBound))
        guard database.changes == count else {
            throw SQLiteError.corrupt("\(database.changes) of \(count) records are found", action: "delete \(ids)")
        }
    }
}
