-- The policy that each edge was last sent, and what it answered.
CREATE TABLE policy (
    edge TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, issued_us INTEGER NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0, answer TEXT NOT NULL DEFAULT ''
);
-- Wishes to be erased: written by whoever is asked, carried out by who holds the store.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, requested_us INTEGER NOT NULL,
    actor TEXT NOT NULL, state TEXT NOT NULL, receipt TEXT NOT NULL DEFAULT ''
);
-- Consent events go only with the person: everything else appends.
CREATE TRIGGER consent_event_is_kept BEFORE DELETE ON consent_event
WHEN NOT EXISTS (SELECT 1 FROM erasure e WHERE e.pilot = OLD.pilot AND e.person = OLD.person)
BEGIN SELECT RAISE(ABORT, 'consent events are never deleted; erase the person'); END;
-- What only the holder of the store can do, for whoever asks: result is JSON.
CREATE TABLE job (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, arguments TEXT NOT NULL, asked_us INTEGER NOT NULL,
    state TEXT NOT NULL, result TEXT NOT NULL DEFAULT ''
);
-- Who looked at whose data, for which purpose, by the hour.
CREATE TABLE viewed (
    pilot TEXT NOT NULL, person TEXT NOT NULL, who TEXT NOT NULL, purpose TEXT NOT NULL,
    hour_us INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (pilot, person, who, purpose, hour_us)
);
-- Grows with every change of what the gateway decides by, in whichever process it is made.
CREATE TABLE revision (n INTEGER NOT NULL);
INSERT INTO revision VALUES (1);
CREATE TRIGGER pilot_insert_counts AFTER INSERT ON pilot BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER pilot_update_counts AFTER UPDATE ON pilot BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER pilot_delete_counts AFTER DELETE ON pilot BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER edge_insert_counts AFTER INSERT ON edge BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER edge_update_counts AFTER UPDATE ON edge BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER edge_delete_counts AFTER DELETE ON edge BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER participant_insert_counts AFTER INSERT ON participant BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER participant_update_counts AFTER UPDATE ON participant BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER participant_delete_counts AFTER DELETE ON participant BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER device_insert_counts AFTER INSERT ON device BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER device_update_counts AFTER UPDATE ON device BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER device_delete_counts AFTER DELETE ON device BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER loan_insert_counts AFTER INSERT ON loan BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER loan_update_counts AFTER UPDATE ON loan BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER loan_delete_counts AFTER DELETE ON loan BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER consent_event_insert_counts AFTER INSERT ON consent_event BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER consent_event_update_counts AFTER UPDATE ON consent_event BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER consent_event_delete_counts AFTER DELETE ON consent_event BEGIN UPDATE revision SET n = n + 1; END;
