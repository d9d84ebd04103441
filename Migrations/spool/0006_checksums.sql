-- From this version on each record, batch and dead letter has a checksum, and one without is not what was written. What
-- older versions have left gets its own when the spool is brought to this version.

ALTER TABLE dead_letters ADD COLUMN checksum INTEGER /* the record's; NULL: it is not what was written */;
