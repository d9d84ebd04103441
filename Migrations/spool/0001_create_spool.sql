-- The spool: records on their way to ClickHouse, in the order in which they were enqueued.
-- Read it at any time with `sqlite3 -readonly`. Only the process that owns the spool writes to it.
-- Every time is in milliseconds since 1970-01-01 UTC.

-- The records that ClickHouse has not provably accepted yet.
CREATE TABLE records (
    id          INTEGER PRIMARY KEY,    -- grows by one a record, is never reused
    enqueued_at INTEGER NOT NULL,
    payload     TEXT NOT NULL           -- the row as one line of JSON
) STRICT;

-- Batches in flight. A batch is committed here before it is first sent and never changes afterwards:
-- its token always stands for exactly the records first_id to last_id, byte for byte.
CREATE TABLE batches (
    first_id        INTEGER PRIMARY KEY,
    last_id         INTEGER NOT NULL CHECK (last_id >= first_id),
    token           TEXT NOT NULL,      -- ClickHouse's insert_deduplication_token
    records         INTEGER NOT NULL,
    payload_bytes   INTEGER NOT NULL,
    frozen_at       INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,     -- sends that failed
    last_attempt_at INTEGER,
    last_error      TEXT                -- why the latest send failed
) STRICT;

-- Records that ClickHouse refused while it accepted their neighbours.
CREATE TABLE dead_letters (
    id               INTEGER PRIMARY KEY,   -- the record's
    enqueued_at      INTEGER NOT NULL,
    payload          TEXT NOT NULL,
    code             INTEGER,               -- ClickHouse's error code
    message          TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    dead_lettered_at INTEGER NOT NULL
) STRICT;

-- One row: who this spool is, and the counts that would otherwise need a scan of all records.
CREATE TABLE spool (
    singleton     INTEGER PRIMARY KEY CHECK (singleton = 1),
    uuid          TEXT NOT NULL,        -- the first part of every token
    created_at    INTEGER NOT NULL,
    last_id       INTEGER NOT NULL,     -- the high-water mark of records.id, also when records is empty
    records       INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    dead_letters  INTEGER NOT NULL
) STRICT;

-- The operator's question, in one row. pending: not sent yet; in_flight: sent or about to be, not accepted yet.
-- The age is that of the oldest record of either kind, NULL when there is none.
CREATE VIEW spool_status AS
SELECT
    spool.records - frozen.records AS pending,
    frozen.records AS in_flight,
    spool.dead_letters AS dead_letters,
    (
        SELECT max(0, CAST(strftime('%s', 'now') AS INTEGER) - enqueued_at / 1000)
        FROM records ORDER BY id LIMIT 1
    ) AS oldest_pending_seconds,
    spool.payload_bytes AS payload_bytes,
    (SELECT last_error FROM batches WHERE last_error IS NOT NULL ORDER BY last_attempt_at DESC LIMIT 1) AS last_error
FROM spool, (SELECT coalesce(sum(records), 0) AS records FROM batches) AS frozen;
