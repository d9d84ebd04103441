/// Every metric of a writer, and when it is recorded. All carry the dimension `table`.
///
/// Gauges are refreshed once a second, and so are true also while nothing is written or sent.
extension WriterMetrics {
    package static let descriptions: [MetricDescription] = [
        pending, inFlight, batchesInFlight, payloadBytes, oldestAge, deadLetters, spoolBytes, spoolLimitBytes, walBytes,
        walHeld, spoolState, deliveryState, enqueued, delivered, deadLettered, dropped, sendFailures, sendDuration,
        flushDuration, batchRecords, commitDuration, commitRecords,
    ]

    // MARK: What waits

    static let pending = gauge(
        "records_pending",
        "Records in the spool that are in no batch yet; refreshed every second."
    )
    static let inFlight = gauge(
        "records_in_flight",
        "Records in batches that ClickHouse has not provably accepted yet; refreshed every second."
    )
    static let batchesInFlight = gauge(
        "batches_in_flight",
        "Batches that were frozen and that ClickHouse has not provably accepted yet; refreshed every second."
    )
    static let payloadBytes = gauge(
        "payload_bytes",
        "Bytes of the rows of all pending and in-flight records; refreshed every second."
    )
    static let oldestAge = gauge(
        "oldest_record_age_seconds",
        "How long the oldest record in the spool has waited, 0 when there is none; refreshed every second."
    )
    static let deadLetters = gauge(
        "dead_letters",
        "Records in the spool that were set aside because ClickHouse refuses them, or damaged; refreshed every second."
    )

    // MARK: The spool

    static let spoolBytes = gauge("spool_bytes", "Bytes of the spool's files that are in use; refreshed every second.")
    static let spoolLimitBytes = gauge(
        "spool_limit_bytes",
        "Bytes that the spool may use; set when the writer is made."
    )
    static let walBytes = gauge(
        "wal_bytes",
        "Bytes of the spool's WAL that are not moved into its database yet; refreshed every second."
    )
    static let walHeld = gauge(
        "wal_held",
        "1 while a reader keeps the spool's WAL from being moved, else 0; recorded when that changes."
    )
    static let spoolState = gauge(
        "spool_state",
        by: ["state"],
        "1 for the state that the spool is in (fine, full, stalled, displaced, failed, damaged), else 0; recorded when it changes."
    )
    static let commitDuration = timer(
        "commit_duration",
        "Time of one commit of the spool, its sync to the disk included; recorded after each."
    )
    static let commitRecords = recorder(
        "commit_records",
        "Records that one commit stored; recorded after each that stored any."
    )

    // MARK: What comes and goes

    static let enqueued = counter("records_enqueued", "Records that write committed to the spool.")
    static let delivered = counter(
        "records_delivered",
        "Records that ClickHouse provably has and the spool let go."
    )
    static let deadLettered = counter(
        "records_dead_lettered",
        by: ["code"],
        "Records that became dead letters, by ClickHouse's error code, or \"damaged\": found damaged on the disk while running."
    )
    static let dropped = counter(
        "records_dropped",
        by: ["reason"],
        "Records that were given up unsent, as the limits ask for (full, age)."
    )

    // MARK: The delivery

    static let deliveryState = gauge(
        "delivery_state",
        by: ["state"],
        "1 for how the delivery goes (fine, backing off, held, poisoned), else 0; recorded when it changes."
    )
    static let sendFailures = counter(
        "send_failures",
        by: ["kind", "code"],
        "Requests that were not accepted, by their class and ClickHouse's error code (none: there was none)."
    )
    static let sendDuration = timer("send_duration", "Time of one INSERT request, whatever its outcome.")
    static let flushDuration = timer(
        "flush_duration",
        "Time from freezing a batch, or cutting it from another, to having let its records go as delivered."
    )
    static let batchRecords = recorder("batch_records", "Records of one INSERT request, whatever its outcome.")

    private static func gauge(_ name: String, by dimensions: [String] = [], _ help: String) -> MetricDescription {
        describe(.gauge, name, dimensions, help)
    }

    private static func counter(_ name: String, by dimensions: [String] = [], _ help: String) -> MetricDescription {
        describe(.counter, name, dimensions, help)
    }

    private static func timer(_ name: String, _ help: String) -> MetricDescription {
        describe(.timer, name, [], help)
    }

    private static func recorder(_ name: String, _ help: String) -> MetricDescription {
        describe(.recorder, name, [], help)
    }

    private static func describe(
        _ kind: MetricDescription.Kind,
        _ name: String,
        _ dimensions: [String],
        _ help: String
    ) -> MetricDescription {
        MetricDescription(kind, "clickhouse_writer_\(name)", by: ["table"] + dimensions, help)
    }
}
