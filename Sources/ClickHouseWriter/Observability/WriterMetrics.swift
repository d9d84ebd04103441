internal import ClickHouseHTTP
internal import CoreMetrics
internal import Metrics
internal import SQLiteSpool

/// The metrics of a writer: what each is, and when it is recorded, is said in ``descriptions``.
///
/// They go to the factory that is in force when the writer is made. Nothing is looked up, and nothing but the handlers
/// takes a lock, where records come in.
package struct WriterMetrics: Sendable {
    private let maker: Maker
    private let gauges: [String: Gauge]
    private let spoolStates: [SpoolHealth.State: Gauge]
    private let deliveryStates: [DeliveryReport.State: Gauge]
    private let droppedCounters: [SpoolEvent.DropReason: Counter]
    private let enqueuedCounter, deliveredCounter, sharedCounter: Counter
    private let sendTimer, flushTimer, commitTimer: Timer
    private let batchRecorder, commitRecorder: Recorder

    /// - Parameter name: of the table, with its database.
    init(table name: String, spoolLimitBytes: Int, factory: any MetricsFactory = MetricsSystem.factory) {
        let maker = Maker(factory: factory, table: name)
        self.maker = maker
        let plain = Self.descriptions.filter { $0.kind == .gauge && $0.dimensions == ["table"] }
            .map { String($0.label.dropFirst(Self.prefix.count)) }
        gauges = maker.each(plain, by: \.self) { maker.gauge($0) }
        spoolStates = maker.each(SpoolHealth.State.allCases, by: \.label) { maker.gauge("spool_state", $0) }
        deliveryStates = maker.each(DeliveryReport.State.allCases, by: \.rawValue) { maker.gauge("delivery_state", $0) }
        enqueuedCounter = maker.counter("records_enqueued")
        deliveredCounter = maker.counter("records_delivered")
        sharedCounter = maker.counter("records_sharing_identity")
        droppedCounters = maker.each(SpoolEvent.DropReason.allCases, by: \.rawValue) {
            maker.counter("records_dropped", $0)
        }
        sendTimer = maker.timer("send_duration")
        flushTimer = maker.timer("flush_duration")
        batchRecorder = maker.recorder("batch_records")
        commitTimer = maker.timer("commit_duration")
        commitRecorder = maker.recorder("commit_records")
        record("spool_limit_bytes", spoolLimitBytes)
        recordWALHeld(false)
        recordSpool(.sound)
        recordDelivery(.fine)
    }

    /// - Parameter oldestAge: of the oldest record in the spool; zero when there is none.
    func recordDepth(_ summary: SpoolSummary, batches: Int, usage: SpoolUsage, oldestAge: Duration) {
        record("records_pending", summary.pending)
        record("records_in_flight", summary.inFlight)
        record("batches_in_flight", batches)
        record("payload_bytes", summary.payloadBytes)
        record("oldest_record_age_seconds", oldestAge.inSeconds)
        record("dead_letters", summary.deadLetters)
        record("spool_bytes", usage.bytesInUse)
        record("wal_bytes", usage.walBytes)
    }

    func recordWALHeld(_ isHeld: Bool) {
        record("wal_held", isHeld ? 1 : 0)
    }

    private func record(_ name: String, _ value: Int) { record(name, Double(value)) }

    private func record(_ name: String, _ value: Double) {
        guard let gauge = gauges[name] else { preconditionFailure("no gauge \(name)") }
        gauge.record(value)
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
        maker.counter("send_failures", failure.kind.rawValue, Self.name(of: failure.code)).increment()
    }

    /// - Parameter duration: since a batch of them was frozen; nil when only some of its records are gone.
    func recordDelivered(_ records: Int, in duration: Duration?) {
        deliveredCounter.increment(by: records)
        if let duration { flushTimer.record(duration: max(.zero, duration)) }
    }

    func recordSharedIdentities(_ records: Int) {
        sharedCounter.increment(by: records)
    }

    func recordDeadLetter(code: Int?) {
        maker.counter("records_dead_lettered", Self.name(of: code)).increment()
    }

    func recordDamaged(_ records: Int) {
        maker.counter("records_dead_lettered", "damaged").increment(by: records)
    }

    /// A server that makes codes up must not make metrics without end.
    private static func name(of code: Int?) -> String {
        guard let code else { return "none" }
        return ExceptionCode.isKnown(code) ? String(code) : "other"
    }
}

private struct Maker {
    let factory: any MetricsFactory
    let table: String

    func counter(_ name: String, _ values: String...) -> Counter {
        Counter(label: label(name), dimensions: dimensions(name, values), factory: factory)
    }

    func gauge(_ name: String, _ values: String...) -> Gauge {
        Gauge(label: label(name), dimensions: dimensions(name, values), factory: factory)
    }

    func timer(_ name: String) -> Timer {
        Timer(label: label(name), dimensions: dimensions(name, []), factory: factory)
    }

    func recorder(_ name: String) -> Recorder {
        Recorder(label: label(name), dimensions: dimensions(name, []), aggregate: true, factory: factory)
    }

    func each<Case: Hashable, Metric>(
        _ cases: some Sequence<Case>,
        by name: (Case) -> String,
        _ make: (String) -> Metric
    ) -> [Case: Metric] {
        Dictionary(uniqueKeysWithValues: cases.map { ($0, make(name($0))) })
    }

    private func label(_ name: String) -> String { WriterMetrics.prefix + name }

    private func dimensions(_ name: String, _ values: [String]) -> [(String, String)] {
        guard let metric = WriterMetrics.descriptions.first(where: { $0.label == label(name) }) else {
            preconditionFailure("no metric \(name)")
        }
        return Array(zip(metric.dimensions, [table] + values))
    }
}

extension SpoolHealth.State {
    /// As a label, which is older than the state's own name.
    fileprivate var label: String { self == .sound ? "fine" : rawValue }
}
