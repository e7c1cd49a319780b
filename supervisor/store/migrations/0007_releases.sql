-- Snapshots of an app's data, each taken before a release took the data over.
CREATE TABLE snapshot (
    app_id     TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- of the release that took over; names the snapshot's folder
    number     INTEGER NOT NULL CHECK (number > 0),
    -- the release that the data is of
    release_id TEXT    NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    -- bytes, as long as the files are
    size       INTEGER NOT NULL CHECK (size >= 0),
    reason     TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    PRIMARY KEY (app_id, number)
) STRICT, WITHOUT ROWID;
