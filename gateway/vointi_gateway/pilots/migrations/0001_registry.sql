-- Times are UTC microseconds. People are pilot pseudonyms; names and contacts are in another file.
CREATE TABLE company (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE pilot (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, city TEXT NOT NULL,
    company TEXT REFERENCES company(id), people TEXT NOT NULL, origin TEXT NOT NULL,
    document TEXT NOT NULL, changed_us INTEGER NOT NULL
);
CREATE TABLE site (
    pilot TEXT NOT NULL REFERENCES pilot(id), id TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (pilot, id)
);
CREATE TABLE edge (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL REFERENCES pilot(id), site TEXT, added_us INTEGER NOT NULL
);
CREATE TABLE participant (
    pilot TEXT NOT NULL REFERENCES pilot(id), person TEXT NOT NULL, language TEXT NOT NULL,
    invited_us INTEGER NOT NULL, joined_us INTEGER, PRIMARY KEY (pilot, person)
);
CREATE TABLE invitation (
    code_sha256 BLOB PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL,
    expires_us INTEGER NOT NULL, used_us INTEGER
);
-- A device by its global id edge.device.
CREATE TABLE device (
    id TEXT PRIMARY KEY, edge TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL,
    added_us INTEGER NOT NULL
);
CREATE TABLE device_event (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, at_us INTEGER NOT NULL,
    actor TEXT NOT NULL
);
-- Half-open [from_us, to_us); to_us is NULL while the device is out.
CREATE TABLE loan (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, pilot TEXT NOT NULL, person TEXT NOT NULL,
    from_us INTEGER NOT NULL, to_us INTEGER,
    FOREIGN KEY (pilot, person) REFERENCES participant(pilot, person)
);
CREATE INDEX loan_device ON loan (device, from_us);
CREATE TABLE consent_event (
    id INTEGER PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, purpose TEXT NOT NULL,
    kind TEXT NOT NULL, at_us INTEGER NOT NULL, effective_us INTEGER NOT NULL, expires_us INTEGER,
    method TEXT NOT NULL, actor TEXT NOT NULL, language TEXT NOT NULL, text_version INTEGER NOT NULL,
    text_sha256 TEXT NOT NULL,
    FOREIGN KEY (pilot, person) REFERENCES participant(pilot, person)
);
CREATE INDEX consent_person ON consent_event (pilot, person, purpose, id);
CREATE TRIGGER consent_event_is_not_edited BEFORE UPDATE ON consent_event
BEGIN SELECT RAISE(ABORT, 'consent events are never edited; append another one'); END;
