-- Apps and their releases. What can be observed (container states, health) is not stored here.

CREATE TABLE app (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    project_id     TEXT    NOT NULL REFERENCES project (id),
    extension      TEXT    NOT NULL,
    -- installing: its first release is not active yet; installed; removing: a job takes it away, forwards only;
    -- kept: removed, but its data, inputs and secrets wait for a reinstall
    phase          TEXT    NOT NULL CHECK (phase IN ('installing', 'installed', 'removing', 'kept')),
    wanted         TEXT    NOT NULL CHECK (wanted IN ('running', 'stopped')),
    -- the only pointer to what the app runs
    active_release TEXT    REFERENCES release (id) DEFERRABLE INITIALLY DEFERRED,
    created        INTEGER NOT NULL,
    changed        INTEGER NOT NULL,
    CHECK (phase <> 'installed' OR active_release IS NOT NULL)
) STRICT;

CREATE TABLE release (
    id        TEXT    NOT NULL PRIMARY KEY,
    app_id    TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- counts up by one within the app; names the release's folder
    number    INTEGER NOT NULL CHECK (number > 0),
    extension TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    revision  INTEGER NOT NULL,
    -- the extension's own text, as it was when the release was made
    manifest  TEXT    NOT NULL,
    -- inputs without secret values: those are sealed in the secret table under app/<id>/input/<name>
    inputs    TEXT    NOT NULL CHECK (json_valid(inputs)),
    -- host ports by port name
    ports     TEXT    NOT NULL CHECK (json_valid(ports)),
    -- image reference and digest by service; filled in by the pull
    images    TEXT    NOT NULL CHECK (json_valid(images)),
    reason    TEXT    NOT NULL,
    made_by   TEXT    NOT NULL CHECK (json_valid(made_by)),
    created   INTEGER NOT NULL,
    UNIQUE (app_id, number)
) STRICT;

-- Host ports that apps hold or are about to hold. The key makes a double assignment impossible.
CREATE TABLE host_port (
    port       INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    protocol   TEXT    NOT NULL CHECK (protocol IN ('tcp', 'udp')),
    app_id     TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    release_id TEXT    NOT NULL REFERENCES release (id) ON DELETE CASCADE,
    PRIMARY KEY (port, protocol, app_id, release_id)
) STRICT;

-- Two releases of one app may hold the same port (the old one until the new one is active), two apps never.
CREATE TRIGGER host_port_belongs_to_one_app BEFORE INSERT ON host_port
WHEN EXISTS (SELECT 1 FROM host_port WHERE port = NEW.port AND protocol = NEW.protocol AND app_id <> NEW.app_id)
BEGIN
    SELECT RAISE(ABORT, 'host port is taken by another app');
END;
