-- Which devices (edge.device) are the same physical device, by a name that tells no address.
CREATE TABLE unit (device TEXT PRIMARY KEY, pilot TEXT NOT NULL, unit TEXT NOT NULL);
CREATE INDEX unit_devices ON unit (pilot, unit);
-- Who reads a physical device when several edges can: half-open [from_us, to_us), UTC µs; to_us is
-- NULL while it is held. `ended` says why it is not any more: silent, or void as if it never was.
CREATE TABLE lease (
    id INTEGER PRIMARY KEY, pilot TEXT NOT NULL, unit TEXT NOT NULL, device TEXT NOT NULL,
    from_us INTEGER NOT NULL, to_us INTEGER, ended TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX lease_held ON lease (pilot, unit) WHERE to_us IS NULL;
CREATE TRIGGER unit_insert_counts AFTER INSERT ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER unit_update_counts AFTER UPDATE ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER unit_delete_counts AFTER DELETE ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_insert_counts AFTER INSERT ON lease BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_update_counts AFTER UPDATE ON lease BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_delete_counts AFTER DELETE ON lease BEGIN UPDATE revision SET n = n + 1; END;
