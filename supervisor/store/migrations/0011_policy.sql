-- What becomes of newer versions of an app without a person, and what the clock does. An app without a row is not held
-- and gets no update by itself.
CREATE TABLE update_policy (
    app_id    TEXT    NOT NULL PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
    -- not updated at all until somebody releases it
    held      INTEGER NOT NULL CHECK (held IN (0, 1)),
    -- why it is held, in somebody's own words
    reason    TEXT    NOT NULL,
    automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),
    -- JSON: the days and hours of automatic updates; null for any time
    hours     TEXT    CHECK (hours IS NULL OR json_valid(hours))
) STRICT, WITHOUT ROWID;

-- Versions that the box does not put in by itself (again).
CREATE TABLE passed_over (
    app_id   TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    version  TEXT    NOT NULL,
    revision INTEGER NOT NULL,
    -- tried: the box began to put it in; left: somebody went back from it
    why      TEXT    NOT NULL CHECK (why IN ('tried', 'left')),
    PRIMARY KEY (app_id, version, revision)
) STRICT, WITHOUT ROWID;

-- What whoever made a release consented to, by name. Who and when is the release's own.
CREATE TABLE consent (
    release_id TEXT NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (release_id, permission)
) STRICT, WITHOUT ROWID;

-- Actions by the clock.
CREATE TABLE schedule (
    app_id TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- the extension's name for it
    name   TEXT    NOT NULL,
    -- when, as the extension writes it; another text begins anew
    spec   TEXT    NOT NULL,
    -- when it was begun last, or first seen: the next time is counted from here
    since  INTEGER NOT NULL,
    -- the job of that time
    job    TEXT,
    PRIMARY KEY (app_id, name)
) STRICT, WITHOUT ROWID;
