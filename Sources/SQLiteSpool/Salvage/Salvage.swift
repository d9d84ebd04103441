internal import CSQLite

/// Reads what can be read of a damaged spool into a fresh one.
///
/// - Records whose checksum is right go on, in the order of their ids. Those that are not what was written, and those that
///   were delivered before, become dead letters.
/// - A frozen batch goes on under its token, also when some of its records are not there any more. Records that were frozen in
///   batches which cannot be read make new ones, and are asked for where the table can be asked.
/// - The fresh spool has a new uuid: a note about the damaged one says nothing about it.
struct Salvage: ~Copyable {
    /// The damaged spool. It is not changed.
    let source: Database
    /// A fresh one.
    let target: Database
    let previous: OwnerNote?
    let tokens: TokenSource
    let now: WallInstant

    /// Why a record is a dead letter now.
    static let damagedMessage = "damaged in the spool: it is not what was written"
    static let deliveredMessage = "was delivered, or set aside, before the spool was damaged"

    func run(reason: String) throws -> SpoolLoss {
        // What the source says of itself, where that is sound.
        let claims = try? source.readCounts()
        // A note about another spool says nothing about this one.
        let note = claims == nil || claims?.uuid == previous?.uuid ? previous : nil
        let known = max(min(claims?.lastID ?? 0, Ledger.largest), note?.progress.committed ?? 0)
        let lastKey = known == 0 ? .max : known
        try target.execute("BEGIN IMMEDIATE")
        let deadLetters = try copyDeadLetters(lastKey: lastKey)
        let setAside = try copyRecords(lastKey: lastKey, delivered: note?.progress.delivered ?? 0)
        let salvaged = Int(try target.integer("SELECT count(*) FROM records") ?? 0)
        let highest = try target.integer(
            "SELECT max(coalesce((SELECT max(id) FROM records), 0), coalesce((SELECT max(id) FROM dead_letters), 0))"
        )
        let lastID = max(known, highest ?? 0)
        let batches = try copyBatches(lastID: lastID, frozen: note?.progress.frozen ?? 0)
        try target.prepare(
            """
            UPDATE spool SET last_id = ?1, dropped = ?2, checksum = NULL, records = (SELECT count(*) FROM records),
                payload_bytes = (SELECT coalesce(sum(length(CAST(payload AS BLOB))), 0) FROM records),
                dead_letters = (SELECT count(*) FROM dead_letters)
            """
        ).run(.integer(lastID), .integer(Int64(claims?.dropped ?? 0)))
        // The table's row may be on a page that cannot be read; the next writer says it again.
        if let destination = try? source.readDestination() { try target.write(destination) }
        if let origin = try? source.readOrigin() { try target.write(origin) }
        try target.execute("COMMIT")
        return SpoolLoss(
            reason: reason,
            quarantinedFile: nil,
            salvaged: salvaged,
            setAside: setAside.count,
            lost: try countLost(note, claims, setAside, batches)
                + max(0, max(claims?.deadLetters ?? 0, Int(note?.progress.deadLetters ?? 0)) - deadLetters)
        )
    }

    /// Records that were accepted, and are nowhere. Rows that were delivered long ago may be among those that were read,
    /// so ids are compared and not counts: of those that were not delivered from the first to the last, which are missing?
    ///
    /// Between the first and the last others were delivered. Where the counts are those of the note, and agree with the batches that
    /// were read and all ids behind them, those are the records that there were. Elsewhere some of what is counted was delivered.
    private func countLost(
        _ note: OwnerNote?,
        _ claims: Ledger?,
        _ setAside: [Int64],
        _ batches: [Batch]
    ) throws -> Int {
        guard let progress = note?.progress else {
            let salvaged = Int(try target.integer("SELECT count(*) FROM records") ?? 0)
            return max(0, (claims?.records ?? 0) - salvaged - setAside.count)
        }
        let known = try count(
            "SELECT id FROM records UNION SELECT id FROM dead_letters",
            from: progress.delivered + 1,
            progress.committed
        )
        let missing = progress.committed - progress.delivered - known
        guard let records = progress.records else { return Int(max(0, missing)) }
        let newest = (first: progress.frozen + 1, last: progress.committed)
        let knownOfNewest = try countKnown(newest.first, newest.last, setAside)
        let inFlight = batches.filter { $0.ids.lowerBound > progress.delivered && $0.ids.upperBound < newest.first }
        let counted = inFlight.reduce(0) { $0 + Int64($1.records) } + newest.last - newest.first + 1
        let isNewest = claims.map { $0.lastID == progress.committed && $0.records == records } ?? false
        guard isNewest, counted == records else { return Int(max(0, min(missing, records - knownOfNewest))) }
        return try inFlight.reduce(Int(newest.last - newest.first + 1 - knownOfNewest)) { sum, batch in
            try sum + max(0, batch.records - Int(countKnown(batch.ids.lowerBound, batch.ids.upperBound, setAside)))
        }
    }

    /// Records with ids of a range that are in the fresh spool, or were set aside. A damaged row may bear any id.
    private func countKnown(_ first: Int64, _ last: Int64, _ setAside: [Int64]) throws -> Int64 {
        try count("SELECT id FROM records", from: first, last) + Int64(setAside.count { first <= $0 && $0 <= last })
    }

    private func count(_ ids: String, from first: Int64, _ last: Int64) throws -> Int64 {
        let rows = try target.prepare("SELECT count(*) FROM (\(ids)) WHERE id BETWEEN ?1 AND ?2")
        try rows.bind([.integer(first), .integer(last)])
        return try rows.step() ? rows.integer(0) ?? 0 : 0
    }

    // MARK: Rows

    /// - Returns: how many are there, without those that are found damaged now: a damaged one may bear any id.
    private func copyDeadLetters(lastKey: Int64) throws -> Int {
        var damaged: Set<Int64> = []
        let insert = try target.prepare(
            """
            INSERT OR IGNORE INTO dead_letters
                (id, payload, checksum, enqueued_at, dead_lettered_at, code, message, attempts)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """
        )
        let columns = source.checkedColumns(of: "dead_letters") + ", dead_lettered_at, code, message, attempts"
        try? forEachRow(of: "dead_letters", columns, key: "id", lastKey: lastKey) { row in
            // A row of another table, on a page that has got into this one, ends sooner or has a number there. Taken for a
            // dead letter it would hide that one is lost.
            guard let id = row.integer(0), 1...Ledger.largest ~= id, let payload = row.text(1), row.isText(7),
                let message = row.text(7), let attempts = row.integer(8), let deadLetteredAt = row.integer(5)
            else { return }
            let checksum = row.checksumIfSound
            if checksum == nil, row.integer(2) != nil { damaged.insert(id) }
            try insert.run(
                .integer(id),
                .text(payload),
                .optional(checksum),
                .integer(row.integer(3) ?? 0),
                .integer(deadLetteredAt),
                .optional(checksum == nil ? nil : row.integer(6)),
                .text(checksum == nil ? Self.damagedMessage : message),
                .integer(attempts)
            )
        }
        return Int(try target.integer("SELECT count(*) FROM dead_letters") ?? 0) - damaged.count
    }

    /// - Returns: the ids of the records that are dead letters now.
    private func copyRecords(lastKey: Int64, delivered: Int64) throws -> [Int64] {
        let insert = try target.prepare(
            "INSERT OR IGNORE INTO records (id, enqueued_at, checksum, payload) VALUES (?1, ?2, ?3, ?4)"
        )
        var setAside: [Int64] = []
        try? forEachRow(of: "records", source.checkedColumns(of: "records"), key: "id", lastKey: lastKey) { row in
            guard let id = row.integer(0), 1...Ledger.largest ~= id else { return }
            var bytes: [UInt8] = []
            row.append(1, to: &bytes)
            let checksum = row.checksumIfSound
            let enqueuedAt = row.integer(3) ?? 0
            if let checksum, id > delivered {
                try insert.run((id, enqueuedAt, checksum), text: bytes)
            } else if try setAsideRecord(id, bytes, checksum, enqueuedAt) {
                setAside.append(id)
            }
        }
        // The same id may have turned up again, whole.
        let isThere = try target.prepare("SELECT 1 FROM records WHERE id = ?1")
        let remove = try target.prepare("DELETE FROM dead_letters WHERE id = ?1")
        return try setAside.filter { id in
            defer { isThere.reset() }
            try isThere.bind([.integer(id)])
            guard try isThere.step() else { return true }
            try remove.run(.integer(id))
            return false
        }
    }

    /// - Parameter checksum: nil when it is not what was written.
    /// - Returns: false when there is a dead letter of that id already.
    private func setAsideRecord(_ id: Int64, _ bytes: [UInt8], _ checksum: Int64?, _ enqueuedAt: Int64) throws -> Bool {
        try target.prepare(
            """
            INSERT OR IGNORE INTO dead_letters
                (id, enqueued_at, payload, checksum, message, attempts, dead_lettered_at)
            VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)
            """
        ).run(
            .integer(id),
            .integer(checksum == nil ? now.milliseconds : enqueuedAt),
            .text(String(decoding: bytes, as: UTF8.self)),
            .optional(checksum),
            .text(checksum == nil ? Self.damagedMessage : Self.deliveredMessage),
            .integer(now.milliseconds)
        )
        return target.changes > 0
    }

    private func forEachRow(
        of table: String,
        _ columns: String,
        key: String,
        lastKey: Int64,
        _ body: (borrowing Statement) throws -> Void
    ) throws {
        let select = "SELECT \(columns) FROM \(table)"
        let pages = try? source.integer("PRAGMA page_count")
        let reader = RowReader(
            forwards: try source.prepare("\(select) ORDER BY \(key)"),
            backwards: try source.prepare("\(select) ORDER BY \(key) DESC"),
            after: try source.prepare("\(select) WHERE \(key) > ?1 ORDER BY \(key)"),
            maxSteps: Int(pages ?? 1 << 20) * 400 + 1_000
        )
        try reader.read(through: lastKey, body)
    }

    // MARK: Batches

    /// - Returns: those that could be read, whether their records could be or not.
    private func copyBatches(lastID: Int64, frozen: Int64) throws -> [Batch] {
        var batches: [Int64: Batch] = [:]
        let columns =
            "first_id, last_id, token, records, payload_bytes, frozen_at, attempts, last_error, "
            + source.checksumColumn(of: "batches")
        let mayLackChecksum = source.mayLackChecksums()
        try? forEachRow(of: "batches", columns, key: "first_id", lastKey: .max) { row in
            guard let batch = Batch(row, mayLackChecksum: mayLackChecksum), batch.ids.lowerBound > 0,
                batch.ids.upperBound <= lastID, !batch.token.isEmpty
            else { return }
            batches[batch.ids.lowerBound] = batch
        }
        var end: Int64 = 0
        for batch in batches.values.sorted(by: { $0.ids.lowerBound < $1.ids.lowerBound }) {
            // Two that overlap cannot both be right, and nobody knows which one is.
            guard batch.ids.lowerBound > end else { continue }
            try freezeRest(from: end + 1, before: batch.ids.lowerBound)
            let members = try target.readMembers(of: batch)
            let bytes = members.reduce(0) { $0 + $1.payloadBytes }
            if members.count == batch.records, bytes == batch.payloadBytes {
                try target.insert(batch)
            } else if !members.isEmpty {
                // Under its token: ClickHouse drops it if it has the whole batch, and else stores what is left.
                try target.insert(batch.child(token: batch.token, members, frozenAt: batch.frozenAt))
            }
            end = batch.ids.upperBound
        }
        try freezeRest(from: end + 1, before: frozen + 1)
        return Array(batches.values)
    }

    /// Records before a frozen batch were frozen themselves, and may have been sent.
    private func freezeRest(from first: Int64, before next: Int64) throws {
        var first = first
        while first < next,
            let rest = try target.readPending(
                after: first - 1,
                before: next,
                maxRecords: 1_000,
                maxBytes: 4 << 20,
                tokens: tokens,
                now: now
            )
        {
            try target.insert(rest.batch)
            first = rest.batch.ids.upperBound + 1
        }
    }
}
