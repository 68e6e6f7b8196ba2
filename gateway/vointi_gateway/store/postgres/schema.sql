-- Times are UTC microseconds; t_us is NULL while the edge's clock is unknown. A boot is 64 bits
-- without a sign, which bigint does not hold. The primary keys are the last word on "once": a row
-- that came by a process whose lease had ended cannot be there twice.
CREATE TABLE IF NOT EXISTS series (
    sid integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pilot text NOT NULL, device text NOT NULL, stream text NOT NULL, metric text NOT NULL,
    UNIQUE (device, stream, metric)
);
-- One channel of one waveform frame: v is little-endian int32; physical = v * scale + "offset".
CREATE TABLE IF NOT EXISTS segment (
    sid integer, boot numeric(20), seq bigint, t_us bigint, end_us bigint, mono_us bigint,
    dev_ts_ns bigint, clock smallint, uncertainty_us bigint, rate_hz float8, n integer,
    quality bigint, scale float8, "offset" float8, v bytea, PRIMARY KEY (sid, boot, seq)
);
CREATE INDEX IF NOT EXISTS segment_time ON segment (sid, t_us);
-- One value of one other frame; idx is its place in the channel.
CREATE TABLE IF NOT EXISTS scalar (
    sid integer, boot numeric(20), seq bigint, idx integer, t_us bigint, mono_us bigint,
    dev_ts_ns bigint, clock smallint, uncertainty_us bigint, quality bigint, value float8,
    PRIMARY KEY (sid, boot, seq, idx)
);
CREATE INDEX IF NOT EXISTS scalar_time ON scalar (sid, t_us);
CREATE TABLE IF NOT EXISTS receipt (
    edge text, device text, boot numeric(20), first bigint, last bigint, outcome text
);
CREATE TABLE IF NOT EXISTS tally (
    edge text PRIMARY KEY, accepted bigint, stored bigint, duplicates bigint, quarantined bigint,
    lost bigint
);
CREATE TABLE IF NOT EXISTS quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, received_us bigint, edge text, topic text,
    field text, fix text, digest bytea, payload bytea
);
-- Of these nothing was kept but their number: they were not agreed to.
CREATE TABLE IF NOT EXISTS refused (
    edge text, device text, reason text, n bigint, PRIMARY KEY (edge, device, reason)
);
CREATE TABLE IF NOT EXISTS birth (edge text PRIMARY KEY, document text, received_us bigint);
CREATE TABLE IF NOT EXISTS anchor (
    edge text, boot numeric(20), offset_us bigint, PRIMARY KEY (edge, boot)
);
CREATE TABLE IF NOT EXISTS latest (
    device text, metric text, t_us bigint, value float8, PRIMARY KEY (device, metric)
);
CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text NOT NULL);
-- Who receives and stores which set of shards. A higher epoch ends the right of every lower one.
CREATE TABLE IF NOT EXISTS slot (
    slot integer PRIMARY KEY, holder text NOT NULL, epoch bigint NOT NULL, until timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS worker (name text PRIMARY KEY, until timestamptz NOT NULL);
