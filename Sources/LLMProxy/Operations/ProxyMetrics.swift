internal import ClickHouseWriter
internal import CoreMetrics
internal import Foundation
internal import Metrics

/// The proxy's own metrics, beside the writer's: what each is, and when it is recorded, is said in ``descriptions``.
struct ProxyMetrics: Sendable {
    static let descriptions = [requests, requestDuration, tracesLost, startTime]

    private static let requests = MetricDescription(
        .counter,
        "llm_proxy_requests",
        by: ["code"],
        "Requests whose response is over, by its HTTP status; 499 is a client that did not wait."
    )
    private static let requestDuration = MetricDescription(
        .timer,
        "llm_proxy_request_duration",
        by: [],
        "Time of a request, from its head to the end of its response."
    )
    private static let tracesLost = MetricDescription(
        .counter,
        "llm_proxy_traces_lost",
        by: [],
        "Traces that could not be stored: the spool was full, had failed or was too slow."
    )
    private static let startTime = MetricDescription(
        .gauge,
        "process_start_time_seconds",
        by: [],
        "When the process started, in seconds since 1970."
    )

    private let factory: any MetricsFactory
    private let requestTimer: Timer
    private let lostCounter: Counter

    init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
        requestTimer = Timer(label: Self.requestDuration.label, factory: factory)
        lostCounter = Counter(label: Self.tracesLost.label, factory: factory)
        Gauge(label: Self.startTime.label, factory: factory).record(Date().timeIntervalSince1970)
    }

    /// - Parameter status: what the provider said, which may be any number.
    func recordRequest(status: UInt16, duration: Duration) {
        let code = (100...599).contains(status) ? String(status) : "other"
        Counter(label: Self.requests.label, dimensions: [("code", code)], factory: factory).increment()
        requestTimer.record(duration: duration)
    }

    func recordTraceLost() {
        lostCounter.increment()
    }
}
