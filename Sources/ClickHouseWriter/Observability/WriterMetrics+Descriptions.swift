extension WriterMetrics {
    /// Every metric of a writer, and when it is recorded.
    package static let descriptions = listing.split(separator: "\n").map { line in
        let parts = line.split(separator: ": ", maxSplits: 1)
        let words = parts[0].split(separator: " ").map(String.init)
        guard parts.count == 2, words.count >= 2, let kind = MetricDescription.Kind(rawValue: words[0]) else {
            preconditionFailure("no metric: \(line)")
        }
        return MetricDescription(kind, prefix + words[1], by: ["table"] + words.dropFirst(2), String(parts[1]))
    }

    static let prefix = "clickhouse_writer_"
}

/// One line each: kind, name, the dimensions besides `table`, and what it counts or measures. Gauges that are refreshed every
/// second are true also while nothing is written or sent.
private let listing = """
    gauge records_pending: Records in the spool that are in no batch yet; refreshed every second.
    gauge records_in_flight: Records in batches that ClickHouse has not provably accepted yet; refreshed every second.
    gauge batches_in_flight: Batches that were frozen and that ClickHouse has not provably accepted yet; refreshed \
    every second.
    gauge payload_bytes: Bytes of the rows of all pending and in-flight records; refreshed every second.
    gauge oldest_record_age_seconds: How long the oldest record in the spool has waited, 0 when there is none; \
    refreshed every second.
    gauge dead_letters: Records in the spool that were set aside because ClickHouse refuses them, or damaged; \
    refreshed every second.
    gauge spool_bytes: Bytes of the spool's files that are in use; refreshed every second.
    gauge spool_limit_bytes: Bytes that the spool may use; set when the writer is made.
    gauge wal_bytes: Bytes of the spool's WAL that are not moved into its database yet; refreshed every second.
    gauge wal_held: 1 while a reader keeps the spool's WAL from being moved, else 0; recorded when that changes.
    gauge spool_state state: 1 for the state that the spool is in (fine, full, stalled, displaced, failed, damaged), \
    else 0; recorded when it changes.
    gauge delivery_state state: 1 for how the delivery goes (fine, backing off, held, poisoned), else 0; recorded when \
    it changes.
    counter records_enqueued: Records that write committed to the spool.
    counter records_delivered: Records that ClickHouse provably has and the spool let go.
    counter records_sharing_identity: Records in doubt whose identity another record of their batch has too, or more than \
    one row of the table.
    counter records_dead_lettered code: Records that became dead letters, by ClickHouse's error code, or "damaged": \
    found damaged on the disk while running.
    counter records_dropped reason: Records that were given up unsent, as the limits ask for (full, age).
    counter send_failures kind code: Requests that were not accepted, by their class and ClickHouse's error code \
    (none: there was none).
    timer send_duration: Time of one INSERT request, whatever its outcome.
    timer flush_duration: Time from freezing a batch, or cutting it from another, to having let its records go as \
    delivered.
    recorder batch_records: Records of one INSERT request, whatever its outcome.
    timer commit_duration: Time of one commit of the spool, its sync to the disk included; recorded after each.
    recorder commit_records: Records that one commit stored; recorded after each that stored any.
    """
