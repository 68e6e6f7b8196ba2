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
-- Who looked at whose data, for which purpose, by the hour.
CREATE TABLE viewed (
    pilot TEXT NOT NULL, person TEXT NOT NULL, who TEXT NOT NULL, purpose TEXT NOT NULL,
    hour_us INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (pilot, person, who, purpose, hour_us)
);
