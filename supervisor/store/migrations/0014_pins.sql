-- Releases that stay however many come after them.
ALTER TABLE release ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));
