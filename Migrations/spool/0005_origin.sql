-- Which file this is. A copy of it has the same content, but is another file, and says so. The comments are inside the
-- statements because SQLite keeps those: `.schema spool` shows them.

ALTER TABLE spool ADD COLUMN file TEXT
    /* inode number and birth time of the file that the latest owner had; NULL: not known */;
ALTER TABLE spool ADD COLUMN copy_of TEXT           /* the uuid of the spool that was copied; NULL: no copy */;
ALTER TABLE spool ADD COLUMN copy_found_at INTEGER  /* when an owner found that this is a copy */;
ALTER TABLE spool ADD COLUMN doubted_through INTEGER NOT NULL DEFAULT 0
    /* records up to this id were in the file when it was copied: another copy may have delivered them */;
