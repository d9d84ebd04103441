-- What tells a damaged record, and what the limits cost.

-- SQLite keeps no checksum over what is in the database file, so a flipped bit would be delivered as if it had been
-- written. These are over everything in a row that must not change. NULL: written by an older version, not checked.
ALTER TABLE records ADD COLUMN checksum INTEGER;
ALTER TABLE batches ADD COLUMN checksum INTEGER;
ALTER TABLE spool ADD COLUMN checksum INTEGER;

-- When the owner committed last; a little later where commits come within one millisecond, so that each writes a page.
ALTER TABLE spool ADD COLUMN committed_at INTEGER NOT NULL DEFAULT 0;

-- Records that were given up unsent because the spool was full or they were too old, as the configuration asked for.
ALTER TABLE spool ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
