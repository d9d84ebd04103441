internal import ClickHouseWriter
internal import HTTPTypes
internal import LLMTraces
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// Takes traces from the request handlers, who must not wait, and writes them.
///
/// All traces that arrive together are written together, so they share the spool's commits.
final class TraceRecorder: Service {
    /// The most traces that may wait for the disk, about 100 MiB of memory. Those beyond are lost, and counted.
    static let maxWaiting = 50_000

    private let logger: Logger
    private let metrics: ProxyMetrics
    private let lostTraces: LostTraces
    private let input: AsyncStream<TraceRecord>.Continuation
    private let waiting: Waiting

    /// Not part of the service's task: a service group that is cancelled must not take traces with it.
    private let writing: Task<Void, Never>

    /// How many traces wait for the disk.
    private final class Waiting: Sendable {
        let count = Atomic(0)
    }

    /// - Parameter writer: nil writes no trace, and calls none of them lost.
    init(writer: BatchWriter<TraceRecord>?, logger: Logger, metrics: ProxyMetrics) {
        let (traces, input) = AsyncStream.makeStream(of: TraceRecord.self)
        let lostTraces = LostTraces(logger: logger, metrics: metrics)
        let waiting = Waiting()
        self.logger = logger
        self.metrics = metrics
        self.lostTraces = lostTraces
        self.input = input
        self.waiting = waiting
        writing = Task {
            await withDiscardingTaskGroup { group in
                for await trace in traces {
                    group.addTask {
                        if let writer { await Self.write(trace, to: writer, lostTraces) }
                        waiting.count.subtract(1, ordering: .relaxed)
                    }
                }
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
        guard let trace = draft.finish(error: error) else { return }
        guard waiting.count.add(1, ordering: .relaxed).newValue <= Self.maxWaiting else {
            waiting.count.subtract(1, ordering: .relaxed)
            return lostTraces.add(trace, reason: "\(Self.maxWaiting) traces wait for the disk")
        }
        if case .terminated = input.yield(trace) {
            lostTraces.add(trace, reason: "it came after the end")
        }
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
        input.finish()
        await writing.value
        lostTraces.close()
    }

    /// Returns once ``run()`` has written everything.
    func waitUntilWritten() async {
        await writing.value
    }

    private static func write(
        _ trace: TraceRecord,
        to writer: BatchWriter<TraceRecord>,
        _ lostTraces: LostTraces
    ) async {
        do throws(WriterError) {
            try await writer.write(trace)
        } catch {
            lostTraces.add(trace, reason: "\(error)")
        }
    }
}
