import ClickHouseHTTP
@testable import ClickHouseWriter
import Logging
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct DeliveryLogTests {
    private let poison = InsertFailure(kind: .data, code: 27, message: "cannot parse")
    private let missing = InsertFailure(kind: .destination, code: 60, message: "no such table")
    private let away = InsertFailure(kind: .transient, message: "connection refused")

    /// Gives a log, its clock and a frozen batch of one record.
    private func withLog(_ body: (DeliveryLog, LogRecorder, ManualClock, Batch) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"), clock: clock)
            try await spool.append(Array("{}".utf8))
            let batch = try #require(try await spool.freeze(maxRecords: 1, maxBytes: 100)).batch
            let recorder = LogRecorder()
            try await body(DeliveryLog(logger: recorder.logger, clock: clock), recorder, clock, batch)
            await spool.close()
        }
    }

    private func loud(_ recorder: LogRecorder) -> [Logger.Level] {
        recorder.entries.map(\.level).filter { $0 >= .notice }
    }

    @Test func `ten thousand dead letters are one error and one sum`() async throws {
        try await withLog { log, recorder, clock, batch in
            for _ in 0..<10_000 { log.deadLettered(batch, poison) }
            #expect(loud(recorder) == [.error])
            log.sayWhatIsDue()
            #expect(loud(recorder) == [.error])
            clock.advance(by: .seconds(60))
            log.sayWhatIsDue()
            #expect(loud(recorder) == [.error, .error])
            #expect(recorder.entries.last?.metadata.contains("\"repeated.count\": 9999") == true)
        }
    }

    @Test func `a URL that is passed over is named once, and again when another one was in between`() async throws {
        try await withLog { log, recorder, _, _ in
            var failure = missing
            failure.endpoint = try Endpoint.parse("http://u:hunter2@a:1").endpoint
            for passedOver in [failure, failure, nil, failure] { log.passesOver(passedOver) }
            #expect(loud(recorder) == [.warning, .warning])
            #expect(recorder.entries.last?.metadata.contains("\"clickhouse.url\": http://a:1") == true)
        }
    }

    @Test func `dead letters that were kept back are said at close`() async throws {
        try await withLog { log, recorder, _, batch in
            for _ in 0..<3 { log.deadLettered(batch, poison) }
            log.close()
            #expect(loud(recorder) == [.error, .error])
            #expect(recorder.entries.last?.message == "More records are dead letters now")
        }
    }

    @Test func `an outage of an hour is a warning a minute, and a notice when it is over`() async throws {
        try await withLog { log, recorder, clock, batch in
            for count in 1...120 {
                log.failed(away, of: batch, failuresInRow: count, nextAttemptIn: .seconds(30))
                clock.advance(by: .seconds(30))
            }
            log.works(batch)
            log.works(batch)
            let loud = recorder.entries.filter { $0.level >= .notice }
            #expect(loud.count == 61)
            #expect(loud.dropLast().allSatisfy { $0.level == .warning })
            #expect(loud[1].message == "ClickHouse still does not take batches; records are kept")
            #expect(loud.last?.level == .notice)
            #expect(loud.last?.metadata.contains("\"clickhouse.failure.count\": 120") == true)
            #expect(loud.last?.metadata.contains("\"clickhouse.failure.seconds\": 3600.0") == true)
        }
    }

    @Test func `an outage that turns out to be a missing table is an error then`() async throws {
        try await withLog { log, recorder, _, batch in
            log.failed(away, of: batch, failuresInRow: 1, nextAttemptIn: .zero)
            log.failed(missing, of: nil, failuresInRow: 2, nextAttemptIn: .zero)
            log.failed(missing, of: nil, failuresInRow: 3, nextAttemptIn: .zero)
            log.works(nil)
            #expect(loud(recorder) == [.warning, .error, .notice])
        }
    }

    @Test func `a ClickHouse that takes every other batch does not fill the log`() async throws {
        try await withLog { log, recorder, clock, batch in
            for _ in 0..<100 {
                log.failed(away, of: batch, failuresInRow: 1, nextAttemptIn: .zero)
                log.works(batch)
                clock.advance(by: .milliseconds(100))
            }
            #expect(loud(recorder) == [.warning, .notice])
        }
    }

    @Test func `a spool that fails again and again is one error a minute`() async throws {
        try await withLog { log, recorder, clock, _ in
            for _ in 0..<100 {
                log.spoolFailed(SpoolError(.failed, "the disk is gone"))
                clock.advance(by: .seconds(1))
            }
            #expect(loud(recorder) == [.error, .error])
        }
    }
}

@Suite(.bounded) struct SpoolMonitorTests {
    private let full = health(after: .foundNoRoom(SpoolError(.full, "no room")))

    private static func health(after event: SpoolHealth.Event) -> SpoolHealth {
        var health = SpoolHealth()
        health.apply(event)
        return health
    }

    private func withMonitor(_ body: (SpoolMonitor, LogRecorder, ManualClock) throws -> Void) rethrows {
        let clock = ManualClock()
        let recorder = LogRecorder()
        let metrics = WriterMetrics(table: "d.t", spoolLimitBytes: 1)
        try body(SpoolMonitor(logger: recorder.logger, metrics: metrics, clock: clock), recorder, clock)
    }

    @Test func `a spool that is full and has room in turns is said once, and once that it goes on`() {
        withMonitor { monitor, recorder, clock in
            for _ in 0..<50 {
                monitor.handle(.health(full))
                monitor.handle(.health(SpoolHealth()))
            }
            let loud = recorder.entries.filter { $0.level >= .notice }
            #expect(loud.map(\.level) == [.error, .notice])
            monitor.handle(.health(full))
            clock.advance(by: .seconds(60))
            monitor.sayWhatIsDue()
            #expect(recorder.entries.last?.level == .error)
            #expect(recorder.entries.last?.message == "The spool is full again and again; records are refused")
        }
    }

    @Test func `damage says whether records are still accepted, and once when they no longer are`() {
        withMonitor { monitor, recorder, _ in
            let damage = SpoolError(.damaged, "a record")
            var health = Self.health(after: .foundDamage(damage))
            monitor.handle(.health(health))
            #expect(recorder.entries.last?.level == .error)
            #expect(recorder.entries.last?.message.contains("records are still accepted") == true)
            health.apply(.foundNoRoom(SpoolError(.full, "no room")))
            monitor.handle(.health(health))
            #expect(recorder.entries.last?.level == .debug)
            health.apply(.failed(SpoolError(.failed, "the disk")))
            monitor.handle(.health(health))
            #expect(recorder.entries.last?.level == .error)
            #expect(recorder.entries.last?.message.contains("nothing is accepted") == true)
        }
    }

    @Test func `drops are summed, and nothing of the sum is forgotten`() {
        withMonitor { monitor, recorder, clock in
            for _ in 0..<10 { monitor.handle(.dropped(records: 3, reason: .full)) }
            monitor.handle(.dropped(records: 2, reason: .age))
            #expect(recorder.entries.filter { $0.level == .error }.count == 2)
            clock.advance(by: .seconds(60))
            monitor.sayWhatIsDue()
            monitor.sayWhatIsDue()
            #expect(recorder.entries.filter { $0.level == .error }.count == 3)
            #expect(recorder.entries.last?.metadata.contains("\"spool.dropped\": 27") == true)
            monitor.handle(.dropped(records: 1, reason: .full))
            monitor.close()
            #expect(recorder.entries.last?.metadata.contains("\"spool.dropped\": 1") == true)
        }
    }
}
