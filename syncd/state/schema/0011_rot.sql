-- Files whose bytes changed, but neither size nor times, as `syncd verify --deep` found them: they are no edits, even
-- after their name or their rights changed.

CREATE TABLE rot (
    path     TEXT    NOT NULL PRIMARY KEY,  -- the key
    inode    INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    found    TEXT    NOT NULL CHECK (length(found) = 32),
    good     TEXT    NOT NULL CHECK (length(good) = 32)  -- the checksum that the bytes had before
) STRICT;
