-- Who is behind a pseudonym. This file is never copied to whom measurements are shown.
CREATE TABLE resident (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, contact TEXT NOT NULL, language TEXT NOT NULL
);
CREATE TABLE link (
    pilot TEXT NOT NULL, person TEXT NOT NULL, resident TEXT NOT NULL REFERENCES resident(id),
    PRIMARY KEY (pilot, person)
);
CREATE TABLE pilot_key (pilot TEXT PRIMARY KEY, key BLOB NOT NULL);
