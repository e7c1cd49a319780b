-- What is wrong, from the moment it was first seen until it is over. Why it is wrong and what helps is never kept: that is
-- found anew at each look.
CREATE TABLE issue (
    kind         TEXT    NOT NULL,
    subject_kind TEXT    NOT NULL CHECK (subject_kind IN ('box', 'app', 'job', 'unit', 'card')),
    -- 'box' for the box itself
    subject_id   TEXT    NOT NULL,
    -- the app that it is about: who sees the app sees the issue
    app          TEXT,
    -- for history, which may tell its end when nobody knows the rest any more
    about        TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    severity     TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'bad')),
    since        INTEGER NOT NULL,
    -- whether it has lasted long enough to be shown
    told         INTEGER NOT NULL CHECK (told IN (0, 1)),
    dismissed_at INTEGER,
    PRIMARY KEY (kind, subject_id)
) STRICT, WITHOUT ROWID;

-- How full the disk was, for saying when it will be full: every quarter of an hour, for a week.
CREATE TABLE disk_sample (
    at    INTEGER PRIMARY KEY,
    used  INTEGER NOT NULL CHECK (used >= 0),
    total INTEGER NOT NULL CHECK (total >= 0)
) STRICT;
