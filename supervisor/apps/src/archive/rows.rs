//! Every query about archives.

use orbitr_model::{ByteSize, ProjectId, Timestamp, Topic};
use orbitr_store::{Tx, row, time::to_ms};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Archive, Origin};
use crate::Error;

const ARCHIVE: &str = "SELECT id, project_id, origin, contents, size, sha256, made_by, created, expires FROM archive";

fn read(row: &Row<'_>) -> rusqlite::Result<Archive> {
    let origin: String = row.get("origin")?;
    Ok(Archive {
        id: row::parse(row, "id")?,
        project: row::parse(row, "project_id")?,
        origin: if origin == Origin::Exported.as_str() { Origin::Exported } else { Origin::Uploaded },
        contents: row::json(row, "contents")?,
        size: ByteSize(row.get::<_, i64>("size")?.unsigned_abs()),
        sha256: row.get("sha256")?,
        made_by: row::json(row, "made_by")?,
        created: row::time(row, "created")?,
        expires: row::time_opt(row, "expires")?,
    })
}

/// Those of a project, the newest first.
pub(super) fn list(conn: &Connection, project: ProjectId) -> Result<Vec<Archive>, Error> {
    let mut query = conn.prepare_cached(&format!("{ARCHIVE} WHERE project_id = ?1 ORDER BY created DESC, id DESC"))?;
    Ok(query.query_map([project.to_string()], read)?.collect::<Result<_, _>>()?)
}

pub(super) fn all(conn: &Connection) -> Result<Vec<Archive>, Error> {
    let mut query = conn.prepare_cached(ARCHIVE)?;
    Ok(query.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// One of a project.
pub(super) fn get(conn: &Connection, project: ProjectId, id: Uuid) -> Result<Archive, Error> {
    let mut query = conn.prepare_cached(&format!("{ARCHIVE} WHERE id = ?1 AND project_id = ?2"))?;
    let found = query.query_row([id.to_string(), project.to_string()], read).optional()?;
    found.ok_or(Error::ArchiveGone(id))
}

/// Writes an archive down whose file is whole.
pub(crate) fn insert(tx: &mut Tx<'_>, archive: &Archive) -> Result<(), orbitr_store::Error> {
    let json = |text: serde_json::Result<String>| {
        text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    };
    tx.prepare_cached(
        "INSERT OR REPLACE INTO archive (id, project_id, origin, contents, size, sha256, made_by, created, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        archive.id.to_string(),
        archive.project.to_string(),
        archive.origin.as_str(),
        json(serde_json::to_string(&archive.contents))?,
        i64::try_from(archive.size.0).unwrap_or(i64::MAX),
        archive.sha256,
        json(serde_json::to_string(&archive.made_by))?,
        to_ms(archive.created),
        archive.expires.map(to_ms),
    ])?;
    tx.changed(Topic::Apps);
    Ok(())
}

pub(super) fn delete(tx: &mut Tx<'_>, id: Uuid) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM archive WHERE id = ?1")?.execute([id.to_string()])?;
    tx.changed(Topic::Apps);
    Ok(())
}

/// Whether a job reads or writes an archive now.
pub(super) fn is_in_use(conn: &Connection, id: Uuid) -> Result<bool, Error> {
    let id = id.to_string();
    Ok(orbitr_jobs::unfinished(conn, None)?.iter().any(|job| job.args.contains(&id)))
}

/// Those whose time is over.
pub(super) fn expired(conn: &Connection, now: Timestamp) -> Result<Vec<Archive>, Error> {
    Ok(all(conn)?.into_iter().filter(|archive| archive.expires.is_some_and(|at| at <= now)).collect())
}
