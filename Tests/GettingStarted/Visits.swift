import ClickHouseWriter
import Foundation
import Logging

struct Visit: ClickHouseRecord {
    var url: String
    var status: UInt16
    var at = Date()

    static let columns: [Column<Visit>] = [
        Column("url", \.url),
        Column("status", \.status),
        Column("at", \.at),
    ]
}

@main
struct Visits {
    static func main() async throws {
        var configuration = BatchWriterConfiguration(
            spoolPath: "visits.spool",
            urls: ["http://localhost:8123"],
            table: "visits"
        )
        try configuration.apply(environment: ProcessInfo.processInfo.environment)
        let writer = try BatchWriter<Visit>(configuration: configuration, logger: Logger(label: "visits"))

        try await writer.write(Visit(url: "/", status: 200))
        try await writer.write(Visit(url: "/absent", status: 404))

        let report = await writer.close()
        print("delivered \(report.delivered), left in the spool \(report.remaining)")
    }
}
