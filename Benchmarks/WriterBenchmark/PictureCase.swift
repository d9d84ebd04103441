import ArgumentParser
import BenchmarkSupport
import Foundation

struct PictureCase: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "picture",
        abstract: "Draws what `write` has shown as a picture for README."
    )

    @Option(help: "Where the figures are.")
    var results = "Benchmarks/results.json"

    @Option(help: "Where the picture goes.")
    var output = "Sources/ClickHouseWriter/ClickHouseWriter.docc/write-benchmark.svg"

    func run() throws {
        let measured = try Results(path: results).lines
        let series = Self.series(measured)
        guard !series.isEmpty else { throw Unmeasurable("there are no figures of `write full` in \(results)") }
        // Results that do not name their machine are taken for this one's.
        let machine = measured.first { $0.case == Results.machine }?.who ?? Machine.description
        let isLimitKnown = measured.contains { $0.who == "limit" }
        let chart = Chart(
            series: series,
            title: "Concurrent writes, each synced to disk when it returns (synchronous = FULL)",
            caption: [
                "Each task writes its next record when the one before is committed."
                    + (isLimitKnown ? " Dashed: the same group commit in C, on libsqlite3 alone." : ""),
                "All scales are logarithmic. Measured by Benchmarks/run: \(machine)",
            ]
        )
        try Data(chart.svg.utf8).write(to: URL(filePath: output))
    }

    /// Colours after Okabe and Ito, which the colour-blind tell apart, made darker so that the names can be read.
    private static let contenders: [(who: String, name: String, style: Chart.Style)] = [
        ("limit", "C on libsqlite3", Chart.Style(color: "#333333", marker: .ring, isDashed: true)),
        ("ours", "clickhouse-writer", Chart.Style(color: "#0072b2", marker: .circle, isEmphasized: true)),
        ("grdb", "GRDB", Chart.Style(color: "#c44e00", marker: .square)),
        ("persist-queue", "persist-queue", Chart.Style(color: "#00805f", marker: .triangle)),
        ("litequeue", "litequeue", Chart.Style(color: "#a85c90", marker: .diamond)),
    ]

    private static func series(_ measured: [Results.Line]) -> [Chart.Series] {
        contenders.compactMap { contender in
            let points = measured.filter { $0.who == contender.who }.compactMap(\.point)
            return points.isEmpty ? nil : Chart.Series(name: contender.name, style: contender.style, points: points)
        }
    }
}

extension Results.Line {
    /// nil for what is not in the picture. Not every case has every figure.
    fileprivate var point: Chart.Point? {
        let prefix = "write full "
        guard `case`.hasPrefix(prefix), let tasks = Int(`case`.dropFirst(prefix.count)) else { return nil }
        return Chart.Point(tasks: tasks, rowsPerSecond: figures["rows_s"], p99: figures["p99_us"].map { $0 / 1_000 })
    }
}
