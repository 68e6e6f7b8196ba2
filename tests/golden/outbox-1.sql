BEGIN TRANSACTION;
CREATE TABLE counter (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    accepted  INTEGER NOT NULL,
    committed INTEGER NOT NULL,
    lost      INTEGER NOT NULL,
    bytes     INTEGER NOT NULL
);
INSERT INTO "counter" VALUES(1,6,0,0,54);
CREATE TABLE frame (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    device  TEXT    NOT NULL,
    boot    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    class   TEXT    NOT NULL,
    payload BLOB    NOT NULL
);
INSERT INTO "frame" VALUES(1,'strap-1',3649169635224869202,1,'scalar',X'72656164696E672031');
INSERT INTO "frame" VALUES(2,'strap-1',3649169635224869202,2,'scalar',X'72656164696E672032');
INSERT INTO "frame" VALUES(3,'strap-1',3649169635224869202,3,'scalar',X'72656164696E672033');
INSERT INTO "frame" VALUES(4,'strap-1',3002928639590892856,1,'scalar',X'72656164696E672031');
INSERT INTO "frame" VALUES(5,'strap-1',3002928639590892856,2,'scalar',X'72656164696E672032');
INSERT INTO "frame" VALUES(6,'strap-1',3002928639590892856,3,'scalar',X'72656164696E672033');
CREATE TABLE loss (
    device    TEXT    NOT NULL,
    boot      INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    PRIMARY KEY (device, boot, first_seq)
) WITHOUT ROWID;
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('boot','3002928639590892856');
INSERT INTO "meta" VALUES('kernel_boot','kernel-2');
CREATE TABLE sequence (
    device TEXT    NOT NULL,
    boot   INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
) WITHOUT ROWID;
INSERT INTO "sequence" VALUES('strap-1',3002928639590892856,3);
INSERT INTO "sequence" VALUES('strap-1',3649169635224869202,3);
CREATE UNIQUE INDEX frame_identity ON frame (device, boot, seq);
CREATE INDEX frame_class ON frame (class, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('frame',6);
COMMIT;
PRAGMA user_version = 1;
