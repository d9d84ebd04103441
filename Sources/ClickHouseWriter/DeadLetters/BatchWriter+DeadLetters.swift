internal import Logging
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
        do throws(SpoolError) {
            return try await delivery.spool.deadLetters(LetterSelection(selection), after: id ?? 0, limit: limit)
                .map(DeadLetter.init)
        } catch {
            throw WriterError(error)
        }
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
        try checkOpenForDeadLetters()
        let requeued: Spool.Requeued
        do throws(SpoolError) {
            requeued = try await delivery.spool.requeueDeadLetters(LetterSelection(selection))
        } catch {
            throw WriterError(error)
        }
        if requeued.count > 0 {
            delivery.logger.info("Requeued dead letters", metadata: ["spool.requeued": "\(requeued.count)"])
        }
        if !requeued.left.isEmpty {
            // As many as an operator can look at.
            let ids = requeued.left.keys.sorted().prefix(20).map { Logger.MetadataValue.string("\($0)") }
            delivery.logger.warning(
                "Left dead letters that are not intact, or were put aside by a salvage",
                metadata: ["spool.left": "\(requeued.left.count)", "spool.ids": .array(ids)]
            )
        }
        return requeued.count
    }

    /// Deletes dead letters for good, in pieces of at most 1,000 a commit.
    ///
    /// - Returns: how many were discarded.
    /// - Throws: ``WriterError`` with code `writerClosed` or `spoolFailed`.
    @discardableResult
    public func discardDeadLetters(_ selection: DeadLetterSelection) async throws(WriterError) -> Int {
        try checkOpenForDeadLetters()
        let count: Int
        do throws(SpoolError) {
            count = try await delivery.spool.discardDeadLetters(LetterSelection(selection))
        } catch {
            throw WriterError(error)
        }
        if count > 0 { delivery.logger.info("Discarded dead letters", metadata: ["spool.discarded": "\(count)"]) }
        return count
    }

    private func checkOpenForDeadLetters() throws(WriterError) {
        if delivery.isClosing {
            throw WriterError(.writerClosed, "the writer was closed; the dead letters are as they were")
        }
    }
}
