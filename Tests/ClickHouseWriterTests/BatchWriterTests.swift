import ClickHouseStandIn
@testable import ClickHouseWriter
import Foundation
import SQLiteSpool
import TestSupport
import Testing

private struct Unencodable: ClickHouseRecord, Encodable {
    var secret: Double

    static let columns: [ColumnName] = ["secret"]
}

@Suite(.bounded) struct WriteTests {
    @Test func `what JSON cannot hold is refused without being repeated`() async throws {
        try await withTemporaryDirectory { directory in
            let configuration = BatchWriterConfiguration(spoolPath: directory + "/s", urls: ["http://a"], table: "t")
            let writer = try BatchWriter<Unencodable>(
                configuration: configuration,
                logger: LogRecorder().logger,
                sink: RecordingSink()
            )
            let error = await #expect(throws: WriterError.self) {
                try await writer.write(Unencodable(secret: .infinity))
            }
            #expect(error?.code == .recordNotEncodable)
            #expect(error?.message.contains("secret") == true)
            #expect(error?.message.contains("Unencodable") == false)
            await writer.close()
        }
    }

    @Test func `a row that is too long is refused and not stored`() async throws {
        try await withTemporaryDirectory { directory in
            try await withWriter(at: directory + "/s", configure: { $0.maxRecordBytes = 8 }) { writer in
                try await writer.write(Sample(number: 12))
                let error = await #expect(throws: WriterError.self) { try await writer.write(Sample(number: 1_234)) }
                #expect(error?.code == .recordTooLarge)
                #expect(writer.status.pending == 1)
            }
        }
    }

    @Test func `of many records with a bad one none is stored`() async throws {
        try await withTemporaryDirectory { directory in
            try await withWriter(at: directory + "/s", configure: { $0.maxRecordBytes = 8 }) { writer in
                let error = await #expect(throws: WriterError.self) {
                    try await writer.write(contentsOf: [Sample(number: 1), Sample(number: 12_345), Sample(number: 2)])
                }
                #expect(error?.code == .recordTooLarge)
                #expect(error?.message.contains("record 1 of 3") == true)
                #expect(writer.status.pending == 0)
            }
        }
    }

    @Test func `a second writer on a spool is refused`() async throws {
        try await withTemporaryDirectory { directory in
            try await withWriter(at: directory + "/s") { _ in
                let error = await #expect(throws: WriterError.self) {
                    try await withWriter(at: directory + "/s") { _ in }
                }
                #expect(error?.code == .spoolInUse)
                #expect(error?.message.contains("process \(ProcessInfo.processInfo.processIdentifier)") == true)
            }
        }
    }

    @Test func `write does not wait for ClickHouse`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = RecordingSink()
            sink.hang()
            try await withWriter(at: directory + "/s", sink: sink, clock: ManualClock()) { writer in
                for round in 0..<20 { try await writer.write(contentsOf: samples(round * 100..<round * 100 + 100)) }
                #expect(writer.status.pending + writer.status.inFlight == 2_000)
            }
        }
    }
}

/// The writer with its own client, against the stand-in on a real socket.
@Suite(.startsProcesses) struct DeliveryTests {
    private func configuration(_ directory: String, _ standIn: StandInServer) -> BatchWriterConfiguration {
        var configuration = BatchWriterConfiguration(
            spoolPath: directory + "/traces.spool",
            urls: [standIn.url],
            database: "ibex",
            table: "t"
        )
        configuration.durability = .processCrash
        configuration.minRetryDelay = .milliseconds(1)
        configuration.maxRetryDelay = .milliseconds(20)
        return configuration
    }

    @Test func `10,000 records of 50 tasks arrive once, those of one task in order, under a reader's eyes`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let writer = try BatchWriter<Sample>(
                    configuration: configuration(directory, standIn),
                    logger: LogRecorder().logger
                )
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<50 {
                        group.addTask {
                            for number in 0..<200 { try await writer.write(Sample(number: task * 1_000 + number)) }
                        }
                    }
                    group.addTask {
                        try await waitUntil("half of them are delivered") {
                            _ = try SpoolStatus(readingSpoolAt: writer.spoolPath)
                            return writer.status.delivered >= 5_000
                        }
                    }
                    try await group.waitForAll()
                }
                try await writer.flush()
                #expect(await writer.close() == CloseReport(delivered: 10_000, remaining: 0, reason: nil))

                let rows = try await standIn.store.rows(database: "ibex", table: "t")
                let numbers = rows.compactMap { Int($0.filter(\.isNumber)) }
                #expect(numbers.count == 10_000)
                for task in 0..<50 {
                    #expect(numbers.filter { $0 / 1_000 == task } == (0..<200).map { task * 1_000 + $0 })
                }
            }
        }
    }

    @Test func `through every fault each record arrives once, in order`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                var configuration = configuration(directory, standIn)
                configuration.requestTimeout = .milliseconds(500)
                let writer = try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
                standIn.faults.add(
                    .dropAfterProcessing,
                    .error(status: 500, code: 241, message: "Memory limit"),
                    .hang,
                    .dropBeforeProcessing,
                    .errorAfterProcessing(status: 500, code: 999, message: "Session expired"),
                    .redirect(to: "/ping"),
                    .unexpectedBody("Ok.\n"),
                    .foreignQueryID,
                    .garbage,
                    .error(status: 502, code: nil, message: "Bad gateway"),
                    .error(status: 404, code: 60, message: "Table ibex.t does not exist"),
                    .dropAfterProcessing
                )
                for round in 0..<10 { try await writer.write(contentsOf: samples(round * 100..<round * 100 + 100)) }
                try await waitUntil("all are delivered") {
                    try? await writer.flush()
                    return writer.status.delivered == 1_000
                }
                #expect(await writer.close().remaining == 0)
                #expect(try await standIn.store.rows(database: "ibex", table: "t") == rows(0..<1_000))
            }
        }
    }

    @Test func `a restart with another batch size sends the same bytes under the same token`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                var configuration = configuration(directory, standIn)
                configuration.shutdownTimeout = .milliseconds(100)
                for size in [100, 7, 1_000, 30] {
                    configuration.maxBatchSize = size
                    standIn.faults.setStanding(.error(status: 503, code: nil, message: "away"))
                    let writer = try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
                    try await writer.write(contentsOf: samples(0..<250))
                    await #expect(throws: WriterError.self) { try await writer.flush() }
                    #expect(await writer.close().remaining == writer.recoveredRecords + 250)
                }
                let inserts = standIn.journal.inserts
                #expect(inserts.count >= 4)
                let bodies = Dictionary(grouping: inserts, by: \.token).mapValues { Set($0.map(\.body)) }
                #expect(bodies.values.allSatisfy { $0.count == 1 })
                #expect(inserts[0].body == rows(0..<100).map { $0 + "\n" }.joined())

                standIn.faults.setStanding(nil)
                let writer = try BatchWriter<Sample>(configuration: configuration, logger: LogRecorder().logger)
                try await writer.flush()
                await writer.close()
                let stored = try await standIn.store.rows(database: "ibex", table: "t")
                #expect(stored == (0..<4).flatMap { _ in rows(0..<250) })
            }
        }
    }

    @Test func `no log, error or spool file holds the password`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let log = LogRecorder()
                var configuration = configuration(directory, standIn)
                configuration.user = "writer"
                configuration.password = "hunter2"
                standIn.faults.setStanding(.error(status: 403, code: 516, message: "writer: wrong password hunter2"))
                let writer = try BatchWriter<Sample>(configuration: configuration, logger: log.logger)
                try await writer.write(Sample(number: 1))
                let error = await #expect(throws: WriterError.self) { try await writer.flush() }
                let report = await writer.close()
                #expect(report.remaining == 1)
                let files = try FileManager.default.contentsOfDirectory(atPath: directory)
                    .filter { $0.hasPrefix("traces.spool") }
                    .compactMap { FileManager.default.contents(atPath: directory + "/" + $0) }
                let texts =
                    log.entries.map { $0.message + $0.metadata } + ["\(try #require(error))", "\(report)"]
                    + files.map { String(decoding: $0, as: UTF8.self) }
                #expect(texts.contains { $0.contains("wrong password") })
                #expect(!texts.contains { $0.contains("hunter2") })
            }
        }
    }
}
