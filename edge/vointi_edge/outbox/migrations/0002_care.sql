-- `stream` lets a withdrawal find its readings; `key` names what sealed the payload ('' = nothing).
ALTER TABLE frame ADD COLUMN stream TEXT NOT NULL DEFAULT '';
ALTER TABLE frame ADD COLUMN key TEXT NOT NULL DEFAULT '';

-- One pair of times for each boot: the gateway places readings from before the clock was set by it.
CREATE TABLE anchor (
    boot           INTEGER PRIMARY KEY,
    mono_us        INTEGER NOT NULL,
    wall_us        INTEGER NOT NULL,
    uncertainty_us INTEGER NOT NULL,
    clock          INTEGER NOT NULL,
    jump_us        INTEGER NOT NULL
);

-- What happened to the edge itself (clock jumps, damage, policies): for diagnostics, no values.
CREATE TABLE journal (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    boot    INTEGER NOT NULL,
    mono_us INTEGER NOT NULL,
    wall_us INTEGER,
    kind    TEXT NOT NULL,
    detail  TEXT NOT NULL
);
