-- No primary keys: an index makes each commit several times slower, and receipts already make
-- every reading unique. Times are UTC microseconds; t_us is NULL while the edge's clock is unknown.
CREATE TABLE IF NOT EXISTS series (
    sid INTEGER, pilot VARCHAR, device VARCHAR, stream VARCHAR, metric VARCHAR
);
-- One channel of one waveform frame: the integers as they were sent; physical = v * scale + "offset".
CREATE TABLE IF NOT EXISTS segment (
    sid INTEGER, boot UBIGINT, seq BIGINT, t_us BIGINT, end_us BIGINT, mono_us BIGINT, dev_ts_ns BIGINT,
    clock UTINYINT, uncertainty_us BIGINT, rate_hz DOUBLE, n INTEGER, quality UINTEGER,
    scale DOUBLE, "offset" DOUBLE, vmin DOUBLE, vmax DOUBLE, vsum DOUBLE, v INTEGER[]
);
-- One value of one other frame; idx is its place in the channel.
CREATE TABLE IF NOT EXISTS scalar (
    sid INTEGER, boot UBIGINT, seq BIGINT, idx INTEGER, t_us BIGINT, mono_us BIGINT, dev_ts_ns BIGINT,
    clock UTINYINT, uncertainty_us BIGINT, quality UINTEGER, value DOUBLE
);
CREATE TABLE IF NOT EXISTS receipt (
    edge VARCHAR, device VARCHAR, boot UBIGINT, first BIGINT, last BIGINT, outcome VARCHAR
);
CREATE TABLE IF NOT EXISTS tally (
    edge VARCHAR, accepted BIGINT, stored BIGINT, duplicates BIGINT, quarantined BIGINT, lost BIGINT
);
CREATE TABLE IF NOT EXISTS quarantine (
    received_us BIGINT, edge VARCHAR, topic VARCHAR, field VARCHAR, fix VARCHAR, digest BLOB, payload BLOB
);
-- Of these nothing was kept but their number: they were not agreed to.
CREATE TABLE IF NOT EXISTS refused (edge VARCHAR, device VARCHAR, reason VARCHAR, n BIGINT);
CREATE TABLE IF NOT EXISTS birth (edge VARCHAR, document VARCHAR, received_us BIGINT);
-- UTC minus CLOCK_BOOTTIME of one boot: places readings from before the edge's clock was set.
CREATE TABLE IF NOT EXISTS anchor (edge VARCHAR, boot UBIGINT, offset_us BIGINT);
CREATE TABLE IF NOT EXISTS meta (key VARCHAR, value VARCHAR);
-- Summaries of a series by minute (t_us is its start). A minute may have several rows: what comes late
-- adds one, and they add up. What is in the lake is not here.
CREATE TABLE IF NOT EXISTS minute (
    sid INTEGER, t_us BIGINT, n BIGINT, vsum DOUBLE, vmin DOUBLE, vmax DOUBLE
);
-- The same by UTC day, of what is in the lake only.
CREATE TABLE IF NOT EXISTS day (
    sid INTEGER, t_us BIGINT, n BIGINT, vsum DOUBLE, vmin DOUBLE, vmax DOUBLE
);
-- The lake's files, below its folder. Only what is listed here is asked.
CREATE TABLE IF NOT EXISTS lake_file (
    path VARCHAR, kind VARCHAR, pilot VARCHAR, day_us BIGINT, first_us BIGINT, last_us BIGINT,
    n BIGINT, bytes BIGINT
);
-- Files that are to be unlinked unless they are listed: a crash must leave none.
CREATE TABLE IF NOT EXISTS lake_drop (path VARCHAR);
-- Readings without a time, and when they were first met: they age, too.
CREATE TABLE IF NOT EXISTS undated (sid INTEGER, boot UBIGINT, seen_us BIGINT);
