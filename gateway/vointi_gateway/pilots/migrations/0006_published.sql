-- What was told of a group of people on a UTC day (µs) is told for ever. Nothing is here of groups
-- that were kept back.
CREATE TABLE published (
    purpose TEXT NOT NULL, metric TEXT NOT NULL, day_us INTEGER NOT NULL, pilot TEXT NOT NULL,
    people INTEGER NOT NULL, mean REAL NOT NULL,
    PRIMARY KEY (purpose, metric, day_us, pilot)
) WITHOUT ROWID;
