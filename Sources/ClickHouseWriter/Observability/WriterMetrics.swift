internal import ClickHouseHTTP
internal import CoreMetrics
internal import Metrics
internal import SQLiteSpool

/// The metrics of a writer: what each is, and when it is recorded, is said in ``descriptions``.
///
/// They go to the factory that is in force when the writer is made. Nothing is looked up, and nothing but the handlers
/// takes a lock, where records come in.
package struct WriterMetrics: Sendable {
    private let factory: any MetricsFactory
    private let table: String

    private let depths: Depths
    private let walHeldGauge: Gauge
    private let spoolStates: [SpoolHealth.State: Gauge]
    private let deliveryStates: [DeliveryReport.State: Gauge]
    private let enqueuedCounter: Counter
    private let deliveredCounter: Counter
    private let droppedCounters: [SpoolEvent.DropReason: Counter]
    private let sendTimer: Timer
    private let flushTimer: Timer
    private let batchRecorder: Recorder
    private let commitTimer: Timer
    private let commitRecorder: Recorder

    private struct Depths: Sendable {
        let pending, inFlight, batches, payloadBytes, oldestAge, deadLetters, spoolBytes, walBytes: Gauge
    }

    /// - Parameters:
    ///   - name: of the table, with its database.
    ///   - spoolLimitBytes: what the spool may use.
    init(table name: String, spoolLimitBytes: Int, factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
        table = name
        let maker = Maker(factory: factory, table: name)
        depths = Depths(
            pending: maker.gauge(Self.pending),
            inFlight: maker.gauge(Self.inFlight),
            batches: maker.gauge(Self.batchesInFlight),
            payloadBytes: maker.gauge(Self.payloadBytes),
            oldestAge: maker.gauge(Self.oldestAge),
            deadLetters: maker.gauge(Self.deadLetters),
            spoolBytes: maker.gauge(Self.spoolBytes),
            walBytes: maker.gauge(Self.walBytes)
        )
        maker.gauge(Self.spoolLimitBytes).record(spoolLimitBytes)
        walHeldGauge = maker.gauge(Self.walHeld)
        spoolStates = maker.each(SpoolHealth.State.allCases, by: \.label) { maker.gauge(Self.spoolState, $0) }
        deliveryStates = maker.each(DeliveryReport.State.allCases, by: \.rawValue) {
            maker.gauge(Self.deliveryState, $0)
        }
        enqueuedCounter = maker.counter(Self.enqueued)
        deliveredCounter = maker.counter(Self.delivered)
        droppedCounters = maker.each(SpoolEvent.DropReason.allCases, by: \.rawValue) {
            maker.counter(Self.dropped, $0)
        }
        sendTimer = maker.timer(Self.sendDuration)
        flushTimer = maker.timer(Self.flushDuration)
        batchRecorder = maker.recorder(Self.batchRecords)
        commitTimer = maker.timer(Self.commitDuration)
        commitRecorder = maker.recorder(Self.commitRecords)
        recordWALHeld(false)
        recordSpool(.sound)
        recordDelivery(.fine)
    }

    /// - Parameters:
    ///   - batches: in flight.
    ///   - oldestAge: of the oldest record in the spool; zero when there is none.
    func recordDepth(_ summary: SpoolSummary, batches: Int, usage: SpoolUsage, oldestAge: Duration) {
        depths.pending.record(summary.pending)
        depths.inFlight.record(summary.inFlight)
        depths.batches.record(batches)
        depths.payloadBytes.record(summary.payloadBytes)
        depths.oldestAge.record(oldestAge.inSeconds)
        depths.deadLetters.record(summary.deadLetters)
        depths.spoolBytes.record(usage.bytesInUse)
        depths.walBytes.record(usage.walBytes)
    }

    func recordWALHeld(_ isHeld: Bool) {
        walHeldGauge.record(isHeld ? 1 : 0)
    }

    func recordSpool(_ current: SpoolHealth.State) {
        for (state, gauge) in spoolStates { gauge.record(state == current ? 1 : 0) }
    }

    func recordDelivery(_ current: DeliveryReport.State) {
        for (state, gauge) in deliveryStates { gauge.record(state == current ? 1 : 0) }
    }

    func recordEnqueued(_ records: Int) {
        enqueuedCounter.increment(by: records)
    }

    func recordCommit(_ commit: SpoolCommit) {
        commitTimer.record(duration: commit.duration)
        if commit.records > 0 { commitRecorder.record(commit.records) }
    }

    func recordDropped(_ records: Int, _ reason: SpoolEvent.DropReason) {
        droppedCounters[reason]?.increment(by: records)
    }

    func recordSend(_ outcome: InsertOutcome, records: Int, duration: Duration) {
        sendTimer.record(duration: duration)
        batchRecorder.record(records)
        guard case .failed(let failure) = outcome else { return }
        Maker(factory: factory, table: table)
            .counter(Self.sendFailures, failure.kind.rawValue, Self.name(of: failure.code))
            .increment()
    }

    /// - Parameter duration: since a batch of them was frozen; nil when only some of its records are gone.
    func recordDelivered(_ records: Int, in duration: Duration?) {
        deliveredCounter.increment(by: records)
        if let duration { flushTimer.record(duration: max(.zero, duration)) }
    }

    func recordDeadLetter(code: Int?) {
        Maker(factory: factory, table: table).counter(Self.deadLettered, Self.name(of: code)).increment()
    }

    func recordDamaged(_ records: Int) {
        Maker(factory: factory, table: table).counter(Self.deadLettered, "damaged").increment(by: records)
    }

    /// A server that makes codes up must not make metrics without end.
    private static func name(of code: Int?) -> String {
        guard let code else { return "none" }
        return ExceptionCode.isKnown(code) ? String(code) : "other"
    }
}

/// Makes what is described, with the values of its dimensions.
private struct Maker {
    let factory: any MetricsFactory
    let table: String

    func counter(_ metric: MetricDescription, _ values: String...) -> Counter {
        Counter(label: metric.label, dimensions: dimensions(metric, values), factory: factory)
    }

    func gauge(_ metric: MetricDescription, _ values: String...) -> Gauge {
        Gauge(label: metric.label, dimensions: dimensions(metric, values), factory: factory)
    }

    func timer(_ metric: MetricDescription) -> Timer {
        Timer(label: metric.label, dimensions: dimensions(metric, []), factory: factory)
    }

    func recorder(_ metric: MetricDescription) -> Recorder {
        Recorder(label: metric.label, dimensions: dimensions(metric, []), aggregate: true, factory: factory)
    }

    func each<Case: Hashable, Metric>(
        _ cases: some Sequence<Case>,
        by name: (Case) -> String,
        _ make: (String) -> Metric
    ) -> [Case: Metric] {
        Dictionary(uniqueKeysWithValues: cases.map { ($0, make(name($0))) })
    }

    private func dimensions(_ metric: MetricDescription, _ values: [String]) -> [(String, String)] {
        Array(zip(metric.dimensions, [table] + values))
    }
}

extension SpoolHealth.State {
    /// As a label, which is older than the state's own name.
    fileprivate var label: String { self == .sound ? "fine" : rawValue }
}
