-- Of a value that is alone in its minute the extremes are NULL: they are vsum. A minute is counted from
-- 1970 on. Both are what packs well: ten million sparse values took 7.5 bytes each here, now 2.3.
ALTER TABLE minute RENAME TO minute_in_us;
CREATE TABLE minute (
    sid INTEGER, at_min BIGINT, n BIGINT, vsum DOUBLE, vmin DOUBLE, vmax DOUBLE
);
INSERT INTO minute SELECT
    sid, t_us // 60000000, n, vsum, CASE WHEN n > 1 THEN vmin END, CASE WHEN n > 1 THEN vmax END
FROM minute_in_us ORDER BY t_us // 86400000000, sid, t_us;
DROP TABLE minute_in_us;
