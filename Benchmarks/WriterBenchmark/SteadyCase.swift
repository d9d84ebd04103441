import ArgumentParser
import BenchmarkSupport
import ClickHouseWriter
import Foundation
import LLMTraces

struct SteadyCase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steady",
        abstract: """
            How fast `write` is while what it stores is delivered at the same time, to a destination that answers at once; \
            beside `write` alone, and syslog-ng's disk-buffer.
            """
    )

    @Option(help: "How long each run takes.")
    var seconds = 10

    @Option(help: "How often each case runs; the table shows medians.")
    var rounds = 3

    @Flag(help: "One short round.")
    var quick = false

    @Option(help: "Concurrent tasks.")
    var tasks = 64

    @Option(help: "Records of a batch, one case each.")
    var batchSizes = [100, 1_000]

    @Option(help: "Where the files are made.")
    var directory = "."

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    mutating func validate() throws {
        if quick { (seconds, rounds) = (1, 1) }
    }

    func run() async throws {
        var runs: [String: [Figures]] = [:]
        let alone = "write alone full \(tasks)"
        let cases = [(alone, nil)] + batchSizes.map { ("steady \($0) full \(tasks)", $0) }
        for round in 1...rounds {
            FileHandle.standardError.write(Data("steady: round \(round) of \(rounds)\n".utf8))
            for (name, batchSize) in cases.shuffled() {
                runs[name, default: []].append(try await measure(batchSize: batchSize))
            }
        }
        var results = try Results(path: results)
        print("case                   delivered/s    p50 µs    p99 µs  p99.9 µs  CPU ns  of write alone")
        for (name, _) in cases {
            let figures = Figures.median(runs[name] ?? [])
            results.set(name, "ours", figures)
            print(
                name.padding(toLength: 22, withPad: " ", startingAt: 0)
                    + String(
                        format: "%12.0f %9.0f %9.0f %9.0f %7.0f %8.2f",
                        figures.rowsPerSecond,
                        figures.p50 ?? .nan,
                        figures.p99 ?? .nan,
                        figures.p999 ?? .nan,
                        figures.processorTime ?? .nan,
                        figures.rowsPerSecond / Figures.median(runs[alone] ?? []).rowsPerSecond
                    )
            )
        }
        try await measureDiskBuffer(&results)
        try results.write()
    }

    private func measureDiskBuffer(_ results: inout Results) async throws {
        do {
            var runs: [Peers.DiskBuffer] = []
            for _ in 1...rounds { runs.append(try await .measure(seconds: seconds, directory: directory)) }
            for (name, figures) in [
                ("syslog-ng in", Figures.median(runs.map(\.write))),
                ("syslog-ng out", Figures.median(runs.map(\.drain))),
                ("syslog-ng steady 100", Figures.median(runs.map(\.steady))),
            ] {
                results.set(name, "syslog-ng", figures)
                print(
                    name.padding(toLength: 22, withPad: " ", startingAt: 0)
                        + String(format: "%12.0f", figures.rowsPerSecond)
                )
            }
        } catch let error as Unmeasurable {
            print("without syslog-ng: \(error)")
        }
    }

    /// - Parameter batchSize: nil delivers nothing, and counts what was written.
    private func measure(batchSize: Int?) async throws -> Figures {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://127.0.0.1:1"], table: "t")
        configuration.shutdownTimeout = .zero
        configuration.maxSpoolBytes = 16 << 30
        configuration.maxInFlight = 4
        if let batchSize { configuration.maxBatchSize = batchSize }
        let writer =
            if batchSize == nil {
                try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
            } else {
                try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent, sink: InstantSink())
            }
        let figures = try await ClosedLoop(tasks: tasks, seconds: seconds).run {
            batchSize == nil ? $0 : writer.status.delivered
        } _: {
            try await writer.write(.sample)
        }
        await writer.close()
        return figures
    }
}
