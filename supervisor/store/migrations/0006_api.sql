-- Answers to requests with an idempotency key, for a day. The key is a digest of the caller's credentials
-- and the key as sent; an answer is kept so that a repeated request gets it again.
CREATE TABLE idempotency (
    key      TEXT    NOT NULL PRIMARY KEY,
    -- digest of method, path and body
    request  TEXT    NOT NULL,
    begun    INTEGER NOT NULL,
    -- null until it is answered
    status   INTEGER,
    kind     TEXT,
    location TEXT,
    body     BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (begun);
