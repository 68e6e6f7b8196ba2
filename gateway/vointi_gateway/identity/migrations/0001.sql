-- Times are UTC seconds since 1970. Secrets are stored as hashes only.
CREATE TABLE edge (
  edge TEXT PRIMARY KEY, pilot TEXT NOT NULL, site TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('expected', 'active', 'suspect', 'revoked')),
  changed_s INTEGER NOT NULL, note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE ticket (
  digest BLOB PRIMARY KEY, edge TEXT NOT NULL REFERENCES edge, expires_s INTEGER NOT NULL,
  used_s INTEGER, key_digest BLOB
) STRICT;
CREATE INDEX ticket_edge ON ticket (edge);
CREATE TABLE certificate (
  serial TEXT PRIMARY KEY, edge TEXT NOT NULL REFERENCES edge, key_digest BLOB NOT NULL,
  chain TEXT NOT NULL, not_after_s INTEGER NOT NULL, issued_s INTEGER NOT NULL,
  follows TEXT, revoked_s INTEGER
) STRICT;
CREATE INDEX certificate_edge ON certificate (edge);
CREATE TABLE account (
  name TEXT PRIMARY KEY, role TEXT NOT NULL, pilots TEXT NOT NULL, city TEXT NOT NULL,
  password TEXT NOT NULL, totp TEXT NOT NULL, totp_step INTEGER NOT NULL DEFAULT 0,
  disabled_s INTEGER
) STRICT;
CREATE TABLE invitation (
  digest BLOB PRIMARY KEY, person TEXT NOT NULL, pilot TEXT NOT NULL, code BLOB NOT NULL,
  expires_s INTEGER NOT NULL, tries_left INTEGER NOT NULL, used_s INTEGER
) STRICT;
CREATE TABLE session (
  digest BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, pilots TEXT NOT NULL,
  city TEXT NOT NULL, person TEXT NOT NULL, csrf TEXT NOT NULL,
  seen_s INTEGER NOT NULL, idle_s INTEGER NOT NULL, expires_s INTEGER NOT NULL
) STRICT;
CREATE INDEX session_name ON session (name);
