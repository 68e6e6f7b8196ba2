BEGIN TRANSACTION;
CREATE TABLE anchor (
    boot           INTEGER PRIMARY KEY,
    mono_us        INTEGER NOT NULL,
    wall_us        INTEGER NOT NULL,
    uncertainty_us INTEGER NOT NULL,
    clock          INTEGER NOT NULL,
    jump_us        INTEGER NOT NULL
);
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
, stream TEXT NOT NULL DEFAULT '', key TEXT NOT NULL DEFAULT '');
INSERT INTO "frame" VALUES(1,'strap-1',5683999491353198399,1,'scalar',X'72656164696E672031','','');
INSERT INTO "frame" VALUES(2,'strap-1',5683999491353198399,2,'scalar',X'72656164696E672032','','');
INSERT INTO "frame" VALUES(3,'strap-1',5683999491353198399,3,'scalar',X'72656164696E672033','','');
INSERT INTO "frame" VALUES(4,'strap-1',1718974574797027273,1,'scalar',X'72656164696E672031','','');
INSERT INTO "frame" VALUES(5,'strap-1',1718974574797027273,2,'scalar',X'72656164696E672032','','');
INSERT INTO "frame" VALUES(6,'strap-1',1718974574797027273,3,'scalar',X'72656164696E672033','','');
CREATE TABLE journal (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    boot    INTEGER NOT NULL,
    mono_us INTEGER NOT NULL,
    wall_us INTEGER,
    kind    TEXT NOT NULL,
    detail  TEXT NOT NULL
);
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
INSERT INTO "meta" VALUES('boot','1718974574797027273');
INSERT INTO "meta" VALUES('kernel_boot','kernel-2');
CREATE TABLE sequence (
    device TEXT    NOT NULL,
    boot   INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (device, boot)
) WITHOUT ROWID;
INSERT INTO "sequence" VALUES('strap-1',1718974574797027273,3);
INSERT INTO "sequence" VALUES('strap-1',5683999491353198399,3);
CREATE UNIQUE INDEX frame_identity ON frame (device, boot, seq);
CREATE INDEX frame_class ON frame (class, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('frame',6);
COMMIT;
PRAGMA user_version = 2;
