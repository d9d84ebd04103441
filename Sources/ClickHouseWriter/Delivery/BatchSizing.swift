/// How many records the next batch has: the usual number, more while a long backlog drains, fewer again when ClickHouse
/// finds that too many.
struct BatchSizing {
    /// A backlog of so many usual batches is worth larger ones.
    private static let backlogBatches = 4

    private let usual: Int
    private let most: Int
    private var current: Int

    /// - Parameter most: records of the largest batch; `usual` or less turns growing off.
    init(usual: Int, most: Int) {
        self.usual = usual
        self.most = max(usual, most)
        current = usual
    }

    func maxRecords(pending: Int) -> Int {
        pending > usual * Self.backlogBatches ? current : usual
    }

    /// A batch of so many records was accepted.
    mutating func grow(after records: Int) {
        if records >= current { current = min(most, current * 2) }
    }

    /// A batch was too large for ClickHouse.
    mutating func shrink() {
        current = max(usual, current / 2)
    }
}
