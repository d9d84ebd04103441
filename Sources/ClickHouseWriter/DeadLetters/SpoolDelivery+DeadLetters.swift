internal import Logging
internal import SQLiteSpool

extension SpoolDelivery {
    func deadLetters(
        _ selection: LetterSelection,
        after id: Int64,
        limit: Int
    ) async throws(WriterError) -> [StoredLetter] {
        do throws(SpoolError) {
            return try await spool.deadLetters(selection, after: id, limit: limit)
        } catch {
            throw WriterError(error)
        }
    }

    func requeueDeadLetters(_ selection: LetterSelection) async throws(WriterError) -> Int {
        try checkOpen()
        let requeued: Spool.Requeued
        do throws(SpoolError) {
            requeued = try await spool.requeueDeadLetters(selection)
        } catch {
            throw WriterError(error)
        }
        if requeued.count > 0 {
            logger.info("Requeued dead letters", metadata: ["spool.requeued": "\(requeued.count)"])
        }
        if !requeued.left.isEmpty {
            // So many that whoever reads it can look at them, and no more.
            let ids = requeued.left.keys.sorted().prefix(20).map { "\($0)" }
            logger.warning(
                "Left dead letters that are not intact, or were put aside by a salvage",
                metadata: ["spool.left": "\(requeued.left.count)", "spool.ids": .array(ids.map { .string($0) })]
            )
        }
        return requeued.count
    }

    func discardDeadLetters(_ selection: LetterSelection) async throws(WriterError) -> Int {
        try checkOpen()
        let count: Int
        do throws(SpoolError) {
            count = try await spool.discardDeadLetters(selection)
        } catch {
            throw WriterError(error)
        }
        if count > 0 { logger.info("Discarded dead letters", metadata: ["spool.discarded": "\(count)"]) }
        return count
    }

    private func checkOpen() throws(WriterError) {
        if isClosing { throw WriterError(.writerClosed, "the writer was closed; the dead letters are as they were") }
    }
}
