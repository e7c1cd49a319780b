//! Removing an app, with or without its data, or with an archive of it.

use orbitr_access::{Permit, action::RemoveApp};
use orbitr_model::deed;
use serde_json::json;

use crate::{
    Apps, Error, archive,
    bindings::{dependants, rows as binding_rows},
    kinds::remove,
    model::{DataChoice, Phase, RemoveRequest},
    ops::{event, new_job},
    rows,
    view::Started,
};

impl Apps {
    /// Removes an app, with or without its data.
    ///
    /// # Errors
    /// The data is to go and the app's id was not typed in; the app is being removed already; a job is
    /// at it.
    pub async fn remove(&self, permit: &Permit<RemoveApp>, request: RemoveRequest) -> Result<Started, Error> {
        let id = permit.resource().clone();
        let app = self.hands.store.read(move |conn| rows::get(conn, &id)).await?;
        remove::check(&app, request.data)?;
        if request.data == DataChoice::Delete && request.confirm.as_deref() != Some(app.id.as_str()) {
            return Err(Error::Unconfirmed(app.id));
        }
        let id = app.id.clone();
        let bound = !self.hands.store.read(move |conn| binding_rows::of_app(conn, &id)).await?.is_empty();
        let archive = match request.data {
            DataChoice::Archive => Some(self.archiving(&app, request.passphrase.as_deref()).await?),
            DataChoice::Keep | DataChoice::Delete => None,
        };
        let args = remove::Args { app: app.id.clone(), data: request.data, before: app.phase, bound, archive };
        let title = match app.phase {
            Phase::Kept if archive.is_none() => format!("Delete the data of {}", app.name),
            _ if archive.is_some() => format!("Archive {}", app.name),
            _ => format!("Remove {}", app.name),
        };
        let job = new_job::<remove::Remove>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_REMOVE, &app, json!({ "data": request.data }));
        let secrets = self.hands.store.secrets().clone();
        self.start(app, event, job, move |tx, app| {
            let by = dependants(tx, &app.id)?;
            if !by.is_empty() {
                let by = by.into_iter().map(|it| it.name.to_string()).collect();
                return Err(Error::Needed { app: app.id.clone(), by });
            }
            if let Some(archive) = archive {
                archive::keep_passphrase(tx, &secrets, archive.id, request.passphrase)?;
            }
            Ok(rows::set_phase(tx, &app.id, Phase::Removing)?)
        })
        .await
    }
}
