/// Dead letters that are looked at, sent once more or given up. Each piece of at most a thousand is one commit, so that
/// writers wait for none of them long, and a crash leaves each either a dead letter or what it was to become.
extension Spool {
    private static let lettersPerCommit = 1_000
    private static let bytesPerCommit = 1 << 20

    /// What became of dead letters that were to be requeued.
    package struct Requeued: Sendable, Equatable {
        /// How many are records again.
        package var count = 0
        /// Those that stay dead letters, by id.
        package var left: [Int64: StoredLetter.Obstacle] = [:]
    }

    /// Dead letters, in the order of their ids.
    ///
    /// - Parameter id: none up to it.
    package func deadLetters(
        _ selection: LetterSelection = .all,
        after id: Int64 = 0,
        limit: Int
    ) async throws(SpoolError) -> [StoredLetter] {
        guard id < .max, limit > 0 else { return [] }
        return try await reading.run { database throws(SQLiteError) in
            try database.readLetters(selection, in: id + 1 ... .max, limit: limit)
        }
    }

    /// Makes dead letters pending records again, with the same payload, enqueued now, and with new ids: tokens were used
    /// that stand for the old ones.
    ///
    /// Those that become dead letters meanwhile, again or for the first time, are not moved.
    ///
    /// - Throws: ``SpoolError``, with code `full` when there is no room, which is never made by dropping others. What was
    ///   requeued before it stays requeued, and the message says how many.
    package func requeueDeadLetters(_ selection: LetterSelection) async throws(SpoolError) -> Requeued {
        var requeued = Requeued()
        do throws(SpoolError) {
            // One that finds no room is refused by itself, and not the whole piece with it.
            let room = { [maxRecords] in maxRecords.map { max(1, $0 - self.summary.undelivered) } ?? .max }
            try await forEachPiece(of: selection, atMost: room) { letters throws(SpoolError) in
                for letter in letters {
                    // Only who names it has looked at it.
                    if letter.obstacle == .setAside, case .ids = selection { continue }
                    if let obstacle = letter.obstacle { requeued.left[letter.id] = obstacle }
                }
                let move = LetterMove(letters.filter { requeued.left[$0.id] == nil })
                if move.ids.isEmpty { return }
                try await queue.append(.requeued(move))
                requeued.count += move.count
            }
        } catch {
            throw requeued.count == 0
                ? error
                : SpoolError(error.code, "requeued \(requeued.count), and then: \(error.message)", cause: error.cause)
        }
        return requeued
    }

    /// Deletes dead letters.
    ///
    /// - Returns: how many.
    package func discardDeadLetters(_ selection: LetterSelection) async throws(SpoolError) -> Int {
        var count = 0
        try await forEachPiece(of: selection, atMost: { .max }) { letters throws(SpoolError) in
            let move = LetterMove(letters)
            try await queue.change(.discard(move))
            count += move.count
        }
        return count
    }

    private func forEachPiece(
        of selection: LetterSelection,
        atMost maxLetters: () -> Int,
        _ body: ([StoredLetter]) async throws(SpoolError) -> Void
    ) async throws(SpoolError) {
        // A letter that is requeued, and refused again, comes back with a higher id.
        let last = summary.lastID
        var position: Int64 = 0
        while position < last {
            let range = position + 1...last
            let limit = min(Self.lettersPerCommit, maxLetters())
            let letters = try await reading.run { database throws(SQLiteError) in
                try database.readLetters(selection, in: range, limit: limit, maxBytes: Self.bytesPerCommit)
            }
            guard let end = letters.last?.id else { return }
            try await body(letters)
            position = end
        }
    }
}
