-- What tells a trace from all others: clients may give one request_id to several requests.
ALTER TABLE `ibex`.`llm_traces` ADD COLUMN IF NOT EXISTS trace_id UUID;
