-- What a Gramps Web that keeps media on its own disk was seen to serve: true while the object has that path and checksum.

CREATE TABLE served (
    handle   ANY     NOT NULL PRIMARY KEY,
    path     ANY     NOT NULL,
    checksum TEXT    NOT NULL,
    proof    TEXT    NOT NULL CHECK (proof IN ('lacking', 'there', 'read', 'wrong')),
    size     INTEGER NOT NULL,
    modified TEXT    NOT NULL
) STRICT;
