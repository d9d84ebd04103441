-- How the delivery goes and what the destination guarantees, for who looks at the spool from outside.

CREATE TABLE delivery (
    -- One row: how the delivery goes. It is as old as its last change: a killed writer leaves what it last knew.
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    state     TEXT NOT NULL,    -- 'fine', 'backing off', 'held' or 'poisoned'
    reason    TEXT,             -- why it is not fine
    since     INTEGER NOT NULL, -- when the state began
    guarantee TEXT              -- what ClickHouse's table allows to promise; NULL until it was asked
) STRICT;
INSERT INTO delivery VALUES (1, 'fine', NULL, 0, NULL);

-- Replaced by the one in views.sql.
DROP VIEW spool_status;
CREATE VIEW spool_status AS
SELECT
    delivery.state AS state,
    spool.records - frozen.records AS pending,
    frozen.records AS in_flight,
    spool.dead_letters AS dead_letters,
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
