import ClickHouseWriter
import Foundation
import Logging

/// The child that the crash tests kill: writes numbers from many tasks and says which ones were acknowledged.
///
/// Usage: CrashWriter SPOOL URL DATABASE DURABILITY FIRST-NUMBER
@main
struct CrashWriter {
    static func main() async throws {
        let arguments = CommandLine.arguments
        var configuration = BatchWriterConfiguration(
            spoolPath: arguments[1],
            urls: [arguments[2]],
            database: arguments[3],
            table: "crash"
        )
        configuration.durability = BatchWriterConfiguration.Durability(rawValue: arguments[4]) ?? .powerLoss
        configuration.maxBatchSize = 20
        configuration.minRetryDelay = .milliseconds(1)
        configuration.maxRetryDelay = .milliseconds(10)
        let writer = try BatchWriter<Number>(
            configuration: configuration,
            logger: Logger(label: "crash") { _ in SwiftLogNoOpLogHandler() }
        )
        let first = Int(arguments[5]) ?? 0
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<20 {
                group.addTask {
                    var number = first + task
                    while true {
                        try await writer.write(Number(n: number))
                        FileHandle.standardOutput.write(Data("\(number)\n".utf8))
                        number += 20
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

struct Number: ClickHouseRecord {
    var n: Int

    static let columns: [Column<Number>] = [Column("n", \.n)]
    static let identity: RecordIdentity? = RecordIdentity(id: "n")
}
