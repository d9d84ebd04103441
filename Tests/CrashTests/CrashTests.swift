import ClickHouseStandIn
import ClickHouseWriter
import Foundation
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

@Suite(.timeLimit(.minutes(5))) struct CrashTests {
    private static let kills = 50

    @Test(arguments: [BatchWriterConfiguration.Durability.powerLoss, .processCrash])
    func `a writer killed at any moment loses nothing that it acknowledged and stores nothing twice`(
        durability: BatchWriterConfiguration.Durability
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let spool = directory + "/traces.spool"
                var acknowledged: [Int] = []
                for kill in 0..<Self.kills {
                    if kill % 3 == 0 { standIn.faults.add(.dropAfterProcessing) }
                    if kill % 5 == 0 { standIn.faults.add(.error(status: 500, code: 241, message: "Memory limit")) }
                    acknowledged += try await runAndKill(
                        arguments: [spool, standIn.url, durability.rawValue, "\(kill * 1_000_000)"],
                        // What it does at that moment is up to the scheduler.
                        afterAcknowledgements: Int.random(in: 1...400)
                    )
                }
                try await deliverTheRest(spool: spool, url: standIn.url)

                let stored = try await standIn.store.rows(database: "ibex", table: "crash")
                    .compactMap { Int($0.filter(\.isNumber)) }
                #expect(acknowledged.count > Self.kills)
                #expect(Set(stored).count == stored.count, "stored twice")
                #expect(Set(acknowledged).subtracting(stored) == [], "acknowledged and lost")
            }
        }
    }

    /// - Returns: the numbers that the child said were acknowledged.
    private func runAndKill(arguments: [String], afterAcknowledgements count: Int) async throws -> [Int] {
        let result = try await run(
            .path(FilePath(builtProduct("CrashWriter"))),
            arguments: Arguments(arguments),
            input: .none,
            output: .sequence,
            error: .currentStandardError
        ) { child in
            var numbers: [Int] = []
            for try await line in child.standardOutput.strings() {
                // A line is one write(2), so the kill cuts none.
                guard let number = Int(line.filter(\.isNumber)) else { continue }
                numbers.append(number)
                if numbers.count == count { try child.send(signal: .kill) }
            }
            return numbers
        }
        #expect(result.terminationStatus == .signaled(9))
        return result.closureResult
    }

    private func deliverTheRest(spool: String, url: String) async throws {
        var configuration = BatchWriterConfiguration(spoolPath: spool, urls: [url], database: "ibex", table: "crash")
        configuration.minRetryDelay = .milliseconds(1)
        configuration.shutdownTimeout = .seconds(120)
        let writer = try BatchWriter<NoRecord>(configuration: configuration, logger: LogRecorder().logger)
        // Closing goes on through the faults that are left.
        #expect(await writer.close().remaining == 0)
    }
}

/// Never written: the spool is only drained.
private struct NoRecord: ClickHouseRecord {
    static let columns = ["n"]

    func encode(to row: inout RowEncoder) {}
}
