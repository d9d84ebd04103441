import ClickHouseWriter
import ClickHouseWriterTesting
import Foundation
import HTTPTypes
import LLMTraces
@testable import llm_proxy
import Logging
import Metrics
import TestSupport
import Testing

@Suite(.bounded) struct ExchangeTests {
    /// Runs `body` with exchanges to make.
    ///
    /// - Returns: the rows that they left, and how many traces were lost.
    private func withExchanges(
        maxWaiting: Int = 10,
        _ body: (_ make: (String) throws -> Exchange, Shutdown) throws -> Void
    ) async throws -> (rows: [String], lost: Int) {
        let destination = InMemoryDestination()
        let writer = try destination.makeWriter(for: TraceRecord.self)
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let metrics = ProxyMetrics(factory: NOOPMetricsHandler.instance)
        let recorder = TraceRecorder(writer: writer, logger: silent, metrics: metrics, maxWaiting: maxWaiting)
        let shutdown = Shutdown()
        try body(
            { id in
                let identity = try RequestIdentity([.xRequestID: id])
                let draft = TraceDraft(identity: identity, provider: "p", isAlwaysTraced: true)
                return Exchange(draft, recorder: recorder, shutdown: shutdown)
            },
            shutdown
        )
        let running = Task { try await recorder.run() }
        running.cancel()
        _ = await running.result
        try await writer.flush()
        await writer.close()
        return (destination.rows, recorder.lost)
    }

    @Test func `however it ends, and however often, there is one trace`() async throws {
        let left = try await withExchanges { make, shutdown in
            let twice = try make("twice")
            twice.note { $0.statusCode = 200 }
            twice.end(nil)
            twice.end(statusCode: 500, "again")
            twice.note { $0.model = "late" }
            _ = try make("dropped")
            shutdown.cutResponses()
            _ = try make("cut")
        }
        let traces = try left.rows.map { try JSONDecoder().decode(Trace.self, from: Data($0.utf8)) }
        #expect(traces.map(\.request_id) == ["twice", "dropped", "cut"])
        #expect(traces.map(\.status_code) == [200, 499, 503])
        #expect(traces.map(\.error_code) == ["", "client_disconnected", "proxy_shutdown"])
        #expect(traces.allSatisfy { $0.model.isEmpty && $0.is_complete == $0.error_code.isEmpty })
        #expect(left.lost == 0)
    }

    @Test func `a trace for which there is no place is counted, and delays nobody`() async throws {
        let left = try await withExchanges(maxWaiting: 0) { make, _ in
            for id in ["a", "b"] { try make(id).end(nil) }
        }
        #expect(left.rows.isEmpty)
        #expect(left.lost == 2)
    }
}
