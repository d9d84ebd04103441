internal import SQLiteSpool

/// Records that ClickHouse refused, for a program that lives: while it does, `spoolctl` only reads its spool.
extension BatchWriter {
    /// Dead letters, in the order in which they were written.
    ///
    /// - Parameters:
    ///   - selection: which of them; all by default.
    ///   - id: only those behind this one: pass the last id of a page to get the next. nil, the default, is the beginning.
    ///   - limit: at most so many; 100 by default.
    /// - Throws: ``WriterError`` with code `writerClosed` after ``close()``, or `spoolFailed`.
    public func deadLetters(
        _ selection: DeadLetterSelection = .all,
        after id: DeadLetter.ID? = nil,
        limit: Int = 100
    ) async throws(WriterError) -> [DeadLetter] {
        try await delivery.deadLetters(LetterSelection(selection), after: id ?? 0, limit: limit).map(DeadLetter.init)
    }

    /// Makes dead letters pending records again, to be sent once more: for when the table was mended.
    ///
    /// They go to the end of the queue with new ids, in pieces of at most 1,000 a commit. A crash leaves each of them
    /// either a dead letter or pending. What is refused again becomes a dead letter again.
    ///
    /// A row that was damaged on the disk is never requeued. One that a salvage of the spool set aside may have been
    /// delivered before, and is requeued only by its id. The log names those that are left.
    ///
    /// - Returns: how many were requeued.
    /// - Throws: ``WriterError`` with code `writerClosed`, `spoolFull` or `spoolFailed`. Those requeued before stay so, and
    ///   the message says how many; nothing is dropped to make room.
    @discardableResult
    public func requeueDeadLetters(_ selection: DeadLetterSelection) async throws(WriterError) -> Int {
        try await delivery.requeueDeadLetters(LetterSelection(selection))
    }

    /// Deletes dead letters for good, in pieces of at most 1,000 a commit.
    ///
    /// - Returns: how many were discarded.
    /// - Throws: ``WriterError`` with code `writerClosed` or `spoolFailed`.
    @discardableResult
    public func discardDeadLetters(_ selection: DeadLetterSelection) async throws(WriterError) -> Int {
        try await delivery.discardDeadLetters(LetterSelection(selection))
    }
}
