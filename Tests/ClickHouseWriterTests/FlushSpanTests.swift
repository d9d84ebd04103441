@testable import ClickHouseWriter
import ClickHouseStandIn
import InMemoryTracing
import Logging
import TestSupport
import Testing
import Tracing

@Suite(.startsProcesses) struct FlushSpanTests {
    private func flushes(_ tracer: InMemoryTracer) -> [FinishedInMemorySpan] {
        tracer.finishedSpans.filter { $0.operationName == "clickhouse.flush" }
    }

    @Test func `each attempt is a trace of its own that says what became of the batch`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(.transient)
            try await withTracer(tracer) {
                // A writer made while a request is served is no part of that request.
                try await withSpan("request") { _ in
                    try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                        try await writer.write(contentsOf: samples(0..<7))
                        await #expect(throws: WriterError.self) { try await writer.flush() }
                        try await writer.flush()
                    }
                }
            }
        }
        let flushes = flushes(tracer)
        #expect(flushes.map { $0.attributes.get("clickhouse.outcome") } == ["kept", "accepted"])
        #expect(flushes.allSatisfy { $0.parentSpanID == nil })
        #expect(flushes.allSatisfy { $0.attributes.get("db.system.name") == "clickhouse" })
        #expect(flushes.allSatisfy { $0.attributes.get("db.collection.name") == "t" })
        #expect(flushes.allSatisfy { $0.attributes.get("db.operation.batch.size") == 7 })
        #expect(flushes.map { $0.attributes.get("clickhouse.batch.failed_attempts") } == [0, 1])
        #expect(flushes.map { $0.status?.code } == [.error, nil])
        #expect(flushes[0].attributes.get("db.response.status_code") == "241")
        let acknowledged = tracer.finishedSpans.first { $0.operationName == "clickhouse.acknowledge" }
        #expect(acknowledged?.parentSpanID == flushes[1].spanID)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func `a poison record shows as a batch that is split and a batch that is a dead letter`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            let server = SimulatedClickHouse(.knowsTokens, poison: [3], hint: .right)
            try await withTracer(tracer) {
                try await withWriter(at: directory + "/s", sink: server, clock: SkippingClock()) { writer in
                    try await writer.write(contentsOf: samples(0..<100))
                    try await writer.flush()
                }
            }
        }
        let outcomes = flushes(tracer).map { $0.attributes.get("clickhouse.outcome") }
        #expect(outcomes.filter { $0 == "split" }.count == 1)
        #expect(outcomes.filter { $0 == "accepted" }.count == 2)
        #expect(outcomes.filter { $0 == "dead letter" }.count == 1)
    }

    @Test func `a request to a server is a client span with the server's address`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                try await withTracer(tracer) {
                    let configuration = BatchWriterConfiguration(
                        spoolPath: directory + "/s",
                        urls: [server.url],
                        table: "t"
                    )
                    let writer = try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
                    try await writer.write(contentsOf: samples(0..<3))
                    try await writer.flush()
                    await writer.close()
                }
            }
        }
        let flush = try #require(flushes(tracer).first)
        let insert = try #require(tracer.finishedSpans.first { $0.operationName == "INSERT default.t" })
        #expect(insert.kind == .client)
        #expect(insert.parentSpanID == flush.spanID)
        #expect(insert.attributes.get("server.address") == "127.0.0.1")
        #expect(insert.attributes.get("db.operation.name") == "INSERT")
        let preflight = try #require(tracer.finishedSpans.first { $0.operationName == "clickhouse.preflight" })
        #expect(preflight.parentSpanID == nil)
    }

    @Test func `what ClickHouse quotes of a refused row is in no span`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { server in
                let message = "Cannot parse 'kept quiet' (at row 1)"
                server.faults.setStanding(.error(status: 400, code: 27, message: message))
                try await withTracer(tracer) {
                    var configuration = BatchWriterConfiguration(
                        spoolPath: directory + "/s",
                        urls: [server.url],
                        table: "t"
                    )
                    configuration.shutdownTimeout = .zero
                    let writer = try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
                    try await writer.write(contentsOf: samples(0..<3))
                    await #expect(throws: WriterError.self) { try await writer.flush() }
                    guard case .poisoned(let reason) = writer.status.delivery else {
                        Issue.record("no row was refused")
                        return
                    }
                    #expect(reason.contains("kept quiet"), "who may see it is told")
                    await writer.close()
                }
            }
        }
        let message = "data (code 27 CANNOT_PARSE_INPUT_ASSERTION_FAILED)"
        let failed = tracer.finishedSpans.filter { $0.status?.message == message }
        #expect(Set(failed.map(\.operationName)) == ["clickhouse.flush", "INSERT default.t"])
        // Also those of the HTTP client.
        for span in tracer.finishedSpans {
            var values: [String] = []
            span.attributes.forEach { _, value in values.append("\(value)") }
            #expect(!values.contains { $0.contains("kept quiet") })
            #expect(span.status?.message?.contains("kept quiet") != true)
            // Closing may cut the next request short, which the HTTP client notes.
            #expect(!span.errors.contains { "\($0.error)".contains("kept quiet") })
            #expect(span.events.isEmpty)
        }
    }

    @Test func `a request that closing cuts short is no error`() async throws {
        let tracer = InMemoryTracer()
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.hang()
            let configure = { (configuration: inout BatchWriterConfiguration) in
                configuration.shutdownTimeout = .zero
            }
            try await withTracer(tracer) {
                try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock(), configure: configure) {
                    writer in
                    try await writer.write(contentsOf: samples(0..<100))
                    _ = await sink.waitForSends(1)
                }
            }
        }
        let flush = try #require(flushes(tracer).first)
        #expect(flush.attributes.get("clickhouse.outcome") == "cancelled")
        #expect(flush.attributes.get("error.type") == nil)
        #expect(flush.status == nil)
    }
}
