/// What an operator sees of a spool, read from the file: works while its owner runs and when it is dead.
package struct SpoolStatus: Sendable, Equatable {
    /// A batch that was sent, or is about to be.
    package struct InFlightBatch: Sendable, Equatable {
        package var token: String
        package var records: Int
        package var attempts: Int
        package var lastError: String?
    }

    /// How the delivery goes, as the owner last knew.
    package var state: DeliveryNote.State
    /// What the destination's table allows to promise; nil when it was never reached.
    package var guarantee: String?
    /// Records not in a batch yet.
    package var pending: Int
    /// Records in batches that ClickHouse has not provably accepted yet.
    package var inFlight: Int
    package var deadLetters: Int
    /// Records that were given up unsent, as the limits ask for, since the spool was made.
    package var dropped: Int
    /// Whole seconds since the oldest record, pending or in flight, was enqueued; nil when there is none.
    package var oldestPendingSeconds: Int?
    /// Bytes of the payloads of pending and in-flight records.
    package var payloadBytes: Int
    /// Why the delivery is not fine, or the latest failed send of a batch in flight failed.
    package var lastError: String?
    package var batches: [InFlightBatch]

    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, `failed` when it cannot be read.
    package init(readingSpoolAt path: String) throws(SpoolError) {
        let file = try SpoolFile(path: path)
        self = try SpoolError.wrapping { try Self(file.openForReading()) }
    }

    private init(_ database: consuming Database) throws {
        // One transaction, so that the counts and the batches are of the same moment.
        try database.execute("BEGIN")
        // A dead owner may have been of an older version.
        let version = try database.integer("PRAGMA user_version") ?? 0
        let row = try database.prepare(
            """
            SELECT pending, in_flight, dead_letters, oldest_pending_seconds, payload_bytes, last_error,
                \(version < 2 ? "NULL, NULL" : "state, guarantee"), \(version < 3 ? "0" : "dropped")
            FROM spool_status
            """
        )
        guard try row.step() else { throw SpoolError(.failed, "the spool has no status row") }
        pending = Int(row.integer(0) ?? 0)
        inFlight = Int(row.integer(1) ?? 0)
        deadLetters = Int(row.integer(2) ?? 0)
        oldestPendingSeconds = row.integer(3).map { Int($0) }
        payloadBytes = Int(row.integer(4) ?? 0)
        lastError = row.text(5)
        state = row.text(6).flatMap(DeliveryNote.State.init) ?? .fine
        guarantee = row.text(7)
        dropped = Int(row.integer(8) ?? 0)
        let rows = try database.prepare("SELECT token, records, attempts, last_error FROM batches ORDER BY first_id")
        batches = []
        while try rows.step() {
            batches.append(
                InFlightBatch(
                    token: rows.text(0) ?? "",
                    records: Int(rows.integer(1) ?? 0),
                    attempts: Int(rows.integer(2) ?? 0),
                    lastError: rows.text(3)
                )
            )
        }
    }
}
