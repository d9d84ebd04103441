struct FlushPolicy: Sendable {
    let maxBatchSize: Int
    let flushInterval: Duration

    enum Decision: Equatable {
        case sendNow
        /// Look again after this long at the latest; nil: when something is enqueued.
        case wait(Duration?)
    }

    /// - Parameters:
    ///   - pending: records in no batch yet.
    ///   - oldestAge: since the first of them was enqueued. Negative when the machine's clock was set back; then it
    ///     counts as zero, so that no record waits longer than the interval from now.
    ///   - isFlushRequested: whether somebody waits for what is pending.
    func decide(pending: Int, oldestAge: Duration, isFlushRequested: Bool) -> Decision {
        if pending == 0 { return .wait(nil) }
        if isFlushRequested || pending >= maxBatchSize || oldestAge >= flushInterval { return .sendNow }
        return .wait(flushInterval - max(oldestAge, .zero))
    }

    /// Whether the delivery loop has to look: the interval starts with the first record, and the last one fills a batch.
    func mustWake(pendingBefore: Int, pendingAfter: Int) -> Bool {
        (pendingBefore == 0 && pendingAfter > 0) || (pendingBefore < maxBatchSize && pendingAfter >= maxBatchSize)
    }
}
