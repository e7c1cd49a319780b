//! Every query about bindings.

use orbitr_model::{AppId, Timestamp};
use orbitr_store::{self as store, Tx, row, time::to_ms};
use rusqlite::{Connection, Row, params};

/// A requirement of an app that another app fulfils.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BindingRow {
    /// Whose requirement.
    pub(crate) app: AppId,
    /// Its name in the app's extension.
    pub(crate) name: String,
    /// Who fulfils it.
    pub(crate) provider: AppId,
    /// The name of what it provides in its extension.
    pub(crate) provides: String,
    /// The database and the user there.
    pub(crate) login: String,
    /// When the provider made them.
    pub(crate) made: Option<Timestamp>,
}

const BINDING: &str = "SELECT app_id, name, provider_id, provides, login, made FROM binding";

fn binding(row: &Row<'_>) -> rusqlite::Result<BindingRow> {
    Ok(BindingRow {
        app: row::parse(row, "app_id")?,
        name: row.get("name")?,
        provider: row::parse(row, "provider_id")?,
        provides: row.get("provides")?,
        login: row.get("login")?,
        made: row::time_opt(row, "made")?,
    })
}

/// What an app gets from others.
pub(crate) fn of_app(conn: &Connection, app: &AppId) -> Result<Vec<BindingRow>, store::Error> {
    let mut query = conn.prepare_cached(&format!("{BINDING} WHERE app_id = ?1 ORDER BY name"))?;
    Ok(query.query_map([app.as_str()], binding)?.collect::<Result<_, _>>()?)
}

/// What others get from an app.
pub(crate) fn of_provider(conn: &Connection, provider: &AppId) -> Result<Vec<BindingRow>, store::Error> {
    let mut query = conn.prepare_cached(&format!("{BINDING} WHERE provider_id = ?1 ORDER BY app_id, name"))?;
    Ok(query.query_map([provider.as_str()], binding)?.collect::<Result<_, _>>()?)
}

pub(crate) fn insert(tx: &mut Tx<'_>, row: &BindingRow) -> Result<(), store::Error> {
    tx.prepare_cached(
        "INSERT INTO binding (app_id, name, provider_id, provides, login, made) VALUES (?1, ?2, ?3, ?4, ?5, NULL)",
    )?
    .execute(params![row.app.as_str(), row.name, row.provider.as_str(), row.provides, row.login])?;
    Ok(())
}

/// Notes whether the provider has made the place.
pub(crate) fn set_made(tx: &mut Tx<'_>, app: &AppId, name: &str, made: Option<Timestamp>) -> Result<(), store::Error> {
    tx.prepare_cached("UPDATE binding SET made = ?3 WHERE app_id = ?1 AND name = ?2")?.execute(params![
        app.as_str(),
        name,
        made.map(to_ms)
    ])?;
    Ok(())
}

/// Forgets what a provider that never came to be was to give.
pub(crate) fn forget_unmade(tx: &mut Tx<'_>, provider: &AppId) -> Result<(), store::Error> {
    tx.prepare_cached("DELETE FROM binding WHERE provider_id = ?1 AND made IS NULL")?.execute([provider.as_str()])?;
    Ok(())
}
