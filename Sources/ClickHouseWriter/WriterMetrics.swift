internal import ClickHouseHTTP
internal import Metrics

/// Every metric of a writer. All carry the dimension `table`.
struct WriterMetrics: Sendable {
    /// `clickhouse_writer_records_enqueued`: records that `write` committed.
    private let enqueued: Counter
    /// `clickhouse_writer_records_delivered`: records that ClickHouse provably accepted and the spool let go.
    private let delivered: Counter
    /// `clickhouse_writer_records_undelivered`: records in the spool, pending or in flight, after each send.
    private let undelivered: Gauge
    /// `clickhouse_writer_send_duration`: time of one request, whatever its outcome.
    private let sendDuration: Timer
    /// `clickhouse_writer_send_failures`: requests that were not accepted, by `kind`.
    private let failures: [InsertFailure.Kind: Counter]

    init(table: String) {
        let table = [("table", table)]
        enqueued = Counter(label: "clickhouse_writer_records_enqueued", dimensions: table)
        delivered = Counter(label: "clickhouse_writer_records_delivered", dimensions: table)
        undelivered = Gauge(label: "clickhouse_writer_records_undelivered", dimensions: table)
        sendDuration = Timer(label: "clickhouse_writer_send_duration", dimensions: table)
        let kinds: [InsertFailure.Kind] = [.transient, .outcomeUnknown, .data, .destination]
        failures = Dictionary(
            uniqueKeysWithValues: kinds.map { kind in
                let dimensions = table + [("kind", kind.rawValue)]
                return (kind, Counter(label: "clickhouse_writer_send_failures", dimensions: dimensions))
            }
        )
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

    func recordSend(_ outcome: InsertOutcome, duration: Duration) {
        sendDuration.record(duration: duration)
        if case .failed(let failure) = outcome { failures[failure.kind]?.increment() }
    }
}
