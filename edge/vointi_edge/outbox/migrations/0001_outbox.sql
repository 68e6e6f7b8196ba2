-- Rows are frames on their way; counters and rows change in one transaction, so that
-- accepted = pending + committed + lost holds after any crash.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: an id is never used twice, so "everything up to id" keeps its meaning.
CREATE TABLE frame (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    device  TEXT    NOT NULL,
    boot    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    class   TEXT    NOT NULL,
    payload BLOB    NOT NULL
);
CREATE UNIQUE INDEX frame_identity ON frame (device, boot, seq);
CREATE INDEX frame_class ON frame (class, id);

CREATE TABLE sequence (
    device TEXT    NOT NULL,
    boot   INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
) WITHOUT ROWID;

CREATE TABLE loss (
    device    TEXT    NOT NULL,
    boot      INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    PRIMARY KEY (device, boot, first_seq)
) WITHOUT ROWID;

CREATE TABLE counter (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    accepted  INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    lost      INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
);
INSERT INTO counter VALUES (1, 0, 0, 0, 0);
