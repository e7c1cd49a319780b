//! What somebody with the database's file can do to history.

/// By hand, with the triggers out of the way: what is done, and how.
pub(crate) const TAMPERING: &[(&str, &str)] = &[
    ("a changed detail", "DROP TRIGGER event_no_update; UPDATE event SET detail = '{\"name\":\"Other\"}' WHERE id = 3"),
    ("a changed actor", "DROP TRIGGER event_no_update; UPDATE event SET actor = '{\"kind\":\"box\"}' WHERE id = 2"),
    ("a changed time", "DROP TRIGGER event_no_update; UPDATE event SET at = at + 1 WHERE id = 2"),
    ("a row taken out", "DROP TRIGGER event_no_delete; DELETE FROM event WHERE id = 3"),
    ("the end cut off", "DROP TRIGGER event_no_delete; DELETE FROM event WHERE id > 3"),
    (
        "two rows that changed places",
        "DROP TRIGGER event_no_update; UPDATE event SET id = -1 WHERE id = 2;
         UPDATE event SET id = 2 WHERE id = 3; UPDATE event SET id = 3 WHERE id = -1",
    ),
    (
        "a row put in",
        "INSERT INTO event (id, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, hash)
         SELECT max(id) + 1, at, actor, action, subject_kind, subject_id, subject_name, outcome, detail, hash FROM event",
    ),
];
