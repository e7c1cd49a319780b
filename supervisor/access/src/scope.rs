//! Which project each app is in. The room that makes an app says so here, in the transaction in which the
//! app begins and in the one in which it ends; until then nobody but an admin can see it.

use orbitr_model::{AppId, ProjectId, Topic};
use orbitr_store::{Error, Tx, row};
use rusqlite::{Connection, OptionalExtension};

/// Puts an app into a project.
///
/// # Errors
/// When the app is in a project already, or there is no such project; otherwise as the database.
pub fn add_app(tx: &mut Tx<'_>, app: &AppId, project: &ProjectId) -> Result<(), Error> {
    tx.execute("INSERT INTO app_scope (app_id, project_id) VALUES (?1, ?2)", [app.as_str(), &project.to_string()])?;
    tx.changed(Topic::Apps);
    Ok(())
}

/// Takes an app out of its project, and with it every grant and every token's limit that names it: an app
/// that is installed later under the same id starts without any. Without such an app nothing happens.
///
/// # Errors
/// As the database.
pub fn remove_app(tx: &mut Tx<'_>, app: &AppId) -> Result<(), Error> {
    tx.execute("DELETE FROM app_scope WHERE app_id = ?1", [app.as_str()])?;
    tx.changed(Topic::Apps);
    Ok(())
}

/// The project that an app is in; none when there is no such app.
///
/// # Errors
/// As the database.
pub fn project_of(conn: &Connection, app: &AppId) -> Result<Option<ProjectId>, Error> {
    let mut query = conn.prepare_cached("SELECT project_id FROM app_scope WHERE app_id = ?1")?;
    Ok(query.query_row([app.as_str()], |found| row::parse(found, "project_id")).optional()?)
}

/// The built-in project; none until the box is claimed.
///
/// # Errors
/// As the database.
pub fn home(conn: &Connection) -> Result<Option<ProjectId>, Error> {
    let mut query = conn.prepare_cached("SELECT id FROM project WHERE built_in = 1")?;
    Ok(query.query_row([], |found| row::parse(found, "id")).optional()?)
}

/// Whether there is such a project.
pub(crate) fn has_project(conn: &Connection, project: &ProjectId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM project WHERE id = ?1")?.exists([project.to_string()])
}

/// Whether there is such an app.
pub(crate) fn has_app(conn: &Connection, app: &AppId) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM app_scope WHERE app_id = ?1")?.exists([app.as_str()])
}
