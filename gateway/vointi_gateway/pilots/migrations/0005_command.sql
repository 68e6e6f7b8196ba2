-- Orders to edges. `number` is the edge's own, given when it is sent. `arguments` are kept until then,
-- those of an update until it has ended. States: asked, sent, fetched, done, refused, failed,
-- rolled back, unanswered, stopped.
CREATE TABLE rollout (id INTEGER PRIMARY KEY, at_a_time INTEGER NOT NULL);
CREATE TABLE command (
    id INTEGER PRIMARY KEY, edge TEXT NOT NULL, number INTEGER, kind TEXT NOT NULL,
    what TEXT NOT NULL, arguments TEXT NOT NULL, rollout INTEGER REFERENCES rollout(id),
    state TEXT NOT NULL, asked_us INTEGER NOT NULL, changed_us INTEGER NOT NULL,
    reason TEXT NOT NULL, details TEXT NOT NULL
);
CREATE INDEX command_edge ON command (edge, number);
CREATE INDEX command_open ON command (state) WHERE state IN ('asked', 'sent', 'fetched');
CREATE INDEX command_rollout ON command (rollout);
-- What each edge said that it runs, since when (UTC µs).
CREATE TABLE edge_version (edge TEXT PRIMARY KEY, version TEXT NOT NULL, since_us INTEGER NOT NULL);
