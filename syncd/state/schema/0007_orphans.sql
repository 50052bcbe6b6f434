-- Keys of the bucket that no object names: when they were seen so first, and which were moved to the quarantine.

CREATE TABLE orphans (
    checksum   TEXT PRIMARY KEY CHECK (length(checksum) = 32),
    first_seen REAL NOT NULL
) STRICT;

-- Written before a key is moved, so that a crash leaves a trace.
CREATE TABLE departures (
    kept_as  TEXT    PRIMARY KEY,
    checksum TEXT    NOT NULL CHECK (length(checksum) = 32),
    size     INTEGER NOT NULL,
    at       REAL    NOT NULL
) STRICT;
