extension Database {
    /// Dead letters in the order of their ids, those with ids in `range` only.
    ///
    /// - Parameters:
    ///   - maxBytes: payload bytes after which no more are read; the first may be larger.
    ///   - newestFirst: begins with the highest id.
    borrowing func readLetters(
        _ selection: LetterSelection,
        in range: ClosedRange<Int64>,
        limit: Int,
        maxBytes: Int = .max,
        newestFirst: Bool = false
    ) throws(SQLiteError) -> [StoredLetter] {
        let (condition, value) = selection.condition
        let rows = try prepare(
            """
            SELECT \(checkedColumns(of: "dead_letters")), dead_lettered_at, code, message, attempts
            FROM dead_letters WHERE id BETWEEN ?2 AND ?3 AND \(condition)
            ORDER BY id \(newestFirst ? "DESC" : "") LIMIT ?4
            """
        )
        try rows.bind([value, .integer(range.lowerBound), .integer(range.upperBound), .integer(Int64(limit))])
        var letters: [StoredLetter] = []
        var bytes = 0
        while try rows.step() {
            let id = rows.integer(0) ?? 0
            // Also the first one: who asks for those behind the last would get the same ones for ever.
            guard range ~= id, letters.last.map({ newestFirst ? id < $0.id : id > $0.id }) ?? true else {
                throw SQLiteError.corrupt("row \(id) is not where it belongs", action: "read dead letters")
            }
            bytes += rows.byteCount(1) + rows.byteCount(7)
            if !letters.isEmpty, bytes > maxBytes { break }
            letters.append(StoredLetter(rows))
        }
        return letters
    }

    borrowing func countLetters(_ selection: LetterSelection) throws(SQLiteError) -> Int {
        let (condition, value) = selection.condition
        // Not `count(*)`, which looks at no deadline on its way through a table.
        return try prepare("SELECT count(id) FROM dead_letters WHERE \(condition)", value).readInteger()
    }

    /// The largest group first.
    ///
    /// - Parameter limit: how many are looked at, the newest first; -1 looks at all.
    borrowing func readLetterGroups(ofNewest limit: Int64 = -1) throws(SQLiteError) -> [SpoolStatus.DeadLetterGroup] {
        let rows = try prepare(
            """
            SELECT code, letters, first, last,
                (SELECT substr(message, 1, 10000) FROM dead_letters WHERE id = newest)
            FROM (
                SELECT code, count(*) AS letters, min(dead_lettered_at) AS first, max(dead_lettered_at) AS last,
                    max(id) AS newest
                FROM (SELECT id, code, dead_lettered_at FROM dead_letters ORDER BY id DESC LIMIT ?1) GROUP BY code
            ) ORDER BY letters DESC, code LIMIT 1000
            """,
            .integer(limit)
        )
        var groups: [SpoolStatus.DeadLetterGroup] = []
        while try rows.step() {
            groups.append(
                SpoolStatus.DeadLetterGroup(
                    code: rows.integer(0).map { Int($0) },
                    records: Int(rows.integer(1) ?? 0),
                    firstAt: WallInstant(stored: rows.integer(2) ?? 0),
                    lastAt: WallInstant(stored: rows.integer(3) ?? 0),
                    message: rows.text(4) ?? ""
                )
            )
        }
        return groups
    }

    // MARK: Dead letters leave

    /// The payloads of those that are there. They are not there any more afterwards.
    borrowing func takeLetters(_ ids: [Int64]) throws(SQLiteError) -> [[UInt8]] {
        let (condition, value) = LetterSelection.ids(ids).condition
        let rows = try prepare(
            "SELECT \(Statement.checkedColumns) FROM dead_letters WHERE \(condition) ORDER BY id",
            value
        )
        var payloads: [[UInt8]] = []
        while try rows.step() {
            guard rows.isSound else {
                throw SQLiteError.corrupt("one of \(ids) is not what was written", action: "requeue dead letters")
            }
            payloads.append([])
            rows.append(1, to: &payloads[payloads.count - 1])
        }
        _ = try deleteLetters(ids)
        return payloads
    }

    /// - Returns: how many there were.
    borrowing func deleteLetters(_ ids: [Int64]) throws(SQLiteError) -> Int {
        let (condition, value) = LetterSelection.ids(ids).condition
        try prepare("DELETE FROM dead_letters WHERE \(condition)").run(value)
        return changes
    }
}

extension StoredLetter {
    /// - Parameter row: in the order of `readLetters`. A damaged file may hold any number.
    fileprivate init(_ row: borrowing Statement) {
        var payload: [UInt8] = []
        row.append(1, to: &payload)
        let (code, message) = (row.integer(6).map { Int($0) }, row.text(7) ?? "")
        let wasDelivered = code == nil && message == Salvage.deliveredMessage
        self.init(
            id: row.integer(0) ?? 0,
            enqueuedAt: WallInstant(stored: row.integer(3) ?? 0),
            deadLetteredAt: WallInstant(stored: row.integer(5) ?? 0),
            code: code,
            message: message,
            attempts: Int(row.integer(8) ?? 0),
            payload: payload,
            obstacle: row.checksumIfSound == nil ? .damaged : wasDelivered ? .setAside : nil
        )
    }
}
