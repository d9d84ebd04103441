/// The queries that the delivery needs.
extension Database {
    /// The records after `id`, and before `end`, that fit into one batch; nil when there are none.
    borrowing func readPending(
        after id: Int64,
        before end: Int64 = .max,
        maxRecords: Int,
        maxBytes: Int,
        expectedBytes: Int = 0,
        tokens: TokenSource,
        now: WallInstant
    ) throws(SQLiteError) -> FrozenBatch? {
        let rows = try prepare(
            "SELECT \(Statement.checkedColumns) FROM records WHERE id > ?1 AND id < ?3 ORDER BY id LIMIT ?2"
        )
        try rows.bind([.integer(id), .integer(Int64(maxRecords)), .integer(end)])
        var body: [UInt8] = []
        // Never moved on the way, where the rows are as long as they use to be.
        body.reserveCapacity(expectedBytes)
        var ids: ClosedRange<Int64>?
        var records = 0
        var payloadBytes = 0
        var previous = id
        while try rows.step(), let id = rows.integer(0) {
            try checkOrder(&previous, id)
            let bytes = rows.byteCount(1)
            if records > 0, payloadBytes + bytes > maxBytes { break }
            try check(rows, through: id.addingReportingOverflow(Int64(maxRecords)).partialValue)
            ids = (ids?.lowerBound ?? id)...id
            records += 1
            payloadBytes += bytes
            rows.append(1, to: &body)
            body.append(UInt8(ascii: "\n"))
        }
        guard let ids else { return nil }
        let batch = Batch(
            token: tokens.next(),
            ids: ids,
            records: records,
            payloadBytes: payloadBytes,
            frozenAt: now
        )
        return FrozenBatch(batch: batch, body: body)
    }

    /// What is sent for a frozen batch, the same bytes as when it was frozen.
    borrowing func readBody(of batch: Batch) throws(SQLiteError) -> [UInt8] {
        let rows = try prepare(
            "SELECT \(Statement.checkedColumns) FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
        )
        try rows.bind([.integer(batch.ids.lowerBound), .integer(batch.ids.upperBound)])
        var body: [UInt8] = []
        // As far as it is believed: a damaged file may say anything.
        body.reserveCapacity(min(max(0, batch.payloadBytes), 64 << 20))
        var records = 0
        var previous = batch.ids.lowerBound - 1
        while try rows.step(), let id = rows.integer(0) {
            try checkOrder(&previous, id)
            try check(rows, through: batch.ids.upperBound)
            records += 1
            rows.append(1, to: &body)
            body.append(UInt8(ascii: "\n"))
        }
        try batch.checkCount(records)
        return body
    }

    /// - Parameters:
    ///   - row: of `checkedColumns`.
    ///   - last: up to where other damaged records are looked for when this one is damaged.
    /// - Throws: the ids of all that are.
    borrowing func check(_ row: borrowing Statement, through last: Int64) throws(SQLiteError) {
        if row.isSound { return }
        let id = row.integer(0) ?? 0
        throw SQLiteError.damaged(try damagedRecords(in: id...max(id, last)))
    }

    /// Records that are not what was written: at most as many as one commit should set aside.
    borrowing func damagedRecords(in ids: ClosedRange<Int64>) throws(SQLiteError) -> [Int64] {
        let rows = try prepare(
            "SELECT \(Statement.checkedColumns) FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
        )
        try rows.bind([.integer(ids.lowerBound), .integer(ids.upperBound)])
        var damaged: [Int64] = []
        while damaged.count < 1_000, try rows.step(), let id = rows.integer(0) {
            if !rows.isSound { damaged.append(id) }
        }
        return damaged
    }

    /// Ids and sizes of a batch's records, in their order.
    borrowing func readMembers(of batch: Batch) throws(SQLiteError) -> [BatchMember] {
        let rows = try prepare("SELECT id, payload FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
        try rows.bind([.integer(batch.ids.lowerBound), .integer(batch.ids.upperBound)])
        var members: [BatchMember] = []
        var previous = batch.ids.lowerBound - 1
        while try rows.step(), let id = rows.integer(0) {
            try checkOrder(&previous, id)
            members.append(BatchMember(id: id, payloadBytes: rows.byteCount(1)))
        }
        return members
    }

    /// What tells the batch's records from others, in their order; nil where a record has no such field.
    borrowing func readKeys(
        of batch: Batch,
        idField: String,
        timeField: String?,
        isSample: Bool
    ) throws(SQLiteError) -> [(id: String, seconds: Int64?)?] {
        // `->` keeps the JSON text, so that neither a large number nor a NUL in a string is changed on its way. A name
        // is quoted in the path, or one like `a.b` would be looked for in an object `a`, and `1st` be an error.
        let rows = try prepare(
            """
            -- The second and the zone, without a fraction: ClickHouse cuts it off, strftime would round.
            SELECT payload -> ?3, CAST(strftime('%s', substr(payload ->> ?4, 1, 19) || CASE
                WHEN payload ->> ?4 GLOB '*Z' THEN 'Z'
                WHEN payload ->> ?4 GLOB '*[-+][0-9][0-9]:[0-9][0-9]' THEN substr(payload ->> ?4, -6)
                -- Without a zone only the server knows what it means: then all of it is NULL.
            END) AS INTEGER)
            FROM records WHERE id BETWEEN ?1 AND ?2 \(isSample ? "AND (id < ?1 + 100 OR id % 100 = 0)" : "") ORDER BY id
            """
        )
        try rows.bind([
            .integer(batch.ids.lowerBound), .integer(batch.ids.upperBound), .text("$.\"\(idField)\""),
            .optional(timeField.map { "$.\"\($0)\"" }),
        ])
        var keys: [(id: String, seconds: Int64?)?] = []
        while try rows.step() {
            let id = rows.text(0).flatMap { $0 == "null" ? nil : $0 }
            let seconds = rows.integer(1)
            keys.append(id.map { ($0, seconds) })
        }
        return keys
    }

    /// A damaged file may have its rows in any order, whatever was asked for.
    borrowing func checkOrder(_ previous: inout Int64, _ id: Int64) throws(SQLiteError) {
        guard id > previous else {
            throw SQLiteError.corrupt("row \(id) stands behind row \(previous)", action: "read a table in its order")
        }
        previous = id
    }

    borrowing func enqueueTime(ofFirstAfter id: Int64) throws(SQLiteError) -> Int64? {
        let row = try prepare("SELECT enqueued_at FROM records WHERE id > ?1 ORDER BY id LIMIT 1")
        try row.bind([.integer(id)])
        return try row.step() ? row.integer(0) : nil
    }
}

extension Batch {
    /// Sending others under the same token, or cutting what is not whole, would lose the difference without a trace.
    func checkCount(_ found: Int) throws(SQLiteError) {
        if found == records { return }
        throw SQLiteError.corrupt(
            "batch \(token) has \(found) of its \(records) records",
            action: "read a frozen batch"
        )
    }
}

extension Statement {
    static let checkedColumns = "id, payload, checksum, enqueued_at"

    /// Whether `payload` is one line of JSON with an object. SQLite's JSON ends at a NUL, and a line at a line feed; neither
    /// is in what was written.
    static let isRow = """
        CASE WHEN instr(CAST(payload AS BLOB), x'00') OR instr(CAST(payload AS BLOB), x'0a') THEN FALSE
        WHEN NOT json_valid(payload) THEN FALSE ELSE json_type(payload) = 'object' END
        """

    /// Whether a row of `checkedColumns` is what was written.
    var isSound: Bool { integer(2) != nil && integer(2) == checksum }

    /// The checksum of a row of `Database.checkedColumns(of:)`, also where an older version has written none; nil when the row is not
    /// what was written.
    var checksumIfSound: Int64? {
        let checksum = checksum
        let isSound = integer(2).map { $0 == checksum } ?? (integer(4) == 1)
        return isSound ? checksum : nil
    }

    /// What the checksum of a row of `checkedColumns` must be.
    var checksum: Int64? {
        guard let id = integer(0) else { return nil }
        let enqueuedAt = integer(3) ?? 0
        return unsafe withBytes(1) { unsafe Checksum($0).ofRecord(id, enqueuedAt: enqueuedAt) }
    }
}
