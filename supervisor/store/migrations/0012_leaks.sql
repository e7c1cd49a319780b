-- Secrets of apps that were seen in a log of theirs: which and when, never what they are.
CREATE TABLE leak (
    app_id     TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- input/<name> or secret/<name>
    secret     TEXT    NOT NULL,
    service    TEXT    NOT NULL,
    -- the release that ran: when a later one has another value, nothing is left to be told
    release_id TEXT    NOT NULL,
    -- when the line was written
    seen       INTEGER NOT NULL,
    PRIMARY KEY (app_id, secret)
) STRICT, WITHOUT ROWID;
