internal import ClickHouseHTTP
internal import SQLiteSpool

/// What the flusher remembers between sends, and who waits for it: decided here, acted on by ``Flusher``.
struct DeliveryState {
    typealias Completion = CheckedContinuation<Result<Void, DeliveryFailure>, Never>

    /// Why the latest send failed; nil after a success.
    private(set) var failure: InsertFailure?

    /// Sends that failed in a row.
    private(set) var failuresInRow = 0

    /// Records that ClickHouse accepted since the writer was made.
    private(set) var delivered = 0

    private var flushes: [(through: Int64, completion: Completion)] = []

    var isFlushRequested: Bool { !flushes.isEmpty }

    /// Set when the flusher ends. Nothing is delivered any more, so nobody may wait.
    private var hasEnded = false

    /// - Returns: false when the flusher has ended, and the completion must be called by the caller.
    mutating func addFlush(through id: Int64, completion: Completion) -> Bool {
        if hasEnded { return false }
        flushes.append((id, completion))
        return true
    }

    /// - Returns: whom to tell that nothing more is delivered.
    mutating func end() -> [Completion] {
        hasEnded = true
        return takeFlushes { _ in true }
    }

    /// - Returns: whom to tell that everything they wait for is delivered. Batches go in order, so with one the whole
    ///   queue up to its last record is.
    mutating func recordSuccess(of batch: Batch) -> [Completion] {
        failure = nil
        failuresInRow = 0
        delivered += batch.records
        return takeFlushes { $0 <= batch.ids.upperBound }
    }

    /// - Returns: whom to tell that it failed: everybody.
    mutating func recordFailure(_ failure: InsertFailure) -> [Completion] {
        self.failure = failure
        failuresInRow += 1
        return takeFlushes { _ in true }
    }

    mutating func takeFlushes(where isOver: (Int64) -> Bool) -> [Completion] {
        let over = flushes.filter { isOver($0.through) }
        flushes.removeAll { isOver($0.through) }
        return over.map(\.completion)
    }
}

/// Why a flush did not deliver everything.
struct DeliveryFailure: Error {
    let reason: String

    /// Whether trying again soon is pointless: the destination, or the data, has to be mended.
    let isHeld: Bool
}
