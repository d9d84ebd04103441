@testable import ClickHouseWriter
import Logging
import SQLiteSpool
import TestSupport

struct Sample: ClickHouseRecord, Equatable {
    var number: Int

    static let columns: [Column<Sample>] = [Column("n", \.number)]
}

func samples(_ numbers: Range<Int>) -> [Sample] {
    numbers.map { Sample(number: $0) }
}

func rows(_ numbers: Range<Int>) -> [String] {
    numbers.map { "{\"n\":\($0)}" }
}

/// Opens a writer on a sink and a clock of the test's, runs `body` and closes it.
func withWriter(
    at path: String,
    sink: any BatchSink = RecordingSink(),
    clock: any WallClock = SystemWallClock(),
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    configure: (inout BatchWriterConfiguration) -> Void = { _ in },
    _ body: (BatchWriter<Sample>) async throws -> Void
) async throws {
    var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://unused"], table: "t")
    configuration.durability = .processCrash
    configure(&configuration)
    let writer = try BatchWriter<Sample>(
        configuration: configuration,
        logger: logger,
        sink: sink,
        clock: clock,
        jitter: { 0.5 }
    )
    do {
        try await body(writer)
    } catch {
        await writer.close(clock)
        throw error
    }
    await writer.close(clock)
}

extension BatchWriter {
    /// Closes also when the clock stands still: then its deadline is made to pass.
    @discardableResult
    func close(_ clock: any WallClock) async -> CloseReport {
        guard let manual = clock as? ManualClock else { return await close() }
        return await withTaskGroup(of: CloseReport?.self) { group in
            group.addTask { await self.close() }
            group.addTask {
                while !Task.isCancelled {
                    manual.advance(by: .seconds(1))
                    await Task.yield()
                }
                return nil
            }
            let report = await group.next()
            group.cancelAll()
            return report.flatMap { $0 } ?? CloseReport(delivered: 0, remaining: 0, reason: "no report")
        }
    }
}
