import ArgumentParser
import ClickHouseHTTP
import ClickHouseWriter
import Foundation
import LLMTraces
import Logging

struct DrainCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "How fast a backlog goes to ClickHouse, and in how much memory. Makes and drops a database."
    )

    @Option(help: "ClickHouse's URL, with a user who may make a database.")
    var url: String

    @Option(help: "Records in the backlog.")
    var records = 200_000

    @Option(help: "Where the spool is made.")
    var directory = "."

    @Option(help: "Records of the largest batch, one case each.")
    var batchSizes = [100, 1_000, 10_000]

    @Option(help: "Batches at once, one case each.")
    var inFlight = [1, 4]

    func run() async throws {
        print("batch size  in flight      rows/s  seconds  memory before / most, MiB")
        for batchSize in batchSizes {
            for inFlight in inFlight { try await measure(batchSize: batchSize, inFlight: inFlight) }
        }
    }

    private func measure(batchSize: Int, inFlight: Int) async throws {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        var configuration = BatchWriterConfiguration(
            spoolPath: path,
            urls: ["http://127.0.0.1:1"],
            database: "benchmark_\(UInt32.random(in: 0 ... .max))",
            table: "llm_traces"
        )
        configuration.durability = .processCrash
        configuration.shutdownTimeout = .zero
        try await fill(configuration)

        configuration.urls = [url]
        configuration.maxInFlight = inFlight
        configuration.catchUpBatchSize = batchSize
        try await TraceTable.create(configuration)
        let before = residentMiB()
        var most = before
        let start = ContinuousClock.now
        let writer = try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
        while writer.status.delivered < records {
            try await Task.sleep(for: .milliseconds(20))
            most = max(most, residentMiB())
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        await writer.close()
        let client = try InsertClient(configuration)
        _ = try await client.execute("DROP DATABASE \(configuration.database)", at: client.endpoints[0])
        await client.close()
        print(
            String(
                format: "%10d %10d %11.0f %8.1f  %d / %d",
                batchSize,
                inFlight,
                Double(records) / seconds,
                seconds,
                before,
                most
            )
        )
    }

    private func fill(_ configuration: BatchWriterConfiguration) async throws {
        let writer = try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
        let thousand = (0..<1_000).map { _ in TraceRecord.sample }
        for start in stride(from: 0, to: records, by: thousand.count) {
            try await writer.write(contentsOf: thousand.prefix(records - start))
        }
        await writer.close()
    }
}

extension Logger {
    static var silent: Logger { Logger(label: "benchmark") { _ in SwiftLogNoOpLogHandler() } }
}
