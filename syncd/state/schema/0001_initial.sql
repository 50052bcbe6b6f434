-- The first shape of the state. Times are Unix seconds unless a name says otherwise, sizes are bytes.
--
-- Columns of type ANY hold text that came from outside as it came: TEXT, or a BLOB (UTF-8 that lets lone surrogates
-- pass) where it is no proper Unicode. Inodes and devices are unsigned 64-bit numbers folded into SQLite's signed ones.

PRAGMA application_id = 0x73796e63;  -- "sync"

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What this state belongs to: at most one row.
CREATE TABLE binding (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    tree_id       TEXT    NOT NULL,
    bucket        TEXT,
    prefix        TEXT    NOT NULL,
    folder_id     TEXT    NOT NULL,
    media_dir     ANY     NOT NULL,
    server_url    TEXT    NOT NULL,
    title         ANY     NOT NULL,
    permissions   TEXT    NOT NULL,  -- a sorted JSON list
    first_contact INTEGER NOT NULL CHECK (first_contact IN (0, 1))
) STRICT;

-- The last transaction seen in the feed: at most one row.
CREATE TABLE cursor (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    transaction_id INTEGER NOT NULL,
    timestamp     REAL    NOT NULL
) STRICT;

-- The common ancestor of folder and Gramps Web.
CREATE TABLE links (
    handle   TEXT    PRIMARY KEY,
    named    ANY     NOT NULL,
    path     TEXT    NOT NULL,
    checksum TEXT    NOT NULL CHECK (length(checksum) = 32),
    inode    INTEGER NOT NULL,
    detached TEXT    CHECK (detached IN ('file-gone', 'object-gone')),
    restore  INTEGER NOT NULL CHECK (restore IN (0, 1))
) STRICT;

-- What the file system said of a file when it was last hashed; by the key (NFC) of its path.
CREATE TABLE stamps (
    path     TEXT    PRIMARY KEY,
    size     INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode    INTEGER NOT NULL,
    device   INTEGER NOT NULL,
    checksum TEXT    NOT NULL CHECK (length(checksum) = 32)
) STRICT;

-- The media objects as last seen.
CREATE TABLE objects (
    handle   TEXT    PRIMARY KEY,
    path     ANY     NOT NULL,
    checksum ANY     NOT NULL,
    mime     ANY     NOT NULL,
    change   INTEGER NOT NULL
) STRICT;

-- The bucket's keys as last seen.
CREATE TABLE stored (
    checksum TEXT    PRIMARY KEY CHECK (length(checksum) = 32),
    size     INTEGER NOT NULL
) STRICT;

-- Intents: what was begun and not yet recorded as finished.
CREATE TABLE journal (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL,
    path     ANY,
    handle   TEXT,
    checksum TEXT,
    detail   TEXT    NOT NULL  -- a JSON object of texts
) STRICT;

-- What was done and why.
CREATE TABLE activity (
    id       INTEGER PRIMARY KEY,
    cycle    TEXT    NOT NULL,
    at       REAL    NOT NULL,
    kind     TEXT    NOT NULL,
    path     ANY     NOT NULL,
    handle   TEXT,
    checksum TEXT,
    size     INTEGER,
    why      TEXT    NOT NULL,
    approved INTEGER NOT NULL CHECK (approved IN (0, 1))
) STRICT;

CREATE INDEX deletions ON activity (at) WHERE kind IN ('trashed', 'deleted') AND approved = 0;

CREATE TABLE conflicts (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     TEXT    NOT NULL,
    handle   TEXT    NOT NULL,
    kept_as  TEXT,
    at       REAL    NOT NULL,
    resolved INTEGER NOT NULL CHECK (resolved IN (0, 1))
) STRICT;

-- The files in the media folder's .syncd/trash/.
CREATE TABLE trash (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    path     TEXT    NOT NULL,
    kept_as  TEXT    NOT NULL UNIQUE,
    checksum TEXT,
    size     INTEGER NOT NULL,
    at       REAL    NOT NULL,
    reason   TEXT    NOT NULL,
    handle   TEXT
) STRICT;

-- The server's answers to deletions, for undoing them: of the tree in which they happened, and of no other.
CREATE TABLE undos (
    tree_id  TEXT NOT NULL,
    handle   TEXT NOT NULL,
    path     ANY  NOT NULL,
    checksum TEXT,
    undo     ANY  NOT NULL,
    at       REAL NOT NULL,
    PRIMARY KEY (tree_id, handle)
) STRICT;

-- What waits for a person. AUTOINCREMENT: a number that a person may still have in mind never means another set.
CREATE TABLE held_sets (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL CHECK (kind IN ('referenced', 'many-deletions', 'first-sync')),
    reason   TEXT    NOT NULL,
    approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
    told     INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;

CREATE TABLE held_items (
    set_id   INTEGER NOT NULL REFERENCES held_sets (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    action   TEXT    NOT NULL,
    path     ANY     NOT NULL,
    handle   TEXT    NOT NULL,
    checksum TEXT    NOT NULL,
    detail   ANY     NOT NULL,
    PRIMARY KEY (set_id, position)
) STRICT;

-- Fingerprints of what the person was told last.
CREATE TABLE news (
    fingerprint ANY PRIMARY KEY
) STRICT;
