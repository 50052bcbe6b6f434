-- A file's life: what was done, and how things were before, so that a person can put them back.
--
-- Rebuilt, for AUTOINCREMENT: a number that a person may still have in mind never means another event.

CREATE TABLE events (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    cycle        TEXT    NOT NULL,
    at           REAL    NOT NULL,
    kind         TEXT    NOT NULL,
    path         ANY     NOT NULL,
    handle       TEXT,
    checksum     TEXT,
    size         INTEGER,
    why          TEXT    NOT NULL,
    approved     INTEGER NOT NULL CHECK (approved IN (0, 1)),
    was_path     ANY,   -- the file's path before
    was_named    ANY,   -- the object's path in Gramps Web before
    was_checksum ANY,   -- what the path held, or the object named, before
    kept_as      ANY,   -- where the file that left its place is: in the trash, or beside
    undone       REAL   -- when a person had it put back
) STRICT;

INSERT INTO events (id, cycle, at, kind, path, handle, checksum, size, why, approved)
SELECT id, cycle, at, kind, path, handle, checksum, size, why, approved FROM activity;
DROP TABLE activity;

CREATE INDEX deletions ON events (at) WHERE kind IN ('trashed', 'deleted') AND approved = 0;
CREATE INDEX events_by_handle ON events (handle);
CREATE INDEX events_by_path ON events (path);
CREATE INDEX events_by_was_path ON events (was_path) WHERE was_path IS NOT NULL;
CREATE INDEX events_by_checksum ON events (checksum);
CREATE INDEX events_by_was_checksum ON events (was_checksum) WHERE was_checksum IS NOT NULL;
