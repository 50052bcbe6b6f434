-- What a look at a few files and objects needs to find by anything but the primary key, at a cost that does not grow with
-- the tree: links by path, all three by content, and the objects that have no link.

ALTER TABLE links ADD COLUMN fold TEXT;        -- the path without regard to case and form; NULL where not computed yet
ALTER TABLE links ADD COLUMN moved_fold TEXT;  -- that of moved_to

-- What is not plain ASCII is computed when it is first asked for.
UPDATE links SET fold = lower(path) WHERE path NOT GLOB '*[^ -~]*';
UPDATE links SET moved_fold = lower(moved_to) WHERE moved_to NOT GLOB '*[^ -~]*';

CREATE INDEX links_by_fold ON links (fold);
CREATE INDEX links_by_moved_fold ON links (moved_fold) WHERE moved_fold IS NOT NULL;
CREATE INDEX links_by_checksum ON links (checksum);
CREATE INDEX objects_by_checksum ON objects (lower(trim(checksum)));  -- as a checksum is read, whoever wrote it
CREATE INDEX stamps_by_checksum ON stamps (checksum);

CREATE TABLE unlinked (handle TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO unlinked SELECT handle FROM objects WHERE handle NOT IN (SELECT handle FROM links);

CREATE TRIGGER object_comes AFTER INSERT ON objects
WHEN NOT EXISTS (SELECT 1 FROM links WHERE handle = NEW.handle)
BEGIN
    INSERT OR IGNORE INTO unlinked VALUES (NEW.handle);
END;

CREATE TRIGGER object_goes AFTER DELETE ON objects
BEGIN
    DELETE FROM unlinked WHERE handle = OLD.handle;
END;

CREATE TRIGGER link_comes AFTER INSERT ON links
BEGIN
    DELETE FROM unlinked WHERE handle = NEW.handle;
END;

CREATE TRIGGER link_goes AFTER DELETE ON links
WHEN EXISTS (SELECT 1 FROM objects WHERE handle = OLD.handle)
BEGIN
    INSERT OR IGNORE INTO unlinked VALUES (OLD.handle);
END;
