-- What `syncd verify --deep` has read in the round that is under way, or in the last one: an interrupted round goes on.

CREATE TABLE hashed (
    place TEXT NOT NULL CHECK (place IN ('folder', 'bucket', 'server')),
    name  ANY  NOT NULL,  -- the path's key, the checksum, the object's handle
    stamp ANY  NOT NULL,  -- how it looked: what differs is another file, and is read again
    found TEXT NOT NULL CHECK (length(found) = 32),
    at    REAL NOT NULL,
    PRIMARY KEY (place, name)
) STRICT;
