import ClickHouseWriter
import Foundation

/// The example of the page Configuration.
private func makeConfiguration() throws -> BatchWriterConfiguration {
    var configuration = BatchWriterConfiguration(
        spoolPath: "/var/lib/shop/visits.spool",
        urls: ["https://clickhouse-1.example.com:8443", "https://clickhouse-2.example.com:8443"],
        database: "shop",
        table: "visits",
        user: "writer"
    )
    configuration.catchUpBatchSize = 10_000
    configuration.maxSpoolBytes = 4 << 30
    try configuration.apply(environment: ProcessInfo.processInfo.environment)
    return configuration
}
