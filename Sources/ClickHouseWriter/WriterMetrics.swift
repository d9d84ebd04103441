internal import ClickHouseHTTP
internal import Metrics
internal import SQLiteSpool

/// Every metric of a writer. All carry the dimension `table`.
struct WriterMetrics: Sendable {
    /// `clickhouse_writer_records_enqueued`: records that `write` committed.
    private let enqueued: Counter
    /// `clickhouse_writer_records_delivered`: records that ClickHouse provably has and the spool let go.
    private let delivered: Counter
    /// `clickhouse_writer_records_undelivered`: records in the spool, pending or in flight, after each send.
    private let undelivered: Gauge
    /// `clickhouse_writer_send_duration`: time of one request, whatever its outcome.
    private let sendDuration: Timer
    /// `clickhouse_writer_send_failures`: requests that were not accepted, by `kind`.
    private let failures: [InsertFailure.Kind: Counter]
    /// `clickhouse_writer_delivery_state`: 1 for the `state` that holds (fine, backing off, held, poisoned), else 0.
    private let states: [DeliveryNote.State: Gauge]
    /// `clickhouse_writer_records_dropped`: records that were given up unsent, by `reason` (full, age).
    private let dropped: [SpoolEvent.DropReason: Counter]
    /// `clickhouse_writer_spool_bytes`: bytes of the spool's files that are in use.
    private let spoolBytes: Gauge
    /// `clickhouse_writer_wal_bytes`: bytes of the spool's WAL that are not moved into its database yet.
    private let walBytes: Gauge
    /// `clickhouse_writer_wal_held`: 1 while a reader keeps the WAL from being moved, else 0.
    private let walHeld: Gauge
    private let table: [(String, String)]

    init(table name: String) {
        let table = [("table", name)]
        self.table = table
        enqueued = Counter(label: "clickhouse_writer_records_enqueued", dimensions: table)
        delivered = Counter(label: "clickhouse_writer_records_delivered", dimensions: table)
        undelivered = Gauge(label: "clickhouse_writer_records_undelivered", dimensions: table)
        sendDuration = Timer(label: "clickhouse_writer_send_duration", dimensions: table)
        failures = Self.byCase { kind in
            Counter(label: "clickhouse_writer_send_failures", dimensions: table + [("kind", kind.rawValue)])
        }
        states = Self.byCase { state in
            Gauge(label: "clickhouse_writer_delivery_state", dimensions: table + [("state", state.rawValue)])
        }
        dropped = Self.byCase { reason in
            Counter(label: "clickhouse_writer_records_dropped", dimensions: table + [("reason", reason.rawValue)])
        }
        spoolBytes = Gauge(label: "clickhouse_writer_spool_bytes", dimensions: table)
        walBytes = Gauge(label: "clickhouse_writer_wal_bytes", dimensions: table)
        walHeld = Gauge(label: "clickhouse_writer_wal_held", dimensions: table)
        recordState(.fine)
        recordWALHeld(false)
    }

    func recordDropped(_ records: Int, _ reason: SpoolEvent.DropReason) {
        dropped[reason]?.increment(by: records)
    }

    func recordUsage(_ usage: SpoolUsage) {
        spoolBytes.record(usage.bytesInUse)
        walBytes.record(usage.walBytes)
    }

    func recordWALHeld(_ isHeld: Bool) {
        walHeld.record(isHeld ? 1 : 0)
    }

    func recordEnqueued(_ records: Int) {
        enqueued.increment(by: records)
    }

    func recordUndelivered(_ records: Int) {
        undelivered.record(records)
    }

    func recordDelivered(_ records: Int, left: Int) {
        delivered.increment(by: records)
        recordUndelivered(left)
    }

    /// `clickhouse_writer_dead_letters`: records set aside, by ClickHouse's `code`.
    func recordDeadLetter(code: Int?) {
        let dimensions = table + [("code", code.map(String.init) ?? "none")]
        Counter(label: "clickhouse_writer_dead_letters", dimensions: dimensions).increment()
    }

    func recordSend(_ outcome: InsertOutcome, duration: Duration) {
        sendDuration.record(duration: duration)
        if case .failed(let failure) = outcome { failures[failure.kind]?.increment() }
    }

    func recordState(_ current: DeliveryNote.State) {
        for (state, gauge) in states { gauge.record(state == current ? 1 : 0) }
    }

    private static func byCase<Case: CaseIterable & Hashable, Metric>(_ make: (Case) -> Metric) -> [Case: Metric] {
        Dictionary(uniqueKeysWithValues: Case.allCases.map { ($0, make($0)) })
    }
}
