-- Where a link's file is by now, while its object cannot have that name yet; NULL where both go by `path`.

ALTER TABLE links ADD COLUMN moved_to TEXT;
