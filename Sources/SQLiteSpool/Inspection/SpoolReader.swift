internal import CSQLite

/// Reads a spool from outside, whether its owner lives or not, and changes nothing in it.
///
/// Every call is one short transaction: an open one would keep the owner from moving the WAL into the database. So what
/// several calls show is not of one moment.
package struct SpoolReader: ~Copyable {
    private let database: Database

    /// Up to here all is looked at by one call, whatever a condition picks.
    package static let idsPerPage = 1_000

    private let timeLimit: Duration

    /// - Parameter timeLimit: after which a call ends with an error.
    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, `failed` when it cannot be read.
    package init(path: String, timeLimit: Duration = .longestQuery) throws(SpoolError) {
        let file = try DatabaseFile(path: path)
        database = try file.openForReading()
        self.timeLimit = timeLimit
    }

    /// A page of the records behind `id`, in their order.
    package struct Page {
        package var records: [StoredRecord] = []
        /// Where the next page begins; nil when nothing is behind this one.
        package var end: Int64?
    }

    /// - Parameters:
    ///   - id: none up to it.
    ///   - limit: at most so many; there may be more on the page then.
    ///   - condition: an SQL expression over `id`, `enqueued_at` and `payload`; nil picks all.
    ///   - maxBytes: payload bytes after which the page ends; its first record may be larger.
    /// - Throws: ``SpoolError`` with code `refused` when the condition is not an expression, or does more than read.
    package func records(
        after id: Int64 = 0,
        where condition: String? = nil,
        limit: Int = Self.idsPerPage,
        maxBytes: Int = 4 << 20
    ) throws(SpoolError) -> Page {
        try reading {
            do {
                try database.execute("BEGIN")
                defer { database.rollBack() }
                return try readPage(after: id, where: condition, limit: limit, maxBytes: maxBytes)
            } catch let error as SQLiteError
                where condition != nil && [SQLITE_ERROR, SQLITE_AUTH].contains(error.primaryCode)
            {
                throw SpoolError(
                    .refused,
                    """
                    "\(condition ?? "")" is not a condition that SQLite can test here: \(error.message). Write one over id, \
                    enqueued_at and payload, such as: payload ->> 'model' = 'gpt'
                    """
                )
            }
        }
    }

    package func deadLetters(
        _ selection: LetterSelection = .all,
        after id: Int64 = 0,
        limit: Int,
        newestFirst: Bool = false
    ) throws(SpoolError) -> [StoredLetter] {
        guard id < .max else { return [] }
        return try reading {
            try database.readLetters(
                selection,
                in: id + 1 ... .max,
                limit: limit,
                maxBytes: 64 << 20,
                newestFirst: newestFirst
            )
        }
    }

    package func countDeadLetters(_ selection: LetterSelection) throws(SpoolError) -> Int {
        try reading { try database.countLetters(selection) }
    }

    /// By code, the largest group first.
    package func deadLetterGroups() throws(SpoolError) -> [SpoolStatus.DeadLetterGroup] {
        try reading { try database.readLetterGroups() }
    }

    private func reading<Value>(_ body: () throws -> Value) throws(SpoolError) -> Value {
        database.setDeadline(in: timeLimit)
        return try SpoolError.wrapping(body)
    }

    private func readPage(after id: Int64, where condition: String?, limit: Int, maxBytes: Int) throws(SQLiteError)
        -> Page
    {
        let end = try database.prepare(
            "SELECT max(id) FROM (SELECT id FROM records WHERE id > ?1 ORDER BY id LIMIT ?2)"
        )
        try end.bind([.integer(id), .integer(Int64(Self.idsPerPage))])
        guard try end.step(), let last = end.integer(0) else { return Page() }
        var page = Page(end: last)
        // A dead owner may have been of an older version.
        let rows = try database.prepare(
            """
            SELECT \(database.checkedColumns(of: "records")),
                (SELECT substr(token, 1, 1000) FROM batches WHERE first_id <= records.id AND last_id >= records.id)
            FROM records WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3
            """
        )
        try rows.bind([.integer(id), .integer(last), .integer(Int64(Self.idsPerPage))])
        // A statement of its own, that is asked about one record: whatever it says, nothing else is shown.
        let test = try database.prepareReading("SELECT 1 FROM records WHERE id = ?1 AND (\n\(condition ?? "TRUE")\n)")
        var previous = id
        var bytes = 0
        while try rows.step() {
            let before = previous
            try database.checkOrder(&previous, rows.integer(0) ?? 0)
            if condition != nil {
                defer { test.reset() }
                try test.bind([.integer(previous)])
                guard try test.step() else { continue }
            }
            bytes += rows.byteCount(1)
            if !page.records.isEmpty, bytes > maxBytes {
                page.end = before
                return page
            }
            page.records.append(StoredRecord(rows))
            if page.records.count == limit {
                page.end = previous
                return page
            }
        }
        return page
    }
}

extension StoredRecord {
    /// - Parameter row: of `checkedColumns(of:)`, and the token.
    fileprivate init(_ row: borrowing Statement) {
        var payload: [UInt8] = []
        row.append(1, to: &payload)
        self.init(
            id: row.integer(0) ?? 0,
            enqueuedAt: WallInstant(stored: row.integer(3) ?? 0),
            payload: payload,
            token: row.text(5),
            isSound: row.checksumIfSound != nil
        )
    }
}
