internal import CoreMetrics
internal import Synchronization

/// One series: what its values are, and how it is written.
protocol PrometheusInstrument: AnyObject, Sendable {
    func write(name: String, labels: PrometheusLabels, to text: inout String)
}

final class PrometheusCounter: PrometheusInstrument, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        // A counter only grows.
        if amount > 0 { value.wrappingAdd(amount, ordering: .relaxed) }
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    func write(name: String, labels: PrometheusLabels, to text: inout String) {
        text += "\(name)\(labels.braced()) \(value.load(ordering: .relaxed))\n"
    }
}

final class PrometheusGauge: PrometheusInstrument, RecorderHandler, MeterHandler {
    private let value = Mutex(0.0)

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }

    func write(name: String, labels: PrometheusLabels, to text: inout String) {
        text += "\(name)\(labels.braced()) \(PrometheusText.number(value.withLock(\.self)))\n"
    }
}

/// A distribution over fixed buckets.
final class PrometheusHistogram: PrometheusInstrument, RecorderHandler, TimerHandler {
    /// From a commit of a fast disk to a batch that an outage of half an hour kept.
    static let seconds: [Double] = [
        0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
        300,
        1_800,
    ]
    static let numbers: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]

    private struct State {
        /// For each bound those above the one before it; then those above all.
        var counts: [Int64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: the greatest value of each bucket, ascending.
    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { observe(Double(value)) }
    func record(_ value: Double) { observe(value) }
    func recordNanoseconds(_ duration: Int64) { observe(Double(duration) / 1e9) }

    private func observe(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func write(name: String, labels: PrometheusLabels, to text: inout String) {
        let state = state.withLock(\.self)
        var count: Int64 = 0
        for (bound, inBucket) in zip(bounds + [.infinity], state.counts) {
            count += inBucket
            text += "\(name)_bucket\(labels.braced(adding: "le=\"\(PrometheusText.number(bound))\"")) \(count)\n"
        }
        text += "\(name)_sum\(labels.braced()) \(PrometheusText.number(state.sum))\n"
        text += "\(name)_count\(labels.braced()) \(count)\n"
    }
}
