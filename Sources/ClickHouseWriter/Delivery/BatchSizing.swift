/// How many records the next batch has: the usual number, more while a long backlog drains, fewer when the server, its limits or the link do
/// not take so many.
struct BatchSizing {
    /// A backlog of this many usual batches is worth larger ones.
    private static let backlogBatches = 4

    /// Accepted batches, after which a size that was too large is tried again.
    private static let patience = 100

    private let usual: Int
    private let most: Int
    private let isCatchingUp: Bool
    private var current: Int

    /// Half of what was too large.
    private(set) var ceiling = Int.max
    private var acceptedAtCeiling = 0

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
        min(ceiling, isCatchingUp || pending / Self.backlogBatches > usual ? current : usual)
    }

    /// Whether a batch is so large that reading it takes a good part of the time that sending it does.
    func isLarge(pending: Int) -> Bool { maxRecords(pending: pending) > usual }

    mutating func grow(after records: Int) {
        if records >= current { current = current < most / 4 ? current * 4 : most }
        guard records >= ceiling, ceiling < .max else { return }
        acceptedAtCeiling += 1
        if acceptedAtCeiling >= Self.patience { (ceiling, acceptedAtCeiling) = (ceiling * 2, 0) }
    }

    /// - Parameters:
    ///   - records: of a batch that was never cut: what a piece of it is refused for may be one record.
    ///   - least: a smaller size is not learned.
    mutating func shrink(from records: Int, least: Int = 1) {
        (ceiling, acceptedAtCeiling) = (max(least, min(ceiling, records / 2)), 0)
        current = max(usual, min(current, ceiling))
    }
}
