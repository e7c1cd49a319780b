-- Apps that move: jobs that work on two apps, and files that hold an app. Times are unix milliseconds, UTC.

-- A clone is made of one app into another: nobody else works on either meanwhile.
ALTER TABLE job ADD COLUMN also TEXT;
ALTER TABLE job ADD COLUMN also_lock TEXT;

-- A file that holds an app with its data: exported here, or brought from elsewhere. A row is there only while its file is
-- whole; the file is `<id>.tar.gz` in the folder of archives.
CREATE TABLE archive (
    id         TEXT    NOT NULL PRIMARY KEY,
    -- who may manage this project may use it; it outlives its app
    project_id TEXT    NOT NULL REFERENCES project (id),
    -- exported: made of an app of this box; uploaded: brought by somebody
    origin     TEXT    NOT NULL CHECK (origin IN ('exported', 'uploaded')),
    -- what its own manifest.json says
    contents   TEXT    NOT NULL CHECK (json_valid(contents)),
    size       INTEGER NOT NULL CHECK (size >= 0),
    -- of the whole file, hexadecimal
    sha256     TEXT    NOT NULL CHECK (length(sha256) = 64),
    made_by    TEXT    NOT NULL CHECK (json_valid(made_by)),
    created    INTEGER NOT NULL,
    -- when it is deleted by itself; never where this is null
    expires    INTEGER
) STRICT;
CREATE INDEX archive_of_project ON archive (project_id);
