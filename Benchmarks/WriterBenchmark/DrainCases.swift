import ArgumentParser
import BenchmarkSupport
import ClickHouseHTTP
import ClickHouseWriter
import Foundation
import LLMTraces

struct DrainCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: """
            How fast a backlog goes to ClickHouse, beside curl sending the same bodies, made in advance, to the same table. To \
            Debian's clickhouse-server, started for it, or to a given one; and to the stand-in.
            """
    )

    @Option(help: "ClickHouse's URL, with a user who may make a database.")
    var url: String?

    @Option(help: "What tells the cases of that server from those of Debian's: a word behind their names.")
    var label: String?

    @Option(help: "Records in the backlog.")
    var records = 200_000

    @Option(help: "How often each case runs; the table shows medians.")
    var rounds = 3

    @Flag(help: "One round with a tenth of the records.")
    var quick = false

    @Option(help: "Where the files are made.")
    var directory = "."

    @Option(help: "Records of the largest batch, one case each.")
    var batchSizes = [100, 1_000, 10_000]

    @Option(help: "Batches at once, one case each.")
    var inFlight = [1, 4]

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    private struct Case: Hashable {
        var batchSize: Int
        var inFlight: Int

        var name: String { "drain \(batchSize)" + (inFlight == 1 ? "" : ", \(inFlight) in flight") }
    }

    private enum Contender: String, CaseIterable {
        case ours, curl
    }

    mutating func validate() throws {
        if quick { (records, rounds) = (20_000, 1) }
        guard records >= batchSizes.max() ?? 0 else {
            throw ValidationError("--records must be at least as many as the largest batch has.")
        }
    }

    func run() async throws {
        var results = try Results(path: results)
        print("case                               who      rows/s   of curl's  memory before / most, MiB")
        try await withDirectory(in: URL(filePath: directory).standardizedFileURL.path(percentEncoded: false)) { root in
            if let url {
                try await measure(at: url, label.map { ", \($0)" } ?? "", &results, in: root)
            } else if RealClickHouse.isInstalled {
                try await RealClickHouse.run(in: root) { try await measure(at: $0, "", &results, in: root) }
            } else {
                print("without clickhouse-server: apt-get install -y clickhouse-server")
            }
            let own = root + "/stand-in"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: false)
            try await MeasuredProxy.run(in: own, ["--no-traces"], environment: [:]) { proxy in
                guard let url = proxy.standIn else { throw Unmeasurable("llm-proxy says nothing of its stand-in") }
                try await measure(at: url, ", stand-in", &results, in: root)
            }
        }
        try results.write()
    }

    private struct Run {
        var rowsPerSecond: Double
        var memoryBefore = 0
        var memoryMost = 0
    }

    private func measure(at url: String, _ server: String, _ results: inout Results, in root: String) async throws {
        let cases = batchSizes.flatMap { size in inFlight.map { Case(batchSize: size, inFlight: $0) } }
        var runs: [Case: [Contender: [Run]]] = [:]
        for round in 1...rounds {
            FileHandle.standardError.write(Data("drain\(server): round \(round) of \(rounds)\n".utf8))
            for measured in cases {
                for contender in Contender.allCases.shuffled() {
                    let run = try await withDatabase(at: url, in: root) { configuration, client in
                        switch contender {
                        case .ours: try await drain(configuration, measured)
                        case .curl: try await post(client, measured, in: root)
                        }
                    }
                    runs[measured, default: [:]][contender, default: []].append(run)
                }
            }
        }
        for measured in cases {
            let curl = runs[measured]?[.curl]?.map(\.rowsPerSecond).median ?? .nan
            for contender in Contender.allCases {
                guard let own = runs[measured]?[contender] else { continue }
                let rows = own.map(\.rowsPerSecond).median
                let most = own.map { Double($0.memoryMost) }.median
                var figures = ["rows_s": rows.rounded()]
                if contender == .ours { figures["memory_mib"] = most }
                results.set(measured.name + server, contender.rawValue, figures)
                print(
                    (measured.name + server).padding(toLength: 35, withPad: " ", startingAt: 0)
                        + contender.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0)
                        + String(format: "%10.0f %10.2f", rows, rows / curl)
                        + (contender == .ours
                            ? String(format: "   %.0f / %.0f", own.map { Double($0.memoryBefore) }.median, most) : "")
                )
            }
        }
    }

    /// A database with the table, and a spool with the backlog for it; both go afterwards.
    private func withDatabase(
        at url: String,
        in root: String,
        _ body: (BatchWriterConfiguration, InsertClient) async throws -> Run
    ) async throws -> Run {
        let path = temporarySpool(in: root)
        defer { removeSpool(path) }
        var configuration = BatchWriterConfiguration(
            spoolPath: path,
            urls: [url],
            database: "benchmark_\(UInt32.random(in: 0 ... .max))",
            table: "llm_traces"
        )
        configuration.shutdownTimeout = .zero
        try await TraceTable.create(configuration)
        let client = try InsertClient(configuration)
        let run = await Swift.Result { try await body(configuration, client) }
        // The stand-in has no such question.
        let stored = try? await client.execute(
            "SELECT count(*) FROM \(configuration.database).llm_traces",
            at: client.endpoints[0]
        ).trimmingCharacters(in: .whitespacesAndNewlines)
        _ = try? await client.execute("DROP DATABASE \(configuration.database)", at: client.endpoints[0])
        await client.close()
        if let stored, stored != "\(records)" { throw Unmeasurable("\(stored) of \(records) rows are stored") }
        return try run.get()
    }

    private func drain(_ configuration: BatchWriterConfiguration, _ measured: Case) async throws -> Run {
        var configuration = configuration
        try await fill(configuration)
        configuration.maxInFlight = measured.inFlight
        configuration.catchUpBatchSize = measured.batchSize
        let before = residentMiB()
        var most = before
        let start = ContinuousClock.now
        let writer = try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
        while writer.status.delivered < records {
            try await Task.sleep(for: .milliseconds(5))
            most = max(most, residentMiB())
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        await writer.close()
        return Run(rowsPerSecond: Double(records) / seconds, memoryBefore: before, memoryMost: most)
    }

    private func fill(_ configuration: BatchWriterConfiguration) async throws {
        var configuration = configuration
        configuration.urls = ["http://127.0.0.1:1"]
        configuration.durability = .processCrash
        let writer = try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
        let thousand = (0..<1_000).map { _ in TraceRecord.sample }
        for start in stride(from: 0, to: records, by: thousand.count) {
            try await writer.write(contentsOf: thousand.prefix(records - start))
        }
        await writer.close()
    }

    /// One curl, which keeps its connections, sends the same requests that ours does.
    private func post(_ client: InsertClient, _ measured: Case, in root: String) async throws -> Run {
        let body = root + "/body"
        let line = try TraceRecord.sample.row(ColumnNames(TraceRecord.columnNames)) + [UInt8(ascii: "\n")]
        var list = ""
        for start in stride(from: 0, to: records, by: measured.batchSize) {
            let rows = min(measured.batchSize, records - start)
            let path = "\(body)-\(rows)"
            if !FileManager.default.fileExists(atPath: path) {
                try Data([[UInt8]](repeating: line, count: rows).joined()).write(to: URL(filePath: path))
                _ = try await Tools.run("gzip", ["--keep", path])
            }
            // The bodies are all the same, and the table would take them for repeated ones.
            let request = try await client.insertRequest(token: "\(start)", at: client.endpoints[0])
            list += """
                \(start == 0 ? "" : "next")
                url = "\(request.url)"
                data-binary = "@\(path)\(request.isCompressed ? ".gz" : "")"
                header = "\(request.isCompressed ? "Content-Encoding: gzip" : "Content-Type: text/plain")"
                header = "Expect:"
                fail

                """
        }
        let config = root + "/curl"
        try list.write(toFile: config, atomically: true, encoding: .utf8)
        let parallel = measured.inFlight == 1 ? [] : ["--parallel", "--parallel-max", "\(measured.inFlight)"]
        let start = ContinuousClock.now
        _ = try await Tools.run("curl", parallel + ["--no-progress-meter", "--config", config])
        return Run(rowsPerSecond: Double(records) / (start.duration(to: .now) / .seconds(1)))
    }
}
