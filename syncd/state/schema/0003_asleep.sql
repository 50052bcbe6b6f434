-- A link whose path is ignored sleeps; what happened meanwhile is judged with more care when it wakes.

ALTER TABLE links ADD COLUMN asleep INTEGER NOT NULL DEFAULT 0 CHECK (asleep IN (0, 1));
