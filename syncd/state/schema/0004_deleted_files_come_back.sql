-- A file that comes back gets its object back: in the tree from which it was deleted, and under its name.

-- The tree that the trashed file's object was deleted from; NULL where nobody knows.
ALTER TABLE trash ADD COLUMN tree_id TEXT;
UPDATE trash SET tree_id = (SELECT tree_id FROM binding);

-- The object's path in Gramps Web when it was deleted; NULL where nobody noted it.
ALTER TABLE undos ADD COLUMN named ANY;
