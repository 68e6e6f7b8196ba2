-- What InfluxDB cannot hold: it has no transactions, and receipts must stand or fall with what they
-- are for. Values are in InfluxDB before a receipt is written here; written twice, they are one.
-- Times are UTC microseconds; a boot is the int64 of its 64 bits.
CREATE TABLE IF NOT EXISTS receipt (
    edge TEXT, device TEXT, boot INTEGER, first INTEGER, last INTEGER, outcome TEXT
);
CREATE TABLE IF NOT EXISTS tally (
    edge TEXT PRIMARY KEY, accepted INTEGER, stored INTEGER, duplicates INTEGER, quarantined INTEGER,
    lost INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
    received_us INTEGER, edge TEXT, topic TEXT, field TEXT, fix TEXT, digest BLOB, payload BLOB
);
CREATE TABLE IF NOT EXISTS refused (
    edge TEXT, device TEXT, reason TEXT, n INTEGER, PRIMARY KEY (edge, device, reason)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS birth (edge TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS anchor (
    edge TEXT, boot INTEGER, offset_us INTEGER, PRIMARY KEY (edge, boot)
) WITHOUT ROWID;
-- Readings without a wall time, until their boot has an anchor; InfluxDB takes nothing without one.
CREATE TABLE IF NOT EXISTS waiting (
    edge TEXT, boot INTEGER, device TEXT, pilot TEXT, person TEXT, received_us INTEGER, frame BLOB
);
CREATE INDEX IF NOT EXISTS waiting_boot ON waiting (edge, boot);
-- longest_us: the longest frame; what began that much before a span may reach into it.
CREATE TABLE IF NOT EXISTS series (
    device TEXT, stream TEXT, metric TEXT, pilot TEXT, first_us INTEGER, last_us INTEGER,
    longest_us INTEGER, last_value REAL, PRIMARY KEY (device, stream, metric)
) WITHOUT ROWID;
-- Hours of a device whose one-minute summaries are not written yet.
CREATE TABLE IF NOT EXISTS unsummed (
    device TEXT, hour INTEGER, PRIMARY KEY (hour, device)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
