@testable import ClickHouseWriter
import Dispatch
import Foundation
import Metrics
import MetricsTestKit
import SQLiteSpool
import TestSupport
import Testing

/// A file system that is frozen for a snapshot: what the commit thread asks of it does not return.
@Suite(.bounded) struct StalledDiskTests {
    /// Holds the commit thread where it would wait for the disk: before a write is acknowledged.
    private final class FrozenDisk: Sendable {
        private let isFrozen = DispatchSemaphore(value: 0)
        private let thaw = DispatchSemaphore(value: 0)

        var onEvent: @Sendable (SpoolEvent) -> Void {
            { event in
                guard case .committed(let commit) = event, commit.records > 0 else { return }
                self.isFrozen.signal()
                self.thaw.wait()
            }
        }

        func waitUntilFrozen() async throws {
            try await waitUntil { self.isFrozen.wait(timeout: .now()) == .success }
        }

        func end() { thaw.signal() }
    }

    @Test func `a disk that has not answered for 5 s is seen and said, without waiting for it, until it answers`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let (disk, clock, log, metrics) = (FrozenDisk(), ManualClock(), LogRecorder(), TestMetrics())
            var configuration = BatchWriterConfiguration(
                spoolPath: directory + "/s",
                urls: ["http://unused"],
                table: "t"
            )
            configuration.durability = .processCrash
            let sink = RecordingSink()
            sink.answer(standing: .accepted)
            let delivery = try withMetricsFactory(metrics) {
                try SpoolDelivery(
                    configuration: configuration,
                    columns: ["n"],
                    identity: nil,
                    logger: log.logger,
                    sink: sink,
                    clock: clock,
                    jitter: { 0.5 },
                    onSpoolEvent: disk.onEvent
                )
            }
            func gauge(_ state: String) throws -> Double? {
                try metrics.expectGauge("clickhouse_writer_spool_state", [("table", "default.t"), ("state", state)])
                    .lastValue
            }
            #expect(delivery.status.spool == .fine)
            async let written: Void = delivery.append(Array("{\"n\":1}".utf8))
            try await disk.waitUntilFrozen()
            clock.advance(by: .milliseconds(4_900))
            #expect(delivery.status.spool == .fine)
            clock.advance(by: .seconds(20))
            guard case .stalled(let reason) = delivery.status.spool else {
                Issue.record("\(delivery.status.spool)")
                return disk.end()
            }
            #expect(reason.contains("has not answered for 24 s"))
            await delivery.pulse.beat()
            #expect(try gauge("stalled") == 1)
            #expect(try gauge("fine") == 0)
            disk.end()
            try await written
            #expect(delivery.status.spool == .fine, "as soon as the write returns")
            await delivery.pulse.beat()
            #expect(try gauge("stalled") == 0)
            #expect(try gauge("fine") == 1)
            let messages = log.entries.filter { $0.message.contains("disk") }.map(\.message)
            #expect(messages == ["The spool's disk does not answer; writes wait", "The spool's disk answers again"])
            await delivery.close()
        }
    }
}
