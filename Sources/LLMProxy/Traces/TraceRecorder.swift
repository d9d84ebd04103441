internal import ClickHouseWriter
internal import LLMTraces
internal import Logging
internal import ServiceLifecycle

/// Takes traces from the request handlers, who must not wait, and writes them.
///
/// All traces that arrive together are written together, so they share the spool's commits.
final class TraceRecorder: Service {
    private let logger: Logger
    private let metrics: ProxyMetrics
    private let lostTraces: LostTraces
    private let input: AsyncStream<TraceRecord>.Continuation

    /// Not part of the service's task: a service group that is cancelled must not take traces with it.
    private let writing: Task<Void, Never>

    init(writer: BatchWriter<TraceRecord>, logger: Logger, metrics: ProxyMetrics) {
        let (traces, input) = AsyncStream.makeStream(of: TraceRecord.self)
        let lostTraces = LostTraces(logger: logger, metrics: metrics)
        self.logger = logger
        self.metrics = metrics
        self.lostTraces = lostTraces
        self.input = input
        writing = Task {
            await withDiscardingTaskGroup { group in
                for await trace in traces {
                    group.addTask { await Self.write(trace, to: writer, lostTraces) }
                }
            }
        }
    }

    /// Traces that could not be stored.
    var lost: Int { lostTraces.count }

    /// Returns at once.
    func record(_ trace: TraceRecord) {
        metrics.recordRequest(status: trace.statusCode, milliseconds: trace.totalLatencyMs)
        if case .terminated = input.yield(trace) {
            logger.error("A trace came after the end", metadata: ["trace.request_id": "\(trace.requestID)"])
        }
    }

    /// Waits for graceful shutdown, and then until what has arrived by then is written.
    func run() async throws {
        try? await cancelWhenGracefulShutdown { [lostTraces] in
            while true {
                try await Task.sleep(for: .seconds(1))
                lostTraces.sayWhatIsDue()
            }
        }
        input.finish()
        await writing.value
        lostTraces.close()
    }

    private static func write(
        _ trace: TraceRecord,
        to writer: BatchWriter<TraceRecord>,
        _ lostTraces: LostTraces
    ) async {
        do throws(WriterError) {
            try await writer.write(trace)
        } catch {
            lostTraces.add(trace, error)
        }
    }
}
