-- The operator's questions. Made anew by every change of the schema, so they need no number.

-- One row. pending: not sent yet; in_flight: sent or about to be, not accepted yet. The age is that of the oldest record
-- of either kind, NULL when there is none.
DROP VIEW IF EXISTS spool_status;
CREATE VIEW spool_status AS
SELECT
    delivery.state AS state,
    spool.records - frozen.records AS pending,
    frozen.records AS in_flight,
    spool.dead_letters AS dead_letters,
    spool.dropped AS dropped,
    (
        SELECT max(0, CAST(strftime('%s', 'now') AS INTEGER) - enqueued_at / 1000)
        FROM records ORDER BY id LIMIT 1
    ) AS oldest_pending_seconds,
    spool.payload_bytes AS payload_bytes,
    coalesce(
        delivery.reason,
        (SELECT last_error FROM batches WHERE last_error IS NOT NULL ORDER BY last_attempt_at DESC LIMIT 1)
    ) AS last_error,
    delivery.guarantee AS guarantee
FROM spool, delivery, (SELECT coalesce(sum(records), 0) AS records FROM batches) AS frozen;
