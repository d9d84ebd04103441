internal import ClickHouseWriter
internal import LLMTraces
internal import Logging
internal import Synchronization

/// Counts the traces that could not be stored, and says so: the first at once, then a sum a minute. While the spool is
/// full each request loses one.
final class LostTraces: Sendable {
    private struct State {
        var count = 0
        var bound = RepeatBound<ContinuousClock.Instant>(.momentary)
    }

    private let logger: Logger
    private let metrics: ProxyMetrics
    private let state = Mutex(State())

    init(logger: Logger, metrics: ProxyMetrics) {
        self.logger = logger
        self.metrics = metrics
    }

    var count: Int { state.withLock(\.count) }

    func add(_ trace: TraceRecord, reason: String, now: ContinuousClock.Instant = .now) {
        metrics.recordTraceLost()
        let verdict = state.withLock { state in
            state.count += 1
            return state.bound.note(now: now)
        }
        let metadata: Logger.Metadata = ["trace.request_id": "\(trace.requestID)", "error": "\(reason)"]
        switch verdict {
        case .first: logger.error("A trace could not be stored", metadata: metadata)
        case .keptBack: logger.debug("A trace could not be stored", metadata: metadata)
        case .sum(let sum): say(sum)
        }
    }

    /// Says what was kept back for long enough. To be called every now and then.
    func sayWhatIsDue(now: ContinuousClock.Instant = .now) {
        if let sum = state.withLock({ $0.bound.takeDue(now: now) }) { say(sum) }
    }

    /// Says what was kept back: nothing more will happen.
    func close(now: ContinuousClock.Instant = .now) {
        if let sum = state.withLock({ $0.bound.close(now: now) }) { say(sum) }
    }

    private func say(_ sum: RepeatBound<ContinuousClock.Instant>.Sum) {
        logger.error("More traces could not be stored", metadata: ["trace.lost": "\(sum.unsaid)"])
    }
}
