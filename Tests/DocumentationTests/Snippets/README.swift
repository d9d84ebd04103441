import ClickHouseWriter
import Logging

/// The example of README.md.
private enum ReadmeExample {
    struct Visit: ClickHouseRecord {
        var url: String
        var status: UInt16
        static let columns: [Column<Visit>] = [
            Column("url", \.url),
            Column("status", \.status),
        ]
    }

    static func run() async throws {
        let configuration = BatchWriterConfiguration(
            spoolPath: "visits.spool",
            urls: ["http://localhost:8123"],
            table: "visits"
        )
        let writer = try BatchWriter<Visit>(configuration: configuration, logger: Logger(label: "visits"))
        try await writer.write(Visit(url: "/", status: 200))  // committed to the spool when it returns
        let report = await writer.close()  // delivers what it can within 10 s; the rest stays in the spool
        _ = report
    }
}
