@testable import ClickHouseWriter
import SQLiteSpool
import ServiceLifecycle
import ServiceLifecycleTestKit
import TestSupport
import Testing

@Suite(.bounded) struct CloseTests {
    @Test func `close delivers what is left when ClickHouse is fine`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            // A clock that stands still, so that the deadline never comes.
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                try await writer.write(contentsOf: samples(0..<150))
                let report = await writer.close()
                #expect(report == CloseReport(delivered: 150, remaining: 0, reason: nil))
                #expect(sink.isClosed)
            }
        }
    }

    @Test func `close keeps its deadline when ClickHouse refuses, and the next writer delivers`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let sink = RecordingSink()
            sink.answer(standing: .transient)
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                try await writer.write(contentsOf: samples(0..<150))
                // The clock runs as fast as it can: the deadline could come before the first answer.
                try await waitUntil("ClickHouse has refused") { writer.status.delivery != .fine }
                let report = await writer.close(clock)
                #expect(report.delivered == 0 && report.remaining == 150)
                #expect(report.reason?.hasSuffix("(code 241): memory limit") ?? false)
            }
            let healthy = RecordingSink()
            try await withWriter(at: directory + "/s", sink: healthy) { writer in
                #expect(writer.recoveredRecords == 150)
                try await writer.flush()
            }
            #expect(healthy.sends.flatMap(\.rows) == rows(0..<150))
            #expect(healthy.sends.first?.token == sink.sends.first?.token)
        }
    }

    @Test func `close keeps its deadline when ClickHouse hangs`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.hang()
            let clock = ManualClock()
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                try await writer.write(contentsOf: samples(0..<150))
                _ = await sink.waitForSends(1)
                async let closing = writer.close()
                // A tenth of the ten seconds is kept for what follows the deadline.
                await clock.waitForSleeper(remaining: .seconds(9))
                clock.advance(by: .seconds(9))
                let report = await closing
                #expect(report.remaining == 150)
                #expect(report.reason?.contains("did not answer") == true)
            }
        }
    }

    @Test func `close does not wait for a destination that somebody has to mend`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(standing: .destination)
            try await withWriter(at: directory + "/s", sink: sink, configure: { $0.shutdownTimeout = .seconds(3_600) })
            { writer in
                try await writer.write(Sample(number: 1))
                let report = await writer.close()
                #expect(
                    report == CloseReport(delivered: 0, remaining: 1, reason: "destination (code 60): no such table")
                )
            }
        }
    }

    @Test func `close can be called again and at once, and nothing is written afterwards`() async throws {
        try await withTemporaryDirectory { directory in
            try await withWriter(at: directory + "/s") { writer in
                try await writer.write(Sample(number: 1))
                async let first = writer.close()
                async let second = writer.close()
                let third = await writer.close()
                #expect(await [first, second] == [third, third])
                #expect(third.delivered == 1)
                let error = await #expect(throws: WriterError.self) { try await writer.write(Sample(number: 2)) }
                #expect(error?.code == .writerClosed)
                let many = await #expect(throws: WriterError.self) {
                    try await writer.write(contentsOf: samples(0..<3))
                }
                #expect(many?.code == .writerClosed)
            }
        }
    }

    @Test func `writes that race with close are either stored or refused`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            var stored = 0
            try await withWriter(at: directory + "/s", sink: sink) { writer in
                stored = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            do throws(WriterError) {
                                try await writer.write(Sample(number: number))
                                return true
                            } catch {
                                #expect(error.code == .writerClosed)
                                return false
                            }
                        }
                    }
                    await writer.close()
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
            }
            try await withWriter(at: directory + "/s", sink: sink) { try await $0.flush() }
            let delivered = sink.sends.flatMap(\.rows)
            #expect(delivered.count == stored)
            #expect(Set(delivered).count == stored)
        }
    }

    @Test func `as a service it closes at graceful shutdown`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink) { writer in
                try await testGracefulShutdown { trigger in
                    async let running: Void = writer.run()
                    try await writer.write(Sample(number: 1))
                    trigger.triggerGracefulShutdown()
                    try await running
                }
                #expect(sink.sends.flatMap(\.rows) == rows(1..<2))
                #expect(await writer.close().delivered == 1)
            }
        }
    }

    @Test func `a cancelled service still closes in order`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink) { writer in
                try await writer.write(Sample(number: 1))
                let running = Task { try await writer.run() }
                running.cancel()
                try await running.value
                #expect(sink.sends.flatMap(\.rows) == rows(1..<2))
            }
        }
    }
}
