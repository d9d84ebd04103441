import Foundation

/// What one run of one case has shown.
struct Figures {
    var rowsPerSecond: Double
    /// Microseconds, as the next two; nil, as is the last, where it was not measured.
    var p50: Double?
    var p99: Double?
    var p999: Double?
    /// Processor time of a row, in nanoseconds.
    var processorTime: Double?

    /// The median of each figure by itself.
    static func median(_ runs: [Figures]) -> Figures {
        func median(_ figure: KeyPath<Figures, Double?>) -> Double? {
            let values = runs.compactMap { $0[keyPath: figure] }
            return values.isEmpty ? nil : values.median
        }
        return Figures(
            rowsPerSecond: runs.map(\.rowsPerSecond).median,
            p50: median(\.p50),
            p99: median(\.p99),
            p999: median(\.p999),
            processorTime: median(\.processorTime)
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
