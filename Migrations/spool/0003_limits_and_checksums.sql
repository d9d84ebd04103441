-- What tells a damaged record, and what the limits cost. SQLite keeps only the comments between /* and */ of these.

-- SQLite keeps no checksum over what is in the database file, so a flipped bit would be delivered as if it had been
-- written. These are over everything in a row that must not change.
ALTER TABLE records ADD COLUMN checksum INTEGER /* over the row; NULL: it is not what was written */;
ALTER TABLE batches ADD COLUMN checksum INTEGER /* over what never changes; NULL: it is not what was written */;
ALTER TABLE spool ADD COLUMN checksum INTEGER /* over the row; NULL: not known */;

-- So that each commit writes a page.
ALTER TABLE spool ADD COLUMN committed_at INTEGER NOT NULL DEFAULT 0
    /* of the owner's latest commit; a little later where commits come within one millisecond */;

ALTER TABLE spool ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0
    /* records given up unsent because the spool was full or they were too old, as the configuration asked for */;
