-- Who wants to know who is behind a pseudonym, why, and who else said yes. Times are UTC µs.
CREATE TABLE approval (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, asked_by TEXT NOT NULL,
    reason TEXT NOT NULL, asked_us INTEGER NOT NULL, approved_by TEXT, used_us INTEGER
);
