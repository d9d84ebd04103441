internal import ClickHouseWriter
internal import CoreMetrics
internal import Synchronization

/// Keeps what swift-metrics is told and renders it as Prometheus text
/// (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4).
///
/// - Counters get the suffix `_total`; timers become histograms in `_seconds`; recorders become histograms of numbers.
/// - A name has one type for ever. A second one under the same name works, but is not shown.
/// - No name has more than ``seriesLimit`` label sets: those beyond it are counted together, with each label `other`.
final class PrometheusRegistry: MetricsFactory {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The most label sets of one name.
    static let seriesLimit = 500

    private struct Family {
        let type: String
        let help: String
        var series: [PrometheusLabels: any PrometheusInstrument] = [:]
    }

    private let help: [String: String]
    private let families = Mutex<[String: Family]>([:])

    /// - Parameter descriptions: of the metrics that are expected; others are shown without a help text.
    init(_ descriptions: [MetricDescription]) {
        help = Dictionary(descriptions.map { ($0.label, $0.help) }) { first, _ in first }
    }

    /// Everything there is, by name.
    func render() -> String {
        // The instruments are thread-safe, so only the list of them is taken under the lock.
        let families = families.withLock { $0 }.sorted { $0.key < $1.key }
        var text = ""
        for (name, family) in families {
            if !family.help.isEmpty { text += "# HELP \(name) \(PrometheusText.escapeHelp(family.help))\n" }
            text += "# TYPE \(name) \(family.type)\n"
            for (labels, instrument) in family.series.sorted(by: { $0.key.text < $1.key.text }) {
                instrument.write(name: name, labels: labels, to: &text)
            }
        }
        return text
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(PrometheusText.counterName(label), label, dimensions, type: "counter") { PrometheusCounter() }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(PrometheusText.name(label), label, dimensions, type: "gauge") { PrometheusGauge() }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let name = PrometheusText.name(label)
        guard aggregate else {
            return instrument(name, label, dimensions, type: "gauge") { PrometheusGauge() }
        }
        return instrument(name, label, dimensions, type: "histogram") {
            PrometheusHistogram(bounds: PrometheusHistogram.numbers)
        }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(PrometheusText.name(label) + "_seconds", label, dimensions, type: "histogram") {
            PrometheusHistogram(bounds: PrometheusHistogram.seconds)
        }
    }

    // What was counted stays: a scraper would take what comes back for a restart.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    private func instrument<Instrument: PrometheusInstrument>(
        _ name: String,
        _ label: String,
        _ dimensions: [(String, String)],
        type: String,
        _ make: () -> Instrument
    ) -> Instrument {
        families.withLock { families in
            var family = families[name] ?? Family(type: type, help: help[label] ?? "")
            guard family.type == type else { return make() }
            var labels = PrometheusLabels(dimensions)
            if family.series[labels] == nil, family.series.count >= Self.seriesLimit {
                labels = PrometheusLabels(dimensions.map { ($0.0, "other") })
            }
            if let known = family.series[labels] as? Instrument { return known }
            let instrument = make()
            family.series[labels] = instrument
            families[name] = family
            return instrument
        }
    }
}
