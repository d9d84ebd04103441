internal import LLMTraces
internal import Synchronization

/// Traces on their way from the request handlers, who must not wait, to the one who writes them, in their order.
final class TraceQueue: Sendable {
    enum Refusal {
        case full
        case closed
    }

    private struct State {
        var traces: [TraceRecord] = []
        var isClosed = false
    }

    /// A larger transaction would take long, and others wait for it.
    private static let maxGroup = 1_000

    /// How long the first trace of a group waits for others. A commit for each would take the processor from requests, and
    /// nobody waits for a trace.
    private static let gatheringTime = Duration.milliseconds(10)

    private let limit: Int
    private let state = Mutex(State())
    private let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameter limit: the most traces that wait here.
    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: why the trace was not taken; nil when it was.
    func append(_ trace: TraceRecord) -> Refusal? {
        let refusal: Refusal? = state.withLock { state in
            if state.isClosed { return .closed }
            if state.traces.count >= limit { return .full }
            state.traces.append(trace)
            return nil
        }
        if refusal == nil { arrival.yield() }
        return refusal
    }

    /// Takes nothing any more. What waits still goes.
    func close() {
        state.withLock { $0.isClosed = true }
        arrival.finish()
    }

    /// Gives what waits to `write`, at most ``maxGroup`` at once, until the queue is closed and empty. Only one may call it.
    func drain(_ write: (ArraySlice<TraceRecord>) async -> Void) async {
        for await _ in arrivals {
            try? await Task.sleep(for: Self.gatheringTime)
            await writeAll(write)
        }
        await writeAll(write)
    }

    private func writeAll(_ write: (ArraySlice<TraceRecord>) async -> Void) async {
        let taken = state.withLock { state in
            defer { state.traces = [] }
            return state.traces
        }
        for start in stride(from: 0, to: taken.count, by: Self.maxGroup) {
            await write(taken[start..<min(start + Self.maxGroup, taken.count)])
        }
    }
}
