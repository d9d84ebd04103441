-- The same table for servers before 21.12 (Debian's package is 18.16), which know neither Bool nor DateTime64 nor
-- deduplication tokens. Times keep whole seconds only, and a retry after a lost acknowledgement may store rows twice.
CREATE DATABASE IF NOT EXISTS `ibex`;

CREATE TABLE IF NOT EXISTS `ibex`.`llm_traces`
(
    request_id           String,
    org_id               UUID,
    agent_id             UUID,
    session_id           Nullable(UUID),
    checkpoint_id        Nullable(UUID),
    model                String,
    provider             String,
    is_streaming         UInt8,
    input_tokens         UInt32,
    output_tokens        UInt32,
    total_tokens         UInt32,
    auth_latency_ms      UInt16,
    directive_latency_ms UInt16,
    provider_ttfb_ms     UInt32,
    total_latency_ms     UInt32,
    status_code          UInt16,
    is_complete          UInt8,
    error_code           String,
    requested_at         DateTime('UTC'),
    completed_at         DateTime('UTC'),
    event_date           Date MATERIALIZED toDate(requested_at)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_date)
ORDER BY (org_id, agent_id, requested_at);
