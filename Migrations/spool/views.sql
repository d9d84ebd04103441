-- The operator's questions. Made anew by every change of the schema, so they need no number.

DROP VIEW IF EXISTS spool_status;
CREATE VIEW spool_status AS
-- One row: how the spool is. It reads no record but the oldest, so it answers at once, however many there are.
SELECT
    delivery.state AS state,                -- 'fine', 'backing off', 'held' or 'poisoned', as the owner last knew
    iif(delivery.since = 0, NULL, datetime(delivery.since / 1000, 'unixepoch')) AS since,   -- of the state, UTC
    spool.records - frozen.records AS pending,      -- records not in a batch yet
    frozen.records AS in_flight,            -- records in a batch: sent or about to be, not provably accepted yet
    frozen.batches AS batches,              -- in how many
    spool.dead_letters AS dead_letters,     -- records that ClickHouse refused while it accepted their neighbours
    spool.dropped AS dropped,               -- records given up unsent, as the limits ask for, since the spool was made
    spool.last_id AS enqueued,              -- records since the spool was made, a requeued one once more
    (
        SELECT max(0, CAST(strftime('%s', 'now') AS INTEGER) - enqueued_at / 1000)
        FROM records ORDER BY id LIMIT 1
    ) AS oldest_pending_seconds,            -- age of the oldest record, pending or in flight; NULL when there is none
    spool.payload_bytes AS payload_bytes,   -- of the pending and in-flight records
    coalesce(
        delivery.reason,
        (SELECT last_error FROM batches WHERE last_error IS NOT NULL ORDER BY last_attempt_at DESC LIMIT 1)
    ) AS last_error,                        -- why the delivery is not fine, or the latest failed send failed
    delivery.database || '.' || delivery.table_name AS destination, -- in ClickHouse; NULL until it was asked
    delivery.guarantee AS guarantee,        -- what ClickHouse's table allows to promise; NULL until it was asked
    iif(spool.committed_at = 0, NULL, datetime(spool.committed_at / 1000, 'unixepoch')) AS last_commit, -- UTC
    'copy of ' || spool.copy_of || ', found ' || datetime(spool.copy_found_at / 1000, 'unixepoch')
        AS origin                           -- the spool that this file was copied from; NULL: it is no copy
FROM
    spool,
    delivery,
    (SELECT count(*) AS batches, coalesce(sum(records), 0) AS records FROM batches) AS frozen;

DROP VIEW IF EXISTS pending;
CREATE VIEW pending AS
-- The records that are in no batch yet, the oldest first. There may be millions: give a LIMIT.
SELECT
    id,
    datetime(enqueued_at / 1000, 'unixepoch') AS enqueued_at,   -- UTC
    length(CAST(payload AS BLOB)) AS bytes,
    payload                                                     -- the row as one line of JSON
FROM records
WHERE id > (SELECT coalesce(max(last_id), 0) FROM batches)
ORDER BY id;

DROP VIEW IF EXISTS in_flight;
CREATE VIEW in_flight AS
-- The batches that were sent, or are about to be, and that ClickHouse has not provably accepted yet: one row each.
SELECT
    token,                                                      -- ClickHouse's insert_deduplication_token
    records,
    payload_bytes,
    datetime(frozen_at / 1000, 'unixepoch') AS frozen_at,       -- UTC, it was not sent before
    attempts,                                                   -- sends that failed
    datetime(last_attempt_at / 1000, 'unixepoch') AS last_attempt_at,   -- UTC, when the latest of them failed
    last_error,                                                 -- and why
    first_id,                                                   -- its records are those from first_id
    last_id                                                     -- to last_id
FROM batches
ORDER BY first_id;

DROP VIEW IF EXISTS dead_letters_by_code;
CREATE VIEW dead_letters_by_code AS
-- What ClickHouse refused for good, one row an error code, the most frequent first.
SELECT
    refused.code AS code,                                       -- ClickHouse's error code
    refused.records AS records,
    datetime(refused.first_at / 1000, 'unixepoch') AS first_at, -- UTC
    datetime(refused.last_at / 1000, 'unixepoch') AS last_at,
    newest.message AS message                                   -- of the newest of them
FROM (
    SELECT code, count(*) AS records, min(dead_lettered_at) AS first_at, max(dead_lettered_at) AS last_at, max(id) AS id
    FROM dead_letters GROUP BY code
) AS refused
JOIN dead_letters AS newest ON newest.id = refused.id
ORDER BY refused.records DESC;
