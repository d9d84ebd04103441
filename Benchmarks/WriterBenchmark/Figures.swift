import Foundation

/// What one run of one case has shown.
struct Figures {
    var rowsPerSecond: Double
    /// Microseconds, as the next two.
    var p50: Double
    var p99: Double
    var p999: Double
    /// Processor time of a row, in nanoseconds; nil where it was not measured.
    var processorTime: Double?

    /// The median of each figure by itself.
    static func median(_ runs: [Figures]) -> Figures {
        Figures(
            rowsPerSecond: runs.map(\.rowsPerSecond).median,
            p50: runs.map(\.p50).median,
            p99: runs.map(\.p99).median,
            p999: runs.map(\.p999).median,
            processorTime: runs.allSatisfy { $0.processorTime != nil } ? runs.compactMap(\.processorTime).median : nil
        )
    }
}

extension Figures {
    /// - Parameter latencies: of each row, or of what several rows were done in.
    init(latencies: [Duration], rows: Int, in duration: Duration, processorTime: Duration? = nil) {
        let sorted = latencies.sorted()
        func microseconds(_ quantile: Double) -> Double {
            sorted.isEmpty
                ? 0 : sorted[min(sorted.count - 1, Int(Double(sorted.count) * quantile))] / .microseconds(1)
        }
        self.init(
            rowsPerSecond: Double(rows) / (duration / .seconds(1)),
            p50: microseconds(0.5),
            p99: microseconds(0.99),
            p999: microseconds(0.999),
            processorTime: processorTime.map { $0 / .nanoseconds(1) / Double(max(rows, 1)) }
        )
    }
}

extension [Double] {
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = self.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

/// What a process has used of the processors so far.
func processorTime() -> Duration {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(.zero) {
        $0 + .seconds($1.tv_sec) + .microseconds(Int64($1.tv_usec))
    }
}

/// `results.json`: one line a case and who was measured.
struct ResultsFile {
    private struct Entry: Encodable {
        var `case`: String
        var who: String
        var rows_s: Double
        var p50_us: Double
        var p99_us: Double
        var p999_us: Double
        var cpu_ns: Double?
    }

    private var entries: [Entry] = []

    mutating func add(_ name: String, _ who: String, _ figures: Figures) {
        func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
        entries.append(
            Entry(
                case: name,
                who: who,
                rows_s: figures.rowsPerSecond.rounded(),
                p50_us: rounded(figures.p50),
                p99_us: rounded(figures.p99),
                p999_us: rounded(figures.p999),
                cpu_ns: figures.processorTime?.rounded()
            )
        )
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let lines = try entries.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
        try Data("[\n\(lines.joined(separator: ",\n"))\n]\n".utf8).write(to: URL(filePath: path))
    }
}
