-- Comments stand inside of the statements: there SQLite keeps them, and `.schema` shows them to who has only the file.

CREATE TABLE records (
    -- The records that ClickHouse has not provably accepted yet, in the order in which they were enqueued.
    -- Read them at any time with `sqlite3 -readonly`. Only the process that owns the spool writes to it.
    -- Every time, here and in the other tables, is in milliseconds since 1970-01-01 UTC. The views show it as text.
    id          INTEGER PRIMARY KEY,    -- grows by one a record, is never reused
    enqueued_at INTEGER NOT NULL,
    payload     TEXT NOT NULL           -- the row as one line of JSON
) STRICT;

CREATE TABLE batches (
    -- The batches in flight. A batch is committed here before it is first sent and never changes afterwards:
    -- its token always stands for exactly the same records, byte for byte. It leaves when ClickHouse has accepted it.
    first_id        INTEGER PRIMARY KEY,            -- its records are those from first_id
    last_id         INTEGER NOT NULL CHECK (last_id >= first_id),   -- to last_id
    token           TEXT NOT NULL,                  -- ClickHouse's insert_deduplication_token, drawn at random
    records         INTEGER NOT NULL,               -- how many there are, some ids of the range may be gone
    payload_bytes   INTEGER NOT NULL,
    frozen_at       INTEGER NOT NULL,               -- it was not sent before
    attempts        INTEGER NOT NULL DEFAULT 0,     -- sends that failed
    last_attempt_at INTEGER,                        -- when the latest of them failed
    last_error      TEXT                            -- and why
) STRICT;

CREATE TABLE dead_letters (
    -- Records that ClickHouse refused while it accepted their neighbours. They wait for a person.
    id               INTEGER PRIMARY KEY,   -- the record's
    enqueued_at      INTEGER NOT NULL,
    payload          TEXT NOT NULL,         -- as it was refused
    code             INTEGER,               -- ClickHouse's error code
    message          TEXT NOT NULL,         -- its reason
    attempts         INTEGER NOT NULL,      -- sends with the record in them that failed
    dead_lettered_at INTEGER NOT NULL
) STRICT;

CREATE TABLE spool (
    -- One row: who this spool is, and the counts that would otherwise need a scan of all records.
    singleton     INTEGER PRIMARY KEY CHECK (singleton = 1),
    uuid          TEXT NOT NULL,        -- a copy of the file, or a salvaged one, gets another
    created_at    INTEGER NOT NULL,
    last_id       INTEGER NOT NULL,     -- the high-water mark of records.id, also when records is empty
    records       INTEGER NOT NULL,     -- pending and in flight
    payload_bytes INTEGER NOT NULL,     -- of these
    dead_letters  INTEGER NOT NULL
) STRICT;

-- Replaced by the one in views.sql.
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
