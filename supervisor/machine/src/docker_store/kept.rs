//! What is remembered of rebuilds: rows of `setting` under `docker-store.`.

use orbitr_model::{AppId, JobId, Problem, Timestamp};
use orbitr_store::Tx;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, settings};

const LAST: &str = "docker-store.last";
const TRIED: &str = "docker-store.tried";

/// A rebuild of Docker's store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rebuild {
    /// Its job.
    pub job: JobId,
    /// When it began.
    pub at: Timestamp,
    /// Whether the box began it by itself.
    pub by_the_box: bool,
    /// Why, in a sentence without its full stop.
    pub why: String,
    /// What the store that was set aside is called; none before it is.
    pub name: Option<String>,
    /// Where that is.
    pub path: Option<String>,
    /// The apps that came back.
    pub back: Vec<AppId>,
    /// The apps that did not.
    pub missing: Vec<Missing>,
    /// How it ended; none while it is at work.
    pub end: Option<RebuildEnd>,
    /// Why it failed.
    pub problem: Option<Problem>,
}

/// How a rebuild ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RebuildEnd {
    /// Docker answers with a new store.
    Done,
    /// It does not.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// An app that did not come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// Which.
    pub app: AppId,
    /// Why.
    pub why: String,
}

impl Rebuild {
    pub(super) const fn begun(job: JobId, at: Timestamp, by_the_box: bool, why: String) -> Self {
        Self {
            job,
            at,
            by_the_box,
            why,
            name: None,
            path: None,
            back: Vec::new(),
            missing: Vec::new(),
            end: None,
            problem: None,
        }
    }
}

fn kept<T: DeserializeOwned>(conn: &Connection, key: &'static str) -> Result<Option<T>, Error> {
    let text = settings::get(conn, key)?;
    text.map(|text| serde_json::from_str(&text).map_err(|_| Error::Unreadable(key))).transpose()
}

fn keep(tx: &Tx<'_>, key: &'static str, value: &impl Serialize) -> Result<(), Error> {
    settings::put(tx, key, &serde_json::to_string(value).map_err(|_| Error::Unreadable(key))?)
}

pub(super) fn last(conn: &Connection) -> Result<Option<Rebuild>, Error> {
    kept(conn, LAST)
}

pub(super) fn begin(tx: &Tx<'_>, rebuild: &Rebuild) -> Result<(), Error> {
    keep(tx, LAST, rebuild)
}

/// Notes more of the rebuild that a job does; nothing where another one has begun since.
pub(super) fn change(tx: &Tx<'_>, job: JobId, change: impl FnOnce(&mut Rebuild)) -> Result<Option<Rebuild>, Error> {
    let Some(mut rebuild) = last(tx)?.filter(|last| last.job == job) else { return Ok(None) };
    change(&mut rebuild);
    keep(tx, LAST, &rebuild)?;
    Ok(Some(rebuild))
}

/// Notes how the rebuild that is at work ended; none where none is.
pub(super) fn end(tx: &Tx<'_>, end: RebuildEnd, problem: Option<Problem>) -> Result<Option<Rebuild>, Error> {
    let Some(job) = last(tx)?.filter(|last| last.end.is_none()).map(|last| last.job) else { return Ok(None) };
    change(tx, job, |rebuild| (rebuild.end, rebuild.problem) = (Some(end), problem))
}

/// When the box last began one by itself.
pub(super) fn tried(conn: &Connection) -> Result<Option<Timestamp>, Error> {
    kept(conn, TRIED)
}

pub(super) fn note_try(tx: &Tx<'_>, at: Timestamp) -> Result<(), Error> {
    keep(tx, TRIED, &at)
}
