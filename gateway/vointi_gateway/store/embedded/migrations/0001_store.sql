-- No primary keys: an index makes each commit several times slower, and receipts already make
-- every reading unique. Times are UTC microseconds; t_us is NULL while the edge's clock is unknown.
CREATE TABLE series (
    sid INTEGER, pilot VARCHAR, device VARCHAR, stream VARCHAR, metric VARCHAR
);
-- One channel of one waveform frame: the integers as they were sent; physical = v * scale + "offset".
CREATE TABLE segment (
    sid INTEGER, boot UBIGINT, seq BIGINT, t_us BIGINT, end_us BIGINT, mono_us BIGINT, dev_ts_ns BIGINT,
    clock UTINYINT, uncertainty_us BIGINT, rate_hz DOUBLE, n INTEGER, quality UINTEGER,
    scale DOUBLE, "offset" DOUBLE, vmin DOUBLE, vmax DOUBLE, vsum DOUBLE, v INTEGER[]
);
-- One value of one other frame; idx is its place in the channel.
CREATE TABLE scalar (
    sid INTEGER, boot UBIGINT, seq BIGINT, idx INTEGER, t_us BIGINT, mono_us BIGINT, dev_ts_ns BIGINT,
    clock UTINYINT, uncertainty_us BIGINT, quality UINTEGER, value DOUBLE
);
CREATE TABLE receipt (
    edge VARCHAR, device VARCHAR, boot UBIGINT, first BIGINT, last BIGINT, outcome VARCHAR
);
CREATE TABLE tally (
    edge VARCHAR, accepted BIGINT, stored BIGINT, duplicates BIGINT, quarantined BIGINT, lost BIGINT
);
CREATE TABLE quarantine (
    received_us BIGINT, edge VARCHAR, topic VARCHAR, field VARCHAR, fix VARCHAR, digest BLOB, payload BLOB
);
CREATE TABLE birth (edge VARCHAR, document VARCHAR, received_us BIGINT);
CREATE TABLE meta (key VARCHAR, value VARCHAR);
