//! Exporting: an app with its data in a file. The app stands still while its data is copied, and runs while that copy is
//! packed.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{Actor, AppId, ByteSize, ReleaseId, Timestamp};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CONTAINERS, SHORT, step, unknown};
use crate::{
    archive::{self, Archive, Contents, Packing},
    safe_mode,
    snapshot::COPY,
    work::{Hands, Loaded, blocking},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    pub(crate) release: ReleaseId,
    /// Whether the app is up, and is to be so again.
    pub(crate) running: bool,
    pub(crate) archive: Uuid,
    pub(crate) expires: Option<Timestamp>,
}

/// The job that exports.
pub(crate) struct Export(pub(crate) Hands);

impl Export {
    async fn resume(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        if self.0.store.read(safe_mode::is_on).await? {
            cx.log("Safe mode is on: it stays stopped");
            return Ok(());
        }
        Ok(self.0.up(cx, loaded).await?)
    }
}

impl Kind for Export {
    const NAME: &'static str = "app.export";
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let mut steps = Vec::new();
        if args.running {
            steps.push(step("stop", "Stop the containers", CONTAINERS));
        }
        steps.push(step("copy", "Keep the data as it is", COPY));
        if args.running {
            steps.push(step("resume", "Start the containers", CONTAINERS));
        }
        steps.push(step("pack", "Write the archive", COPY));
        steps.push(step("finish", "Remove the copy", SHORT));
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "stop" => Ok(self.0.stop(cx, &loaded).await?),
            "copy" => self.0.copy_to_export(cx, &loaded.folder).await,
            "resume" => self.resume(cx, &loaded).await,
            "pack" => self.0.pack(cx, &loaded, loaded.folder.exported(), args.archive, args.expires).await,
            "finish" => {
                let copy = loaded.folder.clone();
                Ok(blocking(move || copy.remove_exported()).await?)
            }
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "stop" => self.resume(cx, &loaded).await,
            "copy" => Ok(blocking(move || loaded.folder.remove_exported()).await?),
            "pack" => Ok(self.0.drop_archive(args.archive).await?),
            "resume" | "finish" => Ok(()),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        end(&self.0, tx, args.archive, outcome == &Outcome::Succeeded)
    }
}

/// The row of an archive, kept as a setting from the end of its writing to the end of its job.
fn row_key(id: Uuid) -> String {
    format!("archive.made.{id}")
}

/// Writes the archive's row down, or forgets what was to be in it.
pub(crate) fn end(hands: &Hands, tx: &mut Tx<'_>, id: Uuid, succeeded: bool) -> Result<(), store::Error> {
    use rusqlite::OptionalExtension;
    archive::drop_passphrase(hands, tx, id)?;
    let key = row_key(id);
    let text: Option<String> =
        tx.query_row("SELECT value FROM setting WHERE key = ?1", [&key], |row| row.get(0)).optional()?;
    tx.execute("DELETE FROM setting WHERE key = ?1", [&key])?;
    let made = text.and_then(|text| serde_json::from_str::<Made>(&text).ok());
    match made.filter(|_| succeeded) {
        Some(made) => archive::insert(tx, &made.into_archive(id)),
        None => Ok(()),
    }
}

/// What is known of an archive once it is written.
#[derive(Serialize, Deserialize)]
struct Made {
    project: orbitr_model::ProjectId,
    contents: Contents,
    size: u64,
    sha256: String,
    made_by: Actor,
    expires: Option<Timestamp>,
}

impl Made {
    fn into_archive(self, id: Uuid) -> Archive {
        Archive {
            id,
            project: self.project,
            origin: archive::Origin::Exported,
            created: self.contents.made,
            contents: self.contents,
            size: ByteSize(self.size),
            sha256: self.sha256,
            made_by: self.made_by,
            expires: self.expires,
        }
    }
}

impl Hands {
    /// Writes an archive of an app whose data is in this folder, where nobody changes it.
    pub(crate) async fn pack(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        data: std::path::PathBuf,
        id: Uuid,
        expires: Option<Timestamp>,
    ) -> Result<(), StepError> {
        let to = archive::part(&self.root, id);
        let packing = Packing {
            contents: contents(loaded),
            manifest: loaded.release.manifest.clone(),
            secrets: crate::secret_values(&self.store, &loaded.release).await?,
            passphrase: archive::passphrase_of(self, id).await?,
            data,
            to: to.clone(),
        };
        let (cancel, told) = (cx.token().clone(), cx.clone());
        let packed = blocking(move || {
            if let Some(above) = to.parent() {
                orbitr_host::files::make_dir(above, 0o700)
                    .map_err(crate::Error::file(format!("making the folder {}", above.display())))?;
            }
            packing.write(&cancel, &|done, all| archive::progress(&told, done, all))
        })
        .await?;
        self.name_archive(id).await?;
        if packed.passed_over > 0 {
            cx.log(&format!("{} sockets, pipes or devices are no data and were passed over", packed.passed_over));
        }
        cx.log(&format!("The archive has {}", ByteSize(packed.size)));
        let made = Made {
            project: loaded.app.project,
            contents: packed.contents,
            size: packed.size,
            sha256: packed.sha256,
            made_by: cx.actor().clone(),
            expires,
        };
        let text = serde_json::to_string(&made).map_err(|error| crate::Error::Compose(error.to_string()))?;
        let write = move |tx: &mut Tx<'_>| {
            let sql = "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            tx.execute(sql, [&row_key(id), &text])?;
            Ok::<_, crate::Error>(())
        };
        Ok(self.store.write(write).await?)
    }
}

fn contents(loaded: &Loaded) -> Contents {
    let release = &loaded.release;
    let images = release.images.iter().map(|(service, image)| {
        let pinned = archive::Pinned { reference: image.reference.clone(), digest: image.digest.clone() };
        (service.clone(), pinned)
    });
    Contents::new(
        archive::Named { id: loaded.app.id.clone(), name: loaded.app.name.clone() },
        archive::Packaged {
            id: release.extension.clone(),
            version: release.version.clone(),
            revision: release.revision,
        },
        (release.inputs.clone(), release.ports.clone()),
        images.collect(),
        release.bindings.clone(),
    )
}

/// Whether the app was up is what its owner wants, and not what it is right now.
pub(crate) fn is_wanted_up(app: &crate::model::App) -> bool {
    app.phase == crate::model::Phase::Installed && app.wanted == crate::model::Wanted::Running
}
