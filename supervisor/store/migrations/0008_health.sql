-- Whether apps answered while they were meant to, as spans; gaps are times when nobody wanted them or nobody looked.
CREATE TABLE health (
    app_id TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    since  INTEGER NOT NULL,
    -- when it was last known to be so
    until  INTEGER NOT NULL CHECK (until >= since),
    up     INTEGER NOT NULL CHECK (up IN (0, 1)),
    -- why it did not; empty for a span in which it did
    reason TEXT    NOT NULL,
    PRIMARY KEY (app_id, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX health_until ON health (until);
