//! Every query of the room. Reads take a connection, writes a transaction.

use std::collections::{BTreeMap, HashSet};

use orbitr_docker::{ImageReceipt, ImageRef};

use orbitr_model::{AppId, ByteSize, DisplayName, ReleaseId, Timestamp, Topic};
use orbitr_store::{self as store, Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Error, bindings,
    model::{App, HostPort, Image, Phase, Release, Snapshot, Wanted},
};

const APP: &str = "SELECT id, name, project_id, extension, phase, wanted, active_release, created, changed FROM app";
const RELEASE: &str = "SELECT id, app_id, number, extension, version, revision, manifest, inputs, ports, images, bindings, reason, \
                       made_by, created, pinned FROM release";

const IN_BRIEF: &str = "SELECT app.id, app.name, app.project_id, app.extension, app.phase, app.wanted, app.active_release, \
                        app.created, app.changed, release.id AS release_id, release.version, release.revision, \
                        release.ports \
                        FROM app LEFT JOIN release ON release.id = coalesce(app.active_release, \
                        (SELECT id FROM release WHERE app_id = app.id ORDER BY number DESC LIMIT 1))";

fn app(row: &Row<'_>) -> rusqlite::Result<App> {
    Ok(App {
        id: row::parse(row, "id")?,
        name: row::parse(row, "name")?,
        project: row::parse(row, "project_id")?,
        extension: row::parse(row, "extension")?,
        phase: row::word(row, "phase")?,
        wanted: row::word(row, "wanted")?,
        active: row::parse_opt(row, "active_release")?,
        created: row::time(row, "created")?,
        changed: row::time(row, "changed")?,
    })
}

fn release(row: &Row<'_>) -> rusqlite::Result<Release> {
    Ok(Release {
        id: row::parse(row, "id")?,
        app: row::parse(row, "app_id")?,
        number: row.get("number")?,
        extension: row::parse(row, "extension")?,
        version: row.get("version")?,
        revision: row.get("revision")?,
        manifest: row.get("manifest")?,
        inputs: row::json(row, "inputs")?,
        ports: row::json(row, "ports")?,
        images: row::json(row, "images")?,
        bindings: row::json(row, "bindings")?,
        reason: row.get("reason")?,
        made_by: row::json(row, "made_by")?,
        created: row::time(row, "created")?,
        pinned: row.get("pinned")?,
    })
}

pub(crate) fn apps(conn: &Connection) -> Result<Vec<App>, Error> {
    let mut query = conn.prepare_cached(&format!("{APP} ORDER BY name COLLATE NOCASE, id"))?;
    Ok(query.query_map([], app)?.collect::<Result<_, _>>()?)
}

pub(crate) fn find(conn: &Connection, id: &AppId) -> Result<Option<App>, Error> {
    let mut query = conn.prepare_cached(&format!("{APP} WHERE id = ?1"))?;
    Ok(query.query_row([id.as_str()], app).optional()?)
}

/// The app, or the error that says that there is none.
pub(crate) fn get(conn: &Connection, id: &AppId) -> Result<App, Error> {
    find(conn, id)?.ok_or_else(|| Error::NotFound(id.clone()))
}

pub(crate) fn get_release(conn: &Connection, id: ReleaseId) -> Result<Release, Error> {
    let mut query = conn.prepare_cached(&format!("{RELEASE} WHERE id = ?1"))?;
    query.query_row([id.to_string()], release).optional()?.ok_or(Error::ReleaseGone(id))
}

/// An app's releases, the newest first.
pub(crate) fn releases(conn: &Connection, app: &AppId) -> Result<Vec<Release>, Error> {
    let mut query = conn.prepare_cached(&format!("{RELEASE} WHERE app_id = ?1 ORDER BY number DESC"))?;
    Ok(query.query_map([app.as_str()], release)?.collect::<Result<_, _>>()?)
}

/// The release that the app runs, or ran last when its data is kept.
pub(crate) fn latest(conn: &Connection, app: &App) -> Result<Option<Release>, Error> {
    match app.active {
        Some(id) => get_release(conn, id).map(Some),
        None => Ok(releases(conn, &app.id)?.into_iter().next()),
    }
}

/// What lists show of a release.
pub(crate) struct Brief {
    pub(crate) id: ReleaseId,
    pub(crate) version: String,
    pub(crate) revision: u32,
    pub(crate) ports: BTreeMap<String, HostPort>,
}

/// Every app with its active release, or the newest where none is active, in one statement: it is behind every list.
pub(crate) fn apps_in_brief(conn: &Connection) -> Result<Vec<(App, Option<Brief>)>, Error> {
    let mut query = conn.prepare_cached(&format!("{IN_BRIEF} ORDER BY app.name COLLATE NOCASE, app.id"))?;
    Ok(query.query_map([], in_brief)?.collect::<Result<_, _>>()?)
}

/// As [`apps_in_brief`], one app.
pub(crate) fn app_in_brief(conn: &Connection, id: &AppId) -> Result<(App, Option<Brief>), Error> {
    let mut query = conn.prepare_cached(&format!("{IN_BRIEF} WHERE app.id = ?1"))?;
    query.query_row([id.as_str()], in_brief).optional()?.ok_or_else(|| Error::NotFound(id.clone()))
}

fn in_brief(row: &Row<'_>) -> rusqlite::Result<(App, Option<Brief>)> {
    let brief = match row::parse_opt(row, "release_id")? {
        Some(id) => Some(Brief {
            id,
            version: row.get("version")?,
            revision: row.get("revision")?,
            ports: row::json(row, "ports")?,
        }),
        None => None,
    };
    Ok((app(row)?, brief))
}

/// The text of a release's extension.
pub(crate) fn manifest(conn: &Connection, id: ReleaseId) -> Result<String, Error> {
    let mut query = conn.prepare_cached("SELECT manifest FROM release WHERE id = ?1")?;
    query.query_row([id.to_string()], |row| row.get(0)).optional()?.ok_or(Error::ReleaseGone(id))
}

pub(crate) fn next_number(conn: &Connection, app: &AppId) -> Result<u32, Error> {
    let mut query = conn.prepare_cached("SELECT coalesce(max(number), 0) + 1 FROM release WHERE app_id = ?1")?;
    Ok(query.query_row([app.as_str()], |row| row.get(0))?)
}

/// An app's release by its number.
pub(crate) fn release_by_number(conn: &Connection, app: &AppId, number: u32) -> Result<Option<Release>, Error> {
    let mut query = conn.prepare_cached(&format!("{RELEASE} WHERE app_id = ?1 AND number = ?2"))?;
    Ok(query.query_row(params![app.as_str(), number], release).optional()?)
}

/// Whether there is such a release, which stays from now on or goes when it is old.
pub(crate) fn pin(tx: &mut Tx<'_>, app: &AppId, number: u32, pinned: bool) -> Result<bool, Error> {
    let changed = tx
        .prepare_cached("UPDATE release SET pinned = ?3 WHERE app_id = ?1 AND number = ?2")?
        .execute(params![app.as_str(), number, pinned])?;
    touched(tx, app);
    Ok(changed > 0)
}

/// The snapshots of an app's data, the newest first.
pub(crate) fn snapshots(conn: &Connection, app: &AppId) -> Result<Vec<Snapshot>, Error> {
    let mut query = conn.prepare_cached(
        "SELECT number, release_id, size, reason, created FROM snapshot WHERE app_id = ?1 ORDER BY number DESC",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Snapshot {
            number: row.get("number")?,
            release: row::parse(row, "release_id")?,
            size: ByteSize(row.get::<_, i64>("size")?.try_into().unwrap_or_default()),
            reason: row.get("reason")?,
            created: row::time(row, "created")?,
        })
    };
    Ok(query.query_map([app.as_str()], read)?.collect::<Result<_, _>>()?)
}

/// Writes a snapshot down, or once more.
pub(crate) fn set_snapshot(tx: &mut Tx<'_>, app: &AppId, snapshot: &Snapshot) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO snapshot (app_id, number, release_id, size, reason, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        app.as_str(),
        snapshot.number,
        snapshot.release.to_string(),
        i64::try_from(snapshot.size.0).unwrap_or(i64::MAX),
        snapshot.reason,
        to_ms(snapshot.created),
    ])?;
    touched(tx, app);
    Ok(())
}

pub(crate) fn delete_snapshot(tx: &mut Tx<'_>, app: &AppId, number: u32) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM snapshot WHERE app_id = ?1 AND number = ?2")?
        .execute(params![app.as_str(), number])?;
    touched(tx, app);
    Ok(())
}

/// Host ports that apps hold, with the app.
pub(crate) fn held_ports(conn: &Connection) -> Result<Vec<(HostPort, AppId)>, Error> {
    let mut query = conn.prepare_cached("SELECT DISTINCT port, protocol, app_id FROM host_port")?;
    let rows = query.query_map([], |row| {
        Ok((HostPort { port: row.get("port")?, protocol: row::word(row, "protocol")? }, row::parse(row, "app_id")?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn insert_app(tx: &mut Tx<'_>, app: &App) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO app (id, name, project_id, extension, phase, wanted, active_release, created, changed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        app.id.as_str(),
        app.name.as_str(),
        app.project.to_string(),
        app.extension.as_str(),
        app.phase.as_str(),
        app.wanted.as_str(),
        app.active.map(|id| id.to_string()),
        to_ms(app.created),
        to_ms(app.changed),
    ])?;
    touched(tx, &app.id);
    Ok(())
}

pub(crate) fn insert_release(tx: &mut Tx<'_>, release: &Release) -> Result<(), Error> {
    tx.prepare_cached(
        "INSERT INTO release (id, app_id, number, extension, version, revision, manifest, inputs, ports, images,
                              bindings, reason, made_by, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        release.id.to_string(),
        release.app.as_str(),
        release.number,
        release.extension.as_str(),
        release.version,
        release.revision,
        release.manifest,
        to_json(&release.inputs)?,
        to_json(&release.ports)?,
        to_json(&release.images)?,
        to_json(&release.bindings)?,
        release.reason,
        to_json(&release.made_by)?,
        to_ms(release.created),
    ])?;
    for port in release.ports.values() {
        hold_port(tx, *port, release)?;
    }
    touched(tx, &release.app);
    Ok(())
}

fn hold_port(tx: &Tx<'_>, port: HostPort, release: &Release) -> Result<(), Error> {
    let held = tx
        .prepare_cached("INSERT INTO host_port (port, protocol, app_id, release_id) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![port.port, port.protocol.as_str(), release.app.as_str(), release.id.to_string()]);
    match held {
        Ok(_) => Ok(()),
        // The trigger: another app took it between the plan and now.
        Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.code == rusqlite::ErrorCode::ConstraintViolation => {
            Err(Error::PortTaken { port, by: None })
        }
        Err(error) => Err(error.into()),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Compose(error.to_string()))
}

pub(crate) fn set_images(tx: &mut Tx<'_>, id: ReleaseId, images: &BTreeMap<String, Image>) -> Result<(), Error> {
    let images = to_json(images)?;
    tx.prepare_cached("UPDATE release SET images = ?2 WHERE id = ?1")?.execute(params![id.to_string(), images])?;
    Ok(())
}

pub(crate) fn set_phase(tx: &mut Tx<'_>, id: &AppId, phase: Phase) -> Result<(), store::Error> {
    update(tx, id, "phase", phase.as_str())
}

pub(crate) fn set_wanted(tx: &mut Tx<'_>, id: &AppId, wanted: Wanted) -> Result<(), store::Error> {
    update(tx, id, "wanted", wanted.as_str())
}

pub(crate) fn set_name(tx: &mut Tx<'_>, id: &AppId, name: &DisplayName) -> Result<(), store::Error> {
    update(tx, id, "name", name.as_str())
}

/// Moves the one pointer: from now on the app runs this release.
pub(crate) fn activate(tx: &mut Tx<'_>, id: &AppId, release: ReleaseId) -> Result<(), store::Error> {
    tx.prepare_cached("UPDATE app SET phase = 'installed', active_release = ?2 WHERE id = ?1")?
        .execute(params![id.as_str(), release.to_string()])?;
    tx.prepare_cached("DELETE FROM host_port WHERE app_id = ?1 AND release_id <> ?2")?
        .execute(params![id.as_str(), release.to_string()])?;
    mark_changed(tx, id)
}

/// Takes a release back that never became active.
pub(crate) fn delete_release(tx: &mut Tx<'_>, app: &AppId, id: ReleaseId) -> Result<(), store::Error> {
    tx.prepare_cached("DELETE FROM release WHERE id = ?1")?.execute([id.to_string()])?;
    mark_changed(tx, app)
}

/// Turns the app into kept data: no active release, no ports.
pub(crate) fn keep(tx: &mut Tx<'_>, id: &AppId) -> Result<(), store::Error> {
    tx.prepare_cached("DELETE FROM host_port WHERE app_id = ?1")?.execute([id.as_str()])?;
    tx.prepare_cached("UPDATE app SET phase = 'kept', wanted = 'stopped', active_release = NULL WHERE id = ?1")?
        .execute([id.as_str()])?;
    mark_changed(tx, id)
}

/// Forgets the app with its releases and ports.
pub(crate) fn delete_app(tx: &mut Tx<'_>, id: &AppId) -> Result<(), store::Error> {
    bindings::rows::forget_unmade(tx, id)?;
    tx.prepare_cached("UPDATE app SET phase = 'removing', active_release = NULL WHERE id = ?1")?
        .execute([id.as_str()])?;
    tx.prepare_cached("DELETE FROM app WHERE id = ?1")?.execute([id.as_str()])?;
    touched(tx, id);
    Ok(())
}

fn update(tx: &mut Tx<'_>, id: &AppId, column: &'static str, value: &str) -> Result<(), store::Error> {
    tx.prepare_cached(&format!("UPDATE app SET {column} = ?2 WHERE id = ?1"))?.execute([id.as_str(), value])?;
    mark_changed(tx, id)
}

fn mark_changed(tx: &mut Tx<'_>, id: &AppId) -> Result<(), store::Error> {
    let now: Timestamp = tx.now();
    tx.prepare_cached("UPDATE app SET changed = max(changed + 1, ?2) WHERE id = ?1")?
        .execute(params![id.as_str(), to_ms(now)])?;
    touched(tx, id);
    Ok(())
}

/// Who shows the app or a list of them looks again.
pub(crate) fn touched(tx: &mut Tx<'_>, id: &AppId) {
    tx.changed(Topic::Apps);
    tx.changed(Topic::App(id.clone()));
}

/// The images that releases other than these need.
pub(crate) fn images_of_others(conn: &Connection, ids: &[ReleaseId]) -> Result<HashSet<ImageRef>, Error> {
    let mut query = conn.prepare_cached("SELECT id, images FROM release")?;
    let rows = query.query_map([], |row| {
        Ok((row::parse::<ReleaseId>(row, "id")?, row::json::<BTreeMap<String, Image>>(row, "images")?))
    })?;
    let mut needed = HashSet::new();
    for found in rows {
        let (id, images) = found?;
        if !ids.contains(&id) {
            needed.extend(images.into_values().map(|image| image.reference));
        }
    }
    Ok(needed)
}

/// Whether a job works on the app or is about to.
/// The proofs of all images that this box brought and may still have.
pub(crate) fn receipts(conn: &Connection) -> Result<Vec<ImageReceipt>, Error> {
    let mut query = conn.prepare_cached("SELECT images FROM release ORDER BY created DESC")?;
    let mut found = query.query([])?;
    let mut receipts = Vec::new();
    while let Some(row) = found.next()? {
        let images: BTreeMap<String, Image> = row::json(row, "images")?;
        receipts.extend(images.into_values().filter_map(|image| image.receipt));
    }
    Ok(receipts)
}

pub(crate) fn has_active_job(conn: &Connection, app: &AppId) -> Result<bool, Error> {
    Ok(!orbitr_jobs::unfinished(conn, Some(app))?.is_empty())
}

/// Makes kept data an app again, about to be installed.
pub(crate) fn reinstall(tx: &mut Tx<'_>, app: &App) -> Result<(), Error> {
    tx.prepare_cached("UPDATE app SET phase = 'installing', wanted = 'running', name = ?2 WHERE id = ?1")?
        .execute([app.id.as_str(), app.name.as_str()])?;
    mark_changed(tx, &app.id)?;
    Ok(())
}
