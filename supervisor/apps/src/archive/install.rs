//! Installing an app from an archive.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use orbitr_access::{
    Permit, TheBox,
    action::{InstallApp, InstallUnknown},
};
use orbitr_jobs::{NewJob, StepContext, StepError, enqueue};
use orbitr_model::{AppId, DisplayName, FieldError, deed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Archive, Contents, Origin, Sealing, age, check, file, rows, unpack::unpack};
use crate::{
    Apps, Error,
    copies::{Original, Wish, write_copy},
    extension::Extension,
    folder::AppFolder,
    kinds::import::{self, Import},
    model::Image,
    ops::event,
    view::Started,
    work::{Hands, blocking},
};

/// A request to install an app from an archive.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// The new app's id; as in the archive, or made from that, when left out.
    #[serde(default)]
    pub app: Option<AppId>,
    /// What people call it; as in the archive when left out.
    #[serde(default)]
    pub name: Option<DisplayName>,
    /// What opens the archive's passwords; needed where it has some.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// Inputs that differ, and passwords that the archive does not hold. Ports that are taken get free numbers.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
}

impl std::fmt::Debug for ImportRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportRequest").field("app", &self.app).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Apps {
    /// Installs an app from an archive of the same project.
    ///
    /// # Errors
    /// There is no such archive, its extension is not the store's and the caller no admin, the passphrase is another one, the id or a port is taken, the extension cannot run here, or
    /// the box is in safe mode.
    pub async fn import(
        &self,
        permit: &Permit<InstallApp>,
        id: Uuid,
        request: ImportRequest,
    ) -> Result<Started, Error> {
        let project = *permit.resource();
        let archive = self.hands.store.read(move |conn| rows::get(conn, project, id)).await?;
        let path = file(&self.hands.root, id);
        let passphrase = request.passphrase.clone();
        let (contents, manifest, secrets) = blocking(move || read(&path, passphrase.as_deref())).await?;
        // What an app may do on the box is in its extension: nobody makes that larger by writing an archive.
        let known = self.entry(&contents.extension.id).is_ok_and(|entry| entry.manifest.text() == manifest);
        if archive.origin == Origin::Uploaded && !known && !permit.caller().may::<InstallUnknown>(&TheBox) {
            return Err(Error::Unknown(contents.extension.id));
        }
        if contents.bindings.values().any(|binding| binding.provider().is_some()) {
            return Err(check::odd("its data is in another app of the box that it was on"));
        }
        let extension = Extension::parse(&manifest).map_err(unreadable)?;
        let images = contents
            .images
            .into_iter()
            .map(|(service, image)| (service, Image { digest: image.digest, ..Image::new(image.reference) }));
        let original = Original {
            id: contents.extension.id,
            extension,
            inputs: contents.inputs,
            secrets,
            images: images.collect(),
            bindings: contents.bindings,
            base: contents.app.id.to_string(),
            freed: BTreeSet::new(),
        };
        let wish = Wish {
            app: request.app,
            name: request.name.unwrap_or(contents.app.name),
            inputs: request.inputs,
            reason: format!("Installed from an archive of {}", day(&archive)),
            made_by: permit.actor().clone(),
        };
        let draft = self.draft_copy(original, wish, project).await?;
        let args = import::Args { app: draft.app.id.clone(), release: draft.release.id, archive: id };
        let title = format!("Install {} from an archive", draft.app.name);
        let job = NewJob::of::<Import>(&args, title, permit.actor().clone())?.on(draft.app.id.clone());
        let event = event(permit, deed::APP_IMPORT, &draft.app, json!({ "archive": archive.sha256 }));
        let secrets = self.hands.store.secrets().clone();
        let app = draft.app.id.clone();
        let write = move |tx: &mut orbitr_store::Tx<'_>| {
            // Deleted between the two.
            rows::get(tx, project, id)?;
            write_copy(tx, &secrets, &draft)?;
            tx.event(event)?;
            Ok::<_, Error>(enqueue(tx, job)?)
        };
        let job = self.hands.store.write(write).await?;
        self.jobs.wake();
        Ok(Started { app, job })
    }

    /// Why an archive's app cannot run on this box; empty when it can.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn obstacles_of(&self, archive: &Archive) -> Result<Vec<String>, Error> {
        let path = file(&self.hands.root, archive.id);
        let id = archive.contents.extension.id.clone();
        blocking(move || {
            let (_, head) = check::open(&path)?;
            match Extension::parse(&head.manifest).map_err(unreadable)?.check_runs_here(&id) {
                Ok(()) => Ok(Vec::new()),
                Err(Error::Unsupported { reasons, .. }) => Ok(reasons),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

impl Hands {
    /// Checks the whole archive, and makes what it holds the data of an app that has none yet.
    pub(crate) async fn unpack(&self, cx: &StepContext, id: Uuid, folder: &AppFolder) -> Result<(), StepError> {
        let (from, half, to) = (file(&self.root, id), folder.half(), folder.data());
        if to.is_dir() {
            return Ok(());
        }
        let (cancel, told) = (cx.token().clone(), cx.clone());
        let done = blocking(move || {
            super::ops::remove(&half)?;
            if let Some(above) = half.parent() {
                orbitr_host::files::make_dir(above, 0o755)
                    .map_err(Error::file(format!("making the folder {}", above.display())))?;
            }
            let done = unpack(&from, &half, &cancel, &|done, all| progress(&told, done, all))?;
            let failed = Error::file(format!("naming {}", to.display()));
            std::fs::File::open(&half)
                .and_then(|file| rustix::fs::syncfs(file).map_err(std::io::Error::from))
                .and_then(|()| std::fs::rename(&half, &to))
                .and_then(|()| to.parent().map_or(Ok(()), orbitr_host::files::sync_dir))
                .map_err(failed)?;
            Ok(done)
        });
        let done = done.await?;
        cx.log("The archive fits its checksums; its data is in its place");
        if done.dropped_xattrs > 0 {
            cx.log(&format!("{} extended attributes cannot be kept on this disk", done.dropped_xattrs));
        }
        Ok(())
    }
}

pub(crate) fn progress(cx: &StepContext, done: u64, all: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = if all == 0 { 1.0 } else { (done as f64 / all as f64).min(1.0) };
    let size = orbitr_model::ByteSize;
    cx.progress(Some(share), format!("{} of {}", size(done), size(all)));
}

/// What is in front of the data, with the passwords opened.
fn read(path: &Path, passphrase: Option<&str>) -> Result<(Contents, String, BTreeMap<String, String>), Error> {
    let (_, head) = check::open(path)?;
    let wrong =
        |message: &str| Error::Inputs(vec![FieldError { field: "passphrase".to_owned(), message: message.to_owned() }]);
    let Some(sealed) = head.sealed.filter(|_| head.contents.secrets == Sealing::Age) else {
        return Ok((head.contents, head.manifest, BTreeMap::new()));
    };
    let Some(passphrase) = passphrase.filter(|text| !text.is_empty()) else {
        return Err(wrong("this archive's passwords are under a passphrase"));
    };
    let plain = age::open(passphrase, &sealed).map_err(|closed| match closed {
        age::Closed::Passphrase => wrong("it does not open this archive's passwords"),
        age::Closed::Damaged => check::odd("its passwords are damaged"),
    })?;
    let secrets = serde_json::from_slice(&plain).map_err(|_| check::odd("its passwords cannot be read"))?;
    Ok((head.contents, head.manifest, secrets))
}

fn unreadable(error: Error) -> Error {
    match error {
        Error::Manifest(why) => check::odd(format!("its extension.yaml is not right: {why}")),
        other => other,
    }
}

fn day(archive: &Archive) -> String {
    archive.contents.made.to_string().split('T').next().unwrap_or_default().to_owned()
}
