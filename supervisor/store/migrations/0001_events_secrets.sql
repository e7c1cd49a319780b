-- History, and secrets at rest. Times are INTEGER unix milliseconds.

-- One table is both the activity page and the audit log. Each row's hash covers the row and the hash
-- before it, so a changed, removed or reordered row is found. Rows are only ever added.
CREATE TABLE event (
    id           INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL CHECK (json_valid(actor)),
    action       TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id   TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    outcome      TEXT NOT NULL CHECK (outcome IN ('ok', 'denied', 'failed')),
    detail       TEXT NOT NULL CHECK (json_valid(detail)),
    address      TEXT,
    hash         BLOB NOT NULL CHECK (length(hash) = 32),
    -- Computed from `actor`, so that they cannot differ from what the hash covers.
    actor_kind   TEXT GENERATED ALWAYS AS (actor ->> 'kind') VIRTUAL,
    actor_name   TEXT GENERATED ALWAYS AS (actor ->> 'name') VIRTUAL,
    actor_user   TEXT GENERATED ALWAYS AS
        (CASE actor ->> 'kind' WHEN 'user' THEN actor ->> 'id' WHEN 'token' THEN actor ->> 'user' END) VIRTUAL
) STRICT;

CREATE INDEX event_by_subject ON event (subject_kind, subject_id, id);
CREATE INDEX event_by_user ON event (actor_user, id);
CREATE INDEX event_by_time ON event (at);

CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

-- Keeps «INSERT OR REPLACE» and gaps out.
CREATE TRIGGER event_in_order BEFORE INSERT ON event
WHEN NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM event)
BEGIN SELECT RAISE(ABORT, 'history is numbered without gaps'); END;

-- How long the chain is and how it ends, sealed with the box key: cutting off its end is found too.
CREATE TABLE event_head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    count     INTEGER NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    seal      BLOB NOT NULL,
    broken_at INTEGER -- where the chain was found broken when history went on
) STRICT;

CREATE TRIGGER event_head_no_delete BEFORE DELETE ON event_head
BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;

-- AES-256-GCM under the box key; the name is the associated data.
CREATE TABLE secret (
    name    TEXT PRIMARY KEY,
    key_id  TEXT NOT NULL,
    nonce   BLOB NOT NULL CHECK (length(nonce) = 12),
    sealed  BLOB NOT NULL,
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which box key this database belongs to, with a value that only that key opens.
CREATE TABLE box_key (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    key_id TEXT NOT NULL,
    nonce  BLOB NOT NULL CHECK (length(nonce) = 12),
    sealed BLOB NOT NULL
) STRICT;

-- What happened to this file while it could not be sealed; the next start tells it to `event`.
CREATE TABLE pending_event (
    id     INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
