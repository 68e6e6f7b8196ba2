-- Some files of schema 1 have these two.
-- Of these nothing was kept but their number: they were not agreed to.
CREATE TABLE IF NOT EXISTS refused (edge VARCHAR, device VARCHAR, reason VARCHAR, n BIGINT);
-- UTC minus CLOCK_BOOTTIME of one boot: places readings from before the edge's clock was set.
CREATE TABLE IF NOT EXISTS anchor (edge VARCHAR, boot UBIGINT, offset_us BIGINT);
-- Summaries of a series by minute (t_us is its start). A minute may have several rows: what comes late
-- adds one, and they add up. What is in the lake is not here.
CREATE TABLE minute (
    sid INTEGER, t_us BIGINT, n BIGINT, vsum DOUBLE, vmin DOUBLE, vmax DOUBLE
);
-- The same by UTC day, of what is in the lake only.
CREATE TABLE day (
    sid INTEGER, t_us BIGINT, n BIGINT, vsum DOUBLE, vmin DOUBLE, vmax DOUBLE
);
-- The lake's files, below its folder. Only what is listed here is asked.
CREATE TABLE lake_file (
    path VARCHAR, kind VARCHAR, pilot VARCHAR, day_us BIGINT, first_us BIGINT, last_us BIGINT,
    n BIGINT, bytes BIGINT
);
-- Files that are to be unlinked unless they are listed: a crash must leave none.
CREATE TABLE lake_drop (path VARCHAR);
-- Readings without a time, and when they were first met: they age, too.
CREATE TABLE undated (sid INTEGER, boot UBIGINT, seen_us BIGINT);
