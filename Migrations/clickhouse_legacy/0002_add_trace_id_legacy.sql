-- What tells a trace from all others: clients may give one request_id to several requests.
-- Fails where the column exists: these servers know no ADD COLUMN IF NOT EXISTS.
ALTER TABLE `ibex`.`llm_traces` ADD COLUMN trace_id UUID;
