import ClickHouseHTTP
@testable import ClickHouseWriter
import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct DeliveryLoopTests {
    @Test func `a batch leaves as soon as it is full`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                try await writer.write(contentsOf: samples(0..<99))
                #expect(sink.sends.isEmpty)
                try await writer.write(Sample(number: 99))
                let sends = await sink.waitForSends(1)
                #expect(sends.map(\.rows) == [rows(0..<100)])
            }
        }
    }

    @Test func `a flush is over when all is delivered, also where the newest records were lost`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            let spool = try Spool(SpoolConfiguration(path: path))
            try await spool.append(contentsOf: (0..<3).map { Array("{\"n\":\($0)}".utf8) })
            await spool.close()
            // As after a power cut that lost six: their ids are not given again.
            try Database(path: path, access: .readWrite).execute("UPDATE spool SET last_id = 9, checksum = NULL")
            try await withWriter(at: path, sink: RecordingSink(), clock: ManualClock()) { writer in
                try await writer.flush()
                #expect(writer.status.pending + writer.status.inFlight == 0)
            }
        }
    }

    @Test(arguments: BatchWriterConfiguration.WhenFull.allCases)
    func `a spool with less room than a batch takes is delivered when it is full`(
        whenFull: BatchWriterConfiguration.WhenFull
    ) async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            let configure = { (configuration: inout BatchWriterConfiguration) in
                configuration.maxRecords = 10
                configuration.whenFull = whenFull
            }
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock(), configure: configure) {
                writer in
                try await writer.write(contentsOf: samples(0..<10))
                // One more than there is room for; time stands still, so nothing gets old.
                try? await writer.write(Sample(number: 10))
                let sends = await sink.waitForSends(1)
                #expect(sends.map(\.rows) == [whenFull == .reject ? rows(0..<10) : rows(1..<11)])
            }
        }
    }

    @Test(arguments: [(44, false), (46, true)])
    func `a record that the table's TTL may delete is said to be late`(days: Int, isLate: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"), clock: clock)
            try await spool.append(Array("{\"n\":1}".utf8))
            await spool.close()
            clock.advance(by: .seconds(days * 86_400))
            let (sink, log) = (RecordingSink(retention: .seconds(90 * 86_400)), LogRecorder())
            sink.answer(standing: .transient)
            try await withWriter(at: directory + "/s", sink: sink, clock: clock, logger: log.logger) { writer in
                _ = await sink.waitForSends(1)
                #expect(writer.status.guarantee?.contains("the table's TTL deletes rows") == isLate)
                #expect(log.entries.count { $0.level == .warning && $0.message.contains("TTL") } == (isLate ? 1 : 0))
            }
        }
    }

    @Test func `a single record leaves when the interval is over, and not before`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            let clock = ManualClock()
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                try await writer.write(Sample(number: 1))
                await clock.waitForSleeper(remaining: .seconds(5))
                clock.advance(by: .milliseconds(4_999))
                #expect(sink.sends.isEmpty)
                clock.advance(by: .milliseconds(1))
                #expect(await sink.waitForSends(1).map(\.rows) == [rows(1..<2)])
            }
        }
    }

    @Test func `the interval counts from the oldest record, also after a restart`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let sink = RecordingSink()
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"), clock: clock)
            try await spool.append(Array("{\"n\":0}".utf8))
            await spool.close()
            clock.advance(by: .seconds(3))
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                await clock.waitForSleeper(remaining: .seconds(2))
                clock.advance(by: .seconds(2))
                _ = await sink.waitForSends(1)
            }
        }
    }

    @Test func `a clock that was set back delays a record by no more than the interval`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let spool = try Spool(SpoolConfiguration(path: directory + "/s"), clock: clock)
            try await spool.append(Array("{\"n\":0}".utf8))
            await spool.close()
            clock.advance(by: .seconds(-3_600))
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { _ in
                await clock.waitForSleeper(remaining: .seconds(5))
                clock.advance(by: .seconds(5))
                #expect(await sink.waitForSends(1).map(\.rows) == [rows(0..<1)])
            }
        }
    }

    @Test func `what is left of full batches waits for its own interval`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                try await writer.write(contentsOf: samples(0..<250))
                await clock.waitForSleeper(remaining: .seconds(5))
                #expect(sink.sends.map(\.rows) == [rows(0..<100), rows(100..<200)])
                clock.advance(by: .seconds(5))
                #expect(await sink.waitForSends(3).last?.rows == rows(200..<250))
            }
        }
    }

    @Test(arguments: [InsertOutcome.busy, .destination])
    func `a batch that is not taken is sent again, the same, before any other`(outcome: InsertOutcome) async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let sink = RecordingSink()
            sink.answer(outcome, outcome, outcome)
            try await withWriter(at: directory + "/s", sink: sink, clock: clock) { writer in
                try await writer.write(contentsOf: samples(0..<100))
                for count in 1...3 {
                    _ = await sink.waitForSends(count)
                    // Half of 0.5, 1 and 2 s: the jitter is fixed here.
                    await clock.waitForSleeper(remaining: .milliseconds(125 << count))
                    try await writer.write(contentsOf: samples(count * 100..<count * 100 + 100))
                    #expect(sink.sends.count == count, "new records do not shorten the wait")
                    clock.advance(by: .milliseconds(125 << count))
                }
                let sends = await sink.waitForSends(7)
                #expect(Set(sends[0..<4].map(\.token)).count == 1)
                #expect(sends[0..<4].allSatisfy { $0.rows == rows(0..<100) })
                #expect(sends[4...].flatMap(\.rows) == rows(100..<400))
            }
        }
    }

    @Test func `failures and recovery are said once each, and kept in the spool`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ManualClock()
            let sink = RecordingSink()
            let log = LogRecorder()
            sink.answer(.destination, .destination)
            try await withWriter(at: directory + "/s", sink: sink, clock: clock, logger: log.logger) { writer in
                try await writer.write(contentsOf: samples(0..<100))
                for _ in 0..<2 {
                    await clock.waitForSleeper()
                    #expect(writer.status.delivery == .held(reason: "destination (code 60): no such table"))
                    #expect(
                        try SpoolStatus(readingSpoolAt: directory + "/s").lastError
                            == "destination (code 60): no such table"
                    )
                    // Less than the minute after which an outage is said again.
                    clock.advance(by: .seconds(10))
                }
                try await writer.flush()
                #expect(writer.status.delivery == .fine)
                #expect(writer.status.delivered == 100)
            }
            let loud = log.entries.filter { $0.level >= .notice }
            #expect(loud.map(\.level) == [.error, .notice])
        }
    }
}

@Suite(.bounded) struct FlushTests {
    @Test func `flush delivers what was written before it`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                try await writer.flush()
                try await writer.write(contentsOf: samples(0..<250))
                try await writer.flush()
                #expect(sink.sends.flatMap(\.rows) == rows(0..<250))
                #expect(writer.status.pending + writer.status.inFlight == 0)
            }
        }
    }

    @Test(arguments: [InsertOutcome.transient, .destination])
    func `flush says what is left and why when ClickHouse does not take it`(outcome: InsertOutcome) async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(outcome)
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                try await writer.write(contentsOf: samples(0..<7))
                let error = await #expect(throws: WriterError.self) { try await writer.flush() }
                #expect(error?.code == .notDelivered)
                #expect(error?.message.hasPrefix("7 records are left") == true)
                // A flush does not wait for the backoff.
                try await writer.flush()
                #expect(sink.sends.map(\.rows) == [rows(0..<7), rows(0..<7)])
            }
        }
    }

    @Test func `many flushes at once all return`() async throws {
        try await withTemporaryDirectory { directory in
            try await withWriter(at: directory + "/s", clock: ManualClock()) { writer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            try await writer.write(Sample(number: number))
                            try await writer.flush()
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(writer.status.delivered == 50)
            }
        }
    }

    @Test func `flush after close does not wait for ever`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.answer(standing: .destination)
            try await withWriter(at: directory + "/s", sink: sink) { writer in
                try await writer.write(Sample(number: 1))
                await writer.close()
                let error = await #expect(throws: WriterError.self) { try await writer.flush() }
                #expect(error?.code == .notDelivered)
            }
        }
    }
}
