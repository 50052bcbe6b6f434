-- Why an object was deleted, and a number of its own for each deletion.
--
-- Rebuilt, for AUTOINCREMENT: a number that a person may still have in mind never means another deletion. Those that are there
-- keep theirs.

CREATE TABLE deletions_kept (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    tree_id  TEXT NOT NULL,
    handle   TEXT NOT NULL,
    path     ANY  NOT NULL,
    checksum TEXT,
    undo     ANY  NOT NULL,
    at       REAL NOT NULL,
    named    ANY,
    why      TEXT NOT NULL,
    UNIQUE (tree_id, handle)
) STRICT;

INSERT INTO deletions_kept (id, tree_id, handle, path, checksum, undo, at, named, why)
SELECT rowid, tree_id, handle, path, checksum, undo, at, named, 'deleted in the folder' FROM undos;
DROP TABLE undos;
ALTER TABLE deletions_kept RENAME TO undos;
