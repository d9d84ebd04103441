internal import ClickHouseWriter
internal import LLMTraces
internal import Logging
internal import ServiceLifecycle

/// Takes traces from the request handlers, who must not wait, and writes them.
///
/// All traces that arrive together are written together, so they share the spool's commits.
final class TraceRecorder: Service {
    private let writer: BatchWriter<TraceRecord>
    private let logger: Logger
    private let traces: AsyncStream<TraceRecord>
    private let input: AsyncStream<TraceRecord>.Continuation

    init(writer: BatchWriter<TraceRecord>, logger: Logger) {
        self.writer = writer
        self.logger = logger
        (traces, input) = AsyncStream.makeStream()
    }

    /// Returns at once.
    func record(_ trace: TraceRecord) {
        input.yield(trace)
    }

    /// Writes until graceful shutdown, and then what has arrived by then.
    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await trace in traces {
                    group.addTask { await self.write(trace) }
                }
            }
        } onGracefulShutdown: {
            self.input.finish()
        }
    }

    private func write(_ trace: TraceRecord) async {
        do throws(WriterError) {
            try await writer.write(trace)
        } catch {
            logger.error(
                "A trace could not be stored",
                metadata: ["trace.request_id": "\(trace.requestID)", "error": "\(error)"]
            )
        }
    }
}
