/// How many records the next batch has: the usual number, more while a long backlog drains, fewer again when ClickHouse
/// finds that too many.
struct BatchSizing {
    /// A backlog of so many usual batches is worth larger ones.
    private static let backlogBatches = 4

    private let usual: Int
    private let most: Int
    private let isCatchingUp: Bool
    private var current: Int

    /// - Parameters:
    ///   - most: records of the largest batch; `usual` or less turns growing off.
    ///   - isCatchingUp: whether any number is a backlog, and the first batch is as large as any.
    init(usual: Int, most: Int, isCatchingUp: Bool = false) {
        self.usual = usual
        self.most = max(usual, most)
        self.isCatchingUp = isCatchingUp
        current = isCatchingUp ? self.most : usual
    }

    func maxRecords(pending: Int) -> Int {
        isCatchingUp || pending > usual * Self.backlogBatches ? current : usual
    }

    /// Whether a batch is so large that reading it takes a good part of the time that sending it does.
    func isLarge(pending: Int) -> Bool { maxRecords(pending: pending) > usual }

    mutating func grow(after records: Int) {
        if records >= current { current = min(most, current * 4) }
    }

    mutating func shrink() {
        current = max(usual, current / 2)
    }
}
