internal import ClickHouseWriter
internal import LLMTraces
internal import Logging
internal import ServiceLifecycle

/// Takes traces from the request handlers, who must not wait, and writes them in their order.
///
/// They go in groups: those of ten milliseconds, or those that gather while the disk takes others, share a commit.
final class TraceRecorder: Service {
    private let metrics: ProxyMetrics
    private let lostTraces: LostTraces
    private let queue: TraceQueue

    /// Not part of the service's task: a service group that is cancelled must not take traces with it.
    private let writing: Task<Void, Never>

    /// - Parameters:
    ///   - writer: nil writes no trace, and calls none of them lost.
    ///   - maxWaiting: the most traces that wait for the disk, 30 MiB by default. Those beyond are lost, and counted.
    init(writer: BatchWriter<TraceRecord>?, logger: Logger, metrics: ProxyMetrics, maxWaiting: Int = 50_000) {
        let lostTraces = LostTraces(logger: logger, metrics: metrics)
        let queue = TraceQueue(limit: maxWaiting)
        self.metrics = metrics
        self.lostTraces = lostTraces
        self.queue = queue
        writing = Task {
            await queue.drain { traces in
                if let writer { await Self.write(traces, to: writer, lostTraces) }
            }
        }
    }

    /// Traces that could not be stored.
    var lost: Int { lostTraces.count }

    /// Counts a request, and takes its trace if it has one. Returns at once.
    ///
    /// - Parameter error: why the response is not what was asked for; nil when it is.
    func record(_ draft: TraceDraft, error: String?) {
        count(status: draft.statusCode, since: draft.start)
        guard let trace = draft.finish(error: error), let refusal = queue.append(trace) else { return }
        lostTraces.add(trace, reason: refusal == .full ? "too many traces wait for the disk" : "it came after the end")
    }

    /// Counts a request that has no trace.
    func count(status: UInt16, since start: ContinuousClock.Instant) {
        metrics.recordRequest(status: status, duration: start.duration(to: .now))
    }

    /// Waits for graceful shutdown, and then until what has arrived by then is written.
    func run() async throws {
        try? await cancelWhenGracefulShutdown { [lostTraces] in
            while true {
                try await Task.sleep(for: .seconds(1))
                lostTraces.sayWhatIsDue()
            }
        }
        queue.close()
        await writing.value
        lostTraces.close()
    }

    /// Returns once ``run()`` has written everything.
    func waitUntilWritten() async {
        await writing.value
    }

    private static func write(
        _ traces: ArraySlice<TraceRecord>,
        to writer: BatchWriter<TraceRecord>,
        _ lostTraces: LostTraces
    ) async {
        if traces.count > 1, (try? await writer.write(contentsOf: traces)) != nil { return }
        // They are stored all or none. One by one as many are stored as there is room for, and the others counted.
        for (index, trace) in traces.enumerated() {
            do throws(WriterError) {
                try await writer.write(trace)
            } catch {
                let isItsOwn = [.recordNotEncodable, .recordTooLarge].contains(error.code)
                // What is wrong with the spool is wrong for the rest: asking for each would take the requests' time.
                let lost = isItsOwn ? [trace] : traces.dropFirst(index)
                for trace in lost { lostTraces.add(trace, reason: "\(error)") }
                if !isItsOwn { return }
            }
        }
    }
}
