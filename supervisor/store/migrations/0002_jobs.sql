-- Durable work. Times are unix milliseconds, UTC.

CREATE TABLE job (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival; a clock may jump, this does not
    id          TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL,
    args        TEXT    NOT NULL,                  -- JSON, read by the kind; holds no secret
    title       TEXT    NOT NULL,
    actor       TEXT    NOT NULL,                  -- JSON, who wanted it
    owner       TEXT,                              -- the actor's account, where there is one
    app         TEXT,
    lock        TEXT,
    state       TEXT    NOT NULL
                CHECK (state IN ('queued', 'running', 'undoing', 'succeeded', 'failed', 'cancelled')),
    cancel      INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1)), -- somebody asked for it
    problem     TEXT,                              -- JSON, why it failed or is being undone
    failed_step TEXT,
    progress    REAL    CHECK (progress BETWEEN 0 AND 1),
    message     TEXT    NOT NULL DEFAULT '',
    resumed     INTEGER NOT NULL DEFAULT 0,
    queued      INTEGER NOT NULL,
    started     INTEGER,
    ended       INTEGER,
    CHECK ((ended IS NULL) = (state IN ('queued', 'running', 'undoing')))
) STRICT;

-- The lock itself: the database refuses a second job that would hold the same one.
CREATE UNIQUE INDEX job_lock ON job (lock) WHERE state IN ('running', 'undoing');
CREATE INDEX job_unfinished ON job (seq) WHERE ended IS NULL;
CREATE INDEX job_finished ON job (seq) WHERE ended IS NOT NULL;

CREATE TABLE job_step (
    job           TEXT    NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,                -- from 0, in the order in which they are done
    name          TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    limit_ms      INTEGER NOT NULL,
    reversible    INTEGER NOT NULL CHECK (reversible IN (0, 1)),
    state         TEXT    NOT NULL
                  CHECK (state IN ('pending', 'running', 'done', 'failed', 'undoing', 'undone')),
    attempts      INTEGER NOT NULL DEFAULT 0,
    undo_attempts INTEGER NOT NULL DEFAULT 0,
    started       INTEGER,
    ended         INTEGER,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
