-- Where the records go, so that a tool can deliver what a dead writer left, and ask the table which records it has. The
-- comments are inside the statements because SQLite keeps those: `.schema delivery` shows them.

ALTER TABLE delivery ADD COLUMN database TEXT       /* ClickHouse's; NULL: written by an older version */;
ALTER TABLE delivery ADD COLUMN table_name TEXT     /* in that database */;
ALTER TABLE delivery ADD COLUMN id_column TEXT      /* tells a record from all others; NULL: no column does */;
ALTER TABLE delivery ADD COLUMN time_column TEXT    /* the record's own time, which narrows the search; NULL: none */;
