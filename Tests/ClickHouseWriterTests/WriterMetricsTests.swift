@testable import ClickHouseHTTP
@testable import ClickHouseWriter
import Logging
import Metrics
import MetricsTestKit
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct WriterMetricsTests {
    private let table = [("table", "default.t")]

    /// Runs a delivery whose metrics go to a factory of the test's.
    private func withDelivery(
        sink: RecordingSink,
        clock: ManualClock = ManualClock(),
        _ body: (SpoolDelivery, TestMetrics) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            var configuration = BatchWriterConfiguration(
                spoolPath: directory + "/s",
                urls: ["http://unused"],
                table: "t"
            )
            configuration.durability = .processCrash
            let metrics = TestMetrics()
            let delivery = try withMetricsFactory(metrics) {
                try SpoolDelivery(
                    configuration: configuration,
                    columns: ["n"],
                    identity: nil,
                    logger: LogRecorder().logger,
                    sink: sink,
                    clock: clock,
                    jitter: { 0.5 },
                    onSpoolEvent: { _ in }
                )
            }
            try await body(delivery, metrics)
            sink.answer(standing: .accepted)
            await delivery.close(clock)
        }
    }

    private func append(_ count: Int, to delivery: SpoolDelivery) async throws {
        try await delivery.append(contentsOf: (0..<count).map { Array("{\"n\":\($0)}".utf8) })
    }

    private func gauge(_ name: String, _ metrics: TestMetrics, _ more: [(String, String)] = []) throws -> Double? {
        try metrics.expectGauge("clickhouse_writer_\(name)", table + more).lastValue
    }

    @Test func `every metric is described, and every description is of a metric`() async throws {
        let metrics = TestMetrics()
        let writer = WriterMetrics(table: "default.t", spoolLimitBytes: 1, factory: metrics)
        writer.recordDeadLetter(code: 27)
        writer.recordSend(.data, records: 1, duration: .zero)
        let made =
            Set(metrics.counters.map(\.label)).union(metrics.timers.map(\.label)).union(metrics.recorders.map(\.label))
        #expect(made == Set(WriterMetrics.descriptions.map(\.label)))
        for description in WriterMetrics.descriptions {
            let dimensions =
                switch description.kind {
                case .counter: metrics.counters(label: description.label).map(\.dimensions)
                case .timer: metrics.timers(label: description.label).map(\.dimensions)
                case .gauge, .recorder: metrics.recorders(label: description.label).map(\.dimensions)
                }
            #expect(dimensions.allSatisfy { $0.map(\.0) == description.dimensions }, "\(description.label)")
            #expect(description.help.hasSuffix("."))
        }
    }

    @Test func `depth and age are true while nothing is sent`() async throws {
        let clock = ManualClock()
        let sink = RecordingSink()
        sink.answer(standing: .destination)
        try await withDelivery(sink: sink, clock: clock) { delivery, metrics in
            try await append(107, to: delivery)
            _ = await sink.waitForSends(1)
            clock.advance(by: .seconds(3))
            await delivery.pulse.beat()
            #expect(try gauge("records_in_flight", metrics) == 100)
            #expect(try gauge("records_pending", metrics) == 7)
            #expect(try gauge("batches_in_flight", metrics) == 1)
            #expect(try gauge("oldest_record_age_seconds", metrics) == 3)
            #expect(try #require(try gauge("payload_bytes", metrics)) > 107 * 7)
            #expect(try #require(try gauge("spool_bytes", metrics)) > 0)
            #expect(try gauge("spool_limit_bytes", metrics) == Double(1 << 30))
            #expect(delivery.status.oldestAge == .seconds(3))
            #expect(delivery.status.written == 107)
            #expect(delivery.status.sinceDelivery == nil)
            clock.advance(by: .seconds(60))
            await delivery.pulse.beat()
            #expect(try #require(try gauge("oldest_record_age_seconds", metrics)) >= 63)
        }
    }

    @Test func `a flush is counted and timed from freezing to acknowledging`() async throws {
        let sink = RecordingSink()
        try await withDelivery(sink: sink) { delivery, metrics in
            try await append(250, to: delivery)
            try await delivery.flush()
            await delivery.pulse.beat()
            #expect(metrics.counterTotal(label: "clickhouse_writer_records_enqueued") == 250)
            #expect(metrics.counterTotal(label: "clickhouse_writer_records_delivered") == 250)
            #expect(try metrics.expectTimer("clickhouse_writer_flush_duration", table).values.count == 3)
            #expect(try metrics.expectTimer("clickhouse_writer_send_duration", table).values.count == 3)
            #expect(try metrics.expectRecorder("clickhouse_writer_batch_records", table).values == [100, 100, 50])
            #expect(try metrics.expectRecorder("clickhouse_writer_commit_records", table).values == [250])
            let commits = try metrics.expectTimer("clickhouse_writer_commit_duration", table).values
            #expect(commits.count >= 4)
            #expect(commits.allSatisfy { $0 > 0 })
            #expect(try gauge("oldest_record_age_seconds", metrics) == 0)
            #expect(delivery.status.oldestAge == nil)
            #expect(delivery.status.sinceDelivery == .zero)
        }
    }

    @Test func `failures are told apart by class and code, of which there are only so many`() {
        let metrics = TestMetrics()
        let writer = WriterMetrics(table: "default.t", spoolLimitBytes: 1, factory: metrics)
        for code in [241, 1_000_001, 1_000_002, nil] {
            let failure = InsertFailure(kind: .transient, code: code, message: "")
            writer.recordSend(.failed(failure), records: 1, duration: .zero)
            writer.recordDeadLetter(code: code)
        }
        let codes = metrics.counters(label: "clickhouse_writer_send_failures").map { $0.dimensions.last?.1 }
        #expect(Set(codes) == ["241", "other", "none"])
        #expect(metrics.counters(label: "clickhouse_writer_records_dead_lettered").count == 3)
    }

    @Test func `the state that holds is 1, and all others are 0`() async throws {
        let clock = ManualClock()
        let sink = RecordingSink()
        sink.answer(standing: .destination)
        try await withDelivery(sink: sink, clock: clock) { delivery, metrics in
            try await append(100, to: delivery)
            _ = await sink.waitForSends(1)
            await clock.waitForSleeper()
            #expect(try gauge("delivery_state", metrics, [("state", "held")]) == 1)
            #expect(try gauge("delivery_state", metrics, [("state", "fine")]) == 0)
            #expect(try gauge("spool_state", metrics, [("state", "fine")]) == 1)
            #expect(try gauge("spool_state", metrics, [("state", "full")]) == 0)
            #expect(delivery.status.publicReason == "destination (code 60 UNKNOWN_TABLE)")
        }
    }

    @Test(arguments: [
        (InsertFailure(kind: .data, code: 27, message: "4012"), "data (code 27 CANNOT_PARSE_INPUT_ASSERTION_FAILED)"),
        (InsertFailure(kind: .destination, code: 60, message: "4012"), "destination (code 60 UNKNOWN_TABLE)"),
        (InsertFailure(kind: .destination, code: 81, message: "4012"), "destination (code 81 UNKNOWN_DATABASE)"),
        (InsertFailure(kind: .destination, code: 497, message: "4012"), "destination (code 497 ACCESS_DENIED)"),
        (InsertFailure(kind: .destination, code: 516, message: "4012"), "destination (code 516 AUTHENTICATION_FAILED)"),
        (InsertFailure(kind: .destination, code: 4012, message: "no such code"), "destination (code 4012)"),
        (InsertFailure(kind: .transient, status: 502, message: "4012"), "transient (HTTP status 502)"),
        (InsertFailure(kind: .outcomeUnknown, message: "4012"), "outcome unknown"),
        (
            InsertFailure(kind: .destination, message: "there is no table", isOurWords: true),
            "destination: there is no table"
        ),
        (
            InsertFailure(
                kind: .transient,
                message: "connection refused",
                transport: TransportFailure(message: "connection refused", isBeforeSending: true)
            ),
            "transient: connection refused"
        ),
    ])
    func `the public reason is in our words, or a code and its name`(failure: InsertFailure, reason: String) {
        #expect(failure.withoutQuotes == reason)
        var plan = DeliveryPlan(
            configuration: BatchWriterConfiguration(spoolPath: "s", urls: [], table: "t"),
            recovered: [],
            jitter: { 0.5 },
            now: WallInstant(milliseconds: 0)
        )
        plan.handle(.looked(failure), now: WallInstant(milliseconds: 0))
        #expect(plan.trouble?.failure.withoutQuotes == reason)
    }
}

extension SpoolDelivery {
    /// Closes also when the clock stands still.
    fileprivate func close(_ clock: ManualClock) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.close() }
            group.addTask {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
