-- Who may: people, what they hold, and what was given to them. Owned by supervisor/access.
-- Times are unix milliseconds. Secrets that people carry (sessions, tokens, invites, challenges, the
-- setup code) are here only as SHA-256; passwords as Argon2id; TOTP secrets in the table of secrets.

-- The code that claims the box: one row until somebody has used it, none from then on.
CREATE TABLE setup_code (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    made_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE user (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    display_name   TEXT NOT NULL,
    role           TEXT NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    password       TEXT NOT NULL,
    -- Set while the password is a one-time one: it must be changed, and works until then.
    one_time_until INTEGER,
    -- Since when a second step is asked for; the last TOTP step that was used, so that none works twice.
    totp_since     INTEGER,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    recovery_salt  BLOB,
    created_at     INTEGER NOT NULL,
    last_sign_in   INTEGER,
    disabled_at    INTEGER
) STRICT;

CREATE TABLE recovery_code (
    user_id TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id      TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    address      TEXT,
    user_agent   TEXT NOT NULL
) STRICT;
CREATE INDEX session_of_user ON session (user_id);

-- A right password that still waits for its second step.
CREATE TABLE challenge (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    user_id    TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE invite (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    role         TEXT NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    note         TEXT NOT NULL,
    grants       TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

-- Which project an app is in. Rooms write it through access::scope.
CREATE TABLE project (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX one_built_in_project ON project (built_in) WHERE built_in = 1;

CREATE TABLE app_scope (
    app_id     TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id)
) STRICT, WITHOUT ROWID;

-- Grants go with the app: an app that is installed later under the same id starts without any.
CREATE TABLE grant_on_app (
    user_id TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    app_id  TEXT NOT NULL REFERENCES app_scope (app_id) ON DELETE CASCADE,
    level   TEXT NOT NULL CHECK (level IN ('view', 'operate', 'manage')),
    PRIMARY KEY (user_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_of_app ON grant_on_app (app_id);

CREATE TABLE grant_on_project (
    user_id    TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    level      TEXT NOT NULL CHECK (level IN ('view', 'operate', 'manage')),
    PRIMARY KEY (user_id, project_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_of_project ON grant_on_project (project_id);

CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT NOT NULL,
    user_id      TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    label        TEXT NOT NULL,
    level        TEXT NOT NULL CHECK (level IN ('view', 'operate', 'manage', 'administer')),
    -- Whether it reaches only what token_app and token_project name. A column of its own, so that a
    -- token whose last app is removed reaches nothing rather than everything.
    limited      INTEGER NOT NULL CHECK (limited IN (0, 1)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    last_address TEXT
) STRICT;
CREATE INDEX token_of_user ON token (user_id);

CREATE TABLE token_app (
    token_id TEXT NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    app_id   TEXT NOT NULL REFERENCES app_scope (app_id) ON DELETE CASCADE,
    PRIMARY KEY (token_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_of_app ON token_app (app_id);

CREATE TABLE token_project (
    token_id   TEXT NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
    PRIMARY KEY (token_id, project_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX token_of_project ON token_project (project_id);

-- Failed tries, by account and by address. `key` of an account is a hash of the name that was typed:
-- people type passwords into the wrong field.
CREATE TABLE backoff (
    kind      TEXT NOT NULL,
    key       TEXT NOT NULL,
    failures  INTEGER NOT NULL CHECK (failures >= 0),
    last_at   INTEGER NOT NULL,
    closed_until INTEGER,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
