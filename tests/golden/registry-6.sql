BEGIN TRANSACTION;
CREATE TABLE approval (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, asked_by TEXT NOT NULL,
    reason TEXT NOT NULL, asked_us INTEGER NOT NULL, approved_by TEXT, used_us INTEGER
);
CREATE TABLE command (
    id INTEGER PRIMARY KEY, edge TEXT NOT NULL, number INTEGER, kind TEXT NOT NULL,
    what TEXT NOT NULL, arguments TEXT NOT NULL, rollout INTEGER REFERENCES rollout(id),
    state TEXT NOT NULL, asked_us INTEGER NOT NULL, changed_us INTEGER NOT NULL,
    reason TEXT NOT NULL, details TEXT NOT NULL
);
CREATE TABLE company (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE consent_event (
    id INTEGER PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, purpose TEXT NOT NULL,
    kind TEXT NOT NULL, at_us INTEGER NOT NULL, effective_us INTEGER NOT NULL, expires_us INTEGER,
    method TEXT NOT NULL, actor TEXT NOT NULL, language TEXT NOT NULL, text_version INTEGER NOT NULL,
    text_sha256 TEXT NOT NULL,
    FOREIGN KEY (pilot, person) REFERENCES participant(pilot, person)
);
INSERT INTO "consent_event" VALUES(1,'pilot-a','p-7bd4479bd8f7afb5','care','given',1780272000000000,1780272000000000,NULL,'command','test','fi',1,'f8bdebc2f758621eacc882f3b3c0db739576400f2a9d0d6ca3116711e7132ac6');
CREATE TABLE device (
    id TEXT PRIMARY KEY, edge TEXT NOT NULL, model TEXT NOT NULL, kind TEXT NOT NULL,
    added_us INTEGER NOT NULL
);
INSERT INTO "device" VALUES('edge-1.strap-1','edge-1','polar-h10','wearable',1780272000000000);
INSERT INTO "device" VALUES('edge-1.air-1','edge-1','ruuvitag','room',1780272000000000);
CREATE TABLE device_event (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, at_us INTEGER NOT NULL,
    actor TEXT NOT NULL
);
INSERT INTO "device_event" VALUES(1,'edge-1.strap-1','lent',1780272000000000,'test');
CREATE TABLE edge (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL REFERENCES pilot(id), site TEXT, added_us INTEGER NOT NULL
);
INSERT INTO "edge" VALUES('edge-1','pilot-a','home-1',1780272000000000);
CREATE TABLE edge_version (edge TEXT PRIMARY KEY, version TEXT NOT NULL, since_us INTEGER NOT NULL);
INSERT INTO "edge_version" VALUES('edge-1','0.1.0',1780272000000000);
CREATE TABLE erasure (
    id TEXT PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL, requested_us INTEGER NOT NULL,
    actor TEXT NOT NULL, state TEXT NOT NULL, receipt TEXT NOT NULL DEFAULT ''
);
CREATE TABLE invitation (
    code_sha256 BLOB PRIMARY KEY, pilot TEXT NOT NULL, person TEXT NOT NULL,
    expires_us INTEGER NOT NULL, used_us INTEGER
);
INSERT INTO "invitation" VALUES(X'73756160D726A8C0EA671F59D3D9A67C48E8074D82557B65CBD4F93686138436','pilot-a','p-7bd4479bd8f7afb5',1781481600000000,NULL);
CREATE TABLE job (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, arguments TEXT NOT NULL, asked_us INTEGER NOT NULL,
    state TEXT NOT NULL, result TEXT NOT NULL DEFAULT ''
);
CREATE TABLE lease (
    id INTEGER PRIMARY KEY, pilot TEXT NOT NULL, unit TEXT NOT NULL, device TEXT NOT NULL,
    from_us INTEGER NOT NULL, to_us INTEGER, ended TEXT NOT NULL DEFAULT ''
);
CREATE TABLE loan (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, pilot TEXT NOT NULL, person TEXT NOT NULL,
    from_us INTEGER NOT NULL, to_us INTEGER,
    FOREIGN KEY (pilot, person) REFERENCES participant(pilot, person)
);
INSERT INTO "loan" VALUES(1,'edge-1.strap-1','pilot-a','p-7bd4479bd8f7afb5',1780272000000000,NULL);
CREATE TABLE participant (
    pilot TEXT NOT NULL REFERENCES pilot(id), person TEXT NOT NULL, language TEXT NOT NULL,
    invited_us INTEGER NOT NULL, joined_us INTEGER, PRIMARY KEY (pilot, person)
);
INSERT INTO "participant" VALUES('pilot-a','p-7bd4479bd8f7afb5','fi',1780272000000000,NULL);
CREATE TABLE pilot (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, city TEXT NOT NULL,
    company TEXT REFERENCES company(id), people TEXT NOT NULL, origin TEXT NOT NULL,
    document TEXT NOT NULL, changed_us INTEGER NOT NULL
);
INSERT INTO "pilot" VALUES('pilot-a','Pilot A','home','Espoo',NULL,'real','file','{"id": "pilot-a", "name": "Pilot A", "kind": "home", "city": "Espoo", "format": 1, "dpia": "DPIA-1", "people": "real", "retention": {"waveform_days": 30, "scalar_days": 365, "event_days": 365, "summary_days": 1825}, "site": [{"id": "home-1", "name": "Home 1", "edges": ["edge-1"]}], "collect": [{"metrics": ["heart_rate", "rr_interval"], "purposes": ["care", "evaluation"], "rate_hz": 0.0}, {"metrics": ["room_temperature"], "purposes": ["evaluation"], "rate_hz": 0.0}]}',1780272000000000);
CREATE TABLE policy (
    edge TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, issued_us INTEGER NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0, answer TEXT NOT NULL DEFAULT ''
);
CREATE TABLE published (
    purpose TEXT NOT NULL, metric TEXT NOT NULL, day_us INTEGER NOT NULL, pilot TEXT NOT NULL,
    people INTEGER NOT NULL, mean REAL NOT NULL,
    PRIMARY KEY (purpose, metric, day_us, pilot)
) WITHOUT ROWID;
CREATE TABLE revision (n INTEGER NOT NULL);
INSERT INTO "revision" VALUES(8);
CREATE TABLE rollout (id INTEGER PRIMARY KEY, at_a_time INTEGER NOT NULL);
CREATE TABLE site (
    pilot TEXT NOT NULL REFERENCES pilot(id), id TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (pilot, id)
);
INSERT INTO "site" VALUES('pilot-a','home-1','Home 1');
CREATE TABLE unit (device TEXT PRIMARY KEY, pilot TEXT NOT NULL, unit TEXT NOT NULL);
CREATE TABLE viewed (
    pilot TEXT NOT NULL, person TEXT NOT NULL, who TEXT NOT NULL, purpose TEXT NOT NULL,
    hour_us INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (pilot, person, who, purpose, hour_us)
);
CREATE INDEX loan_device ON loan (device, from_us);
CREATE INDEX consent_person ON consent_event (pilot, person, purpose, id);
CREATE TRIGGER consent_event_is_not_edited BEFORE UPDATE ON consent_event
BEGIN SELECT RAISE(ABORT, 'consent events are never edited; append another one'); END;
CREATE TRIGGER consent_event_is_kept BEFORE DELETE ON consent_event
WHEN NOT EXISTS (SELECT 1 FROM erasure e WHERE e.pilot = OLD.pilot AND e.person = OLD.person)
BEGIN SELECT RAISE(ABORT, 'consent events are never deleted; erase the person'); END;
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
CREATE INDEX unit_devices ON unit (pilot, unit);
CREATE UNIQUE INDEX lease_held ON lease (pilot, unit) WHERE to_us IS NULL;
CREATE TRIGGER unit_insert_counts AFTER INSERT ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER unit_update_counts AFTER UPDATE ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER unit_delete_counts AFTER DELETE ON unit BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_insert_counts AFTER INSERT ON lease BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_update_counts AFTER UPDATE ON lease BEGIN UPDATE revision SET n = n + 1; END;
CREATE TRIGGER lease_delete_counts AFTER DELETE ON lease BEGIN UPDATE revision SET n = n + 1; END;
CREATE INDEX command_edge ON command (edge, number);
CREATE INDEX command_open ON command (state) WHERE state IN ('asked', 'sent', 'fetched');
CREATE INDEX command_rollout ON command (rollout);
COMMIT;
PRAGMA user_version = 6;
