//! What users ask for: exporting an app, looking at archives, downloading and deleting them.

use std::{path::PathBuf, time::Duration};

use orbitr_access::{
    Permit,
    action::{ExportApp, ManageArchives, ViewArchives},
};
use orbitr_jobs::StepError;
use orbitr_model::{Actor, FieldError, Timestamp, deed};
use orbitr_store::{NewEvent, Outcome, Subject, Tx};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{Archive, file, folder, part, rows};
use crate::{
    Apps, Error,
    copies::nothing_elsewhere,
    kinds::{
        export::{self, Export},
        remove::Archiving,
    },
    model::{App, Phase},
    ops::{event, new_job},
    view::Started,
    work::{Hands, blocking},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer than this is «until somebody deletes it».
const DAYS_MAX: u32 = 3650;
/// How long something that was brought is kept.
pub(super) const UPLOADED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A shorter passphrase is guessed.
const PASSPHRASE_MIN: usize = 8;
const PASSPHRASE_MAX: usize = 1024;

/// A request to put an app into a file.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Its passwords and keys are put in under this; without it they are left out.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// The archive is deleted after so many days; never when this is left out.
    #[serde(default)]
    pub days: Option<u32>,
}

impl std::fmt::Debug for ExportRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportRequest").field("days", &self.days).finish_non_exhaustive()
    }
}

/// An export that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Exporting {
    /// The app and the job.
    #[serde(flatten)]
    pub started: Started,
    /// The id of the archive that there will be.
    pub archive: Uuid,
}

/// An archive to be sent to somebody.
#[derive(Clone, Debug)]
pub struct Download {
    /// What is known of it.
    pub archive: Archive,
    /// Where it is.
    pub path: PathBuf,
}

impl Download {
    /// The file, piece by piece.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn pieces(&self) -> Result<tokio_util::io::ReaderStream<tokio::fs::File>, Error> {
        let file = tokio::fs::File::open(&self.path).await;
        let file = file.map_err(Error::file(format!("reading {}", self.path.display())))?;
        Ok(tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024))
    }
}

impl Apps {
    /// Puts an app with its data into a file. It stands still only while its data is copied.
    ///
    /// # Errors
    /// The passphrase is too short, the app is being installed or removed, or a job is at it.
    pub async fn export(
        &self,
        permit: &Permit<ExportApp>,
        _: &Permit<ManageArchives>,
        request: ExportRequest,
    ) -> Result<Exporting, Error> {
        check_passphrase(request.passphrase.as_deref())?;
        let expires = expires(request.days)?;
        let id = permit.resource().clone();
        let read = move |conn: &Connection| {
            let app = crate::rows::get(conn, &id)?;
            let release = crate::rows::latest(conn, &app)?;
            Ok::<_, Error>((app, release))
        };
        let (app, release) = self.hands.store.read(read).await?;
        let release = release.filter(|_| matches!(app.phase, Phase::Installed | Phase::Kept));
        let Some(release) = release else {
            return Err(Error::WrongState { app: app.id, why: "is neither installed nor kept".to_owned() });
        };
        nothing_elsewhere(&app.id, &release)?;
        self.hands.folder(&app.id).check().await?;
        let archive = Uuid::now_v7();
        let args = export::Args {
            app: app.id.clone(),
            release: release.id,
            running: export::is_wanted_up(&app),
            archive,
            expires,
        };
        let title = format!("Export {}", app.name);
        let job = new_job::<Export>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_EXPORT, &app, json!({ "passwords": request.passphrase.is_some() }));
        let secrets = self.hands.store.secrets().clone();
        let keep = move |tx: &mut Tx<'_>, _: &App| keep_passphrase(tx, &secrets, archive, request.passphrase);
        let started = self.start(app, event, job, keep).await?;
        Ok(Exporting { started, archive })
    }

    /// What an archive is made of before its app goes: nothing of it is left out.
    pub(crate) async fn archiving(&self, app: &App, passphrase: Option<&str>) -> Result<Archiving, Error> {
        check_passphrase(passphrase)?;
        let of = app.clone();
        let release = self.hands.store.read(move |conn| crate::rows::latest(conn, &of)).await?;
        let release = release.filter(|_| matches!(app.phase, Phase::Installed | Phase::Kept));
        let Some(release) = release else {
            return Err(Error::WrongState { app: app.id.clone(), why: "is neither installed nor kept".to_owned() });
        };
        nothing_elsewhere(&app.id, &release)?;
        self.hands.folder(&app.id).check().await?;
        if passphrase.is_none() && !crate::secret_values(&self.hands.store, &release).await?.is_empty() {
            let message = "its passwords would be lost: choose a passphrase for them".to_owned();
            return Err(Error::Inputs(vec![FieldError { field: "passphrase".to_owned(), message }]));
        }
        Ok(Archiving { id: Uuid::now_v7(), release: release.id, running: export::is_wanted_up(app) })
    }

    /// The archives of a project, the newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn archives(&self, permit: &Permit<ViewArchives>) -> Result<Vec<Archive>, Error> {
        let project = *permit.resource();
        self.hands.store.read(move |conn| rows::list(conn, project)).await
    }

    /// One archive.
    ///
    /// # Errors
    /// There is no such archive, or the database does not answer.
    pub async fn archive(&self, permit: &Permit<ViewArchives>, id: Uuid) -> Result<Archive, Error> {
        let project = *permit.resource();
        self.hands.store.read(move |conn| rows::get(conn, project, id)).await
    }

    /// An archive to be sent to somebody. Written to history.
    ///
    /// # Errors
    /// There is no such archive, or its file is gone.
    pub async fn download(&self, permit: &Permit<ViewArchives>, id: Uuid) -> Result<Download, Error> {
        let archive = self.archive(permit, id).await?;
        let path = file(&self.hands.root, id);
        if !path.is_file() {
            return Err(Error::ArchiveGone(id));
        }
        let event = about(&archive, deed::ARCHIVE_DOWNLOAD, permit.actor().clone(), permit.address());
        self.hands.store.write(move |tx| tx.event(event).map_err(Error::from)).await?;
        Ok(Download { archive, path })
    }

    /// Deletes an archive, for good.
    ///
    /// # Errors
    /// There is no such archive, or a job reads it.
    pub async fn delete_archive(&self, permit: &Permit<ManageArchives>, id: Uuid) -> Result<(), Error> {
        let project = *permit.resource();
        let (actor, address) = (permit.actor().clone(), permit.address());
        self.hands
            .store
            .write(move |tx| {
                let archive = rows::get(tx, project, id)?;
                if rows::is_in_use(tx, id)? {
                    return Err(Error::ArchiveBusy(id));
                }
                rows::delete(tx, id)?;
                tx.event(about(&archive, deed::ARCHIVE_DELETE, actor, address))?;
                Ok(())
            })
            .await?;
        let path = file(&self.hands.root, id);
        blocking(move || remove(&path)).await
    }
}

impl Hands {
    /// Deletes archives whose time is over, and files that belong to none: the next start of a box calls it, and each day.
    pub(crate) async fn tidy_archives(&self) -> Result<(), Error> {
        let now = orbitr_store::time::now();
        for archive in self.store.read(move |conn| rows::expired(conn, now)).await? {
            let id = archive.id;
            let gone = self.store.write(move |tx| {
                if rows::is_in_use(tx, id)? {
                    return Ok::<_, Error>(false);
                }
                rows::delete(tx, id)?;
                tx.event(about(&archive, deed::ARCHIVE_DELETE, Actor::Box, None))?;
                Ok(true)
            });
            if gone.await? {
                tracing::info!(archive = %id, "an archive's time is over");
            }
        }
        let at = folder(&self.root);
        let found = blocking(move || Ok(names(&at))).await?;
        for (path, id) in found {
            let known = move |conn: &Connection| {
                let known = rows::all(conn)?.iter().any(|archive| archive.id == id);
                Ok::<_, Error>(known || rows::is_in_use(conn, id)?)
            };
            if !self.store.read(known).await? && !super::upload::is_coming(id) {
                blocking(move || remove(&path)).await?;
            }
        }
        Ok(())
    }

    /// Goes on for as long as the box runs.
    pub(crate) async fn keep_archives_tidy(self) {
        loop {
            if let Err(error) = self.tidy_archives().await {
                tracing::warn!(%error, "archives could not be tidied");
            }
            tokio::time::sleep(DAY).await;
        }
    }

    /// Gives a whole archive its name; the row is the caller's to write. Blocks not.
    pub(crate) async fn name_archive(&self, id: Uuid) -> Result<(), StepError> {
        let (from, to) = (part(&self.root, id), file(&self.root, id));
        Ok(blocking(move || {
            // An earlier try came as far as this.
            if !from.is_file() && to.is_file() {
                return Ok(());
            }
            let named =
                std::fs::rename(&from, &to).and_then(|()| to.parent().map_or(Ok(()), orbitr_host::files::sync_dir));
            named.map_err(Error::file(format!("naming {}", to.display())))
        })
        .await?)
    }

    /// Takes an archive away that has no row.
    pub(crate) async fn drop_archive(&self, id: Uuid) -> Result<(), Error> {
        let (one, other) = (part(&self.root, id), file(&self.root, id));
        blocking(move || remove(&one).and_then(|()| remove(&other))).await
    }
}

fn names(folder: &std::path::Path) -> Vec<(PathBuf, Uuid)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let id = |path: &PathBuf| path.file_name()?.to_str()?.split('.').next()?.parse().ok();
    entries.flatten().map(|entry| entry.path()).filter_map(|path| id(&path).map(|id| (path, id))).collect()
}

pub(super) fn remove(path: &std::path::Path) -> Result<(), Error> {
    orbitr_host::files::remove(path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::file(format!("removing {}", path.display()))(error)),
    })
}

pub(super) fn about(
    archive: &Archive,
    action: &'static str,
    actor: Actor,
    address: Option<std::net::IpAddr>,
) -> NewEvent {
    let subject = Subject { kind: "archive", id: archive.id.to_string(), name: archive.contents.app.name.to_string() };
    NewEvent { actor, action, subject, outcome: Outcome::Ok, detail: json!({ "sha256": archive.sha256 }), address }
}

/// When an archive is to be deleted.
fn expires(days: Option<u32>) -> Result<Option<Timestamp>, Error> {
    let Some(days) = days else { return Ok(None) };
    if !(1..=DAYS_MAX).contains(&days) {
        let message = format!("{days} is not within 1 to {DAYS_MAX}");
        return Err(Error::Inputs(vec![FieldError { field: "days".to_owned(), message }]));
    }
    Ok(orbitr_store::time::now().checked_add(DAY * days).ok())
}

pub(crate) fn check_passphrase(passphrase: Option<&str>) -> Result<(), Error> {
    let fits = passphrase.is_none_or(|it| (PASSPHRASE_MIN..=PASSPHRASE_MAX).contains(&it.len()));
    if fits {
        return Ok(());
    }
    let message = format!("it has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} characters");
    Err(Error::Inputs(vec![FieldError { field: "passphrase".to_owned(), message }]))
}

/// A job's arguments hold no secret: what it needs is sealed beside them until it ends.
pub(crate) fn keep_passphrase(
    tx: &mut Tx<'_>,
    secrets: &orbitr_store::Secrets,
    archive: Uuid,
    passphrase: Option<String>,
) -> Result<(), Error> {
    match passphrase {
        Some(passphrase) => Ok(secrets.set(tx, &secret(archive), &passphrase)?),
        None => Ok(()),
    }
}

pub(crate) async fn passphrase_of(hands: &Hands, archive: Uuid) -> Result<Option<String>, Error> {
    let secrets = hands.store.secrets().clone();
    let name = secret(archive);
    hands.store.read(move |conn| Ok(secrets.get(conn, &name)?.map(|text| text.reveal().to_owned()))).await
}

pub(crate) fn drop_passphrase(hands: &Hands, tx: &mut Tx<'_>, archive: Uuid) -> Result<(), orbitr_store::Error> {
    hands.store.secrets().remove(tx, &secret(archive)).map(drop)
}

fn secret(archive: Uuid) -> String {
    format!("archive/{archive}/passphrase")
}
