-- What apps of this box give to each other: one row for each requirement of an app that another app fulfils.
CREATE TABLE binding (
    app_id      TEXT    NOT NULL REFERENCES app (id) ON DELETE CASCADE,
    -- the requirement's name in the app's extension
    name        TEXT    NOT NULL,
    -- the app that fulfils it; it cannot go while this row is there
    provider_id TEXT    NOT NULL REFERENCES app (id),
    -- the name of what it provides in its extension
    provides    TEXT    NOT NULL,
    -- the database and the user that the provider makes for the app
    login       TEXT    NOT NULL,
    -- when the provider made them; none until then
    made        INTEGER,
    PRIMARY KEY (app_id, name),
    CHECK (app_id <> provider_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX binding_of_provider ON binding (provider_id);

-- Where each requirement of a release comes from, by its name; fields of what is outside the box, but no passwords.
ALTER TABLE release ADD COLUMN bindings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(bindings));
