-- Before kept_us samples were removed as too old: the minutes are all there is of them.
ALTER TABLE series ADD COLUMN kept_us INTEGER NOT NULL DEFAULT -9223372036854775808;
-- Versions before numbered migrations look here, and leave a newer file alone.
INSERT OR REPLACE INTO meta VALUES ('schema', '2');
