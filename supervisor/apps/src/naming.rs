//! What people call an app.

use orbitr_access::{Permit, action::ChangeApp};
use orbitr_model::{DisplayName, FieldError, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use serde_json::json;

use crate::{Apps, Error, model::RenameRequest, rows};

impl Apps {
    /// Calls an app something else. Its id, its folder and its addresses stay; the app itself hears of it with its next
    /// release.
    ///
    /// # Errors
    /// The name cannot be one, there is no such app, or a job is at it.
    pub async fn rename(&self, permit: &Permit<ChangeApp>, request: &RenameRequest) -> Result<(), Error> {
        let wrong = |error: orbitr_model::InvalidName| {
            Error::Inputs(vec![FieldError { field: "name".to_owned(), message: error.to_string() }])
        };
        let name: DisplayName = request.name.trim().parse().map_err(wrong)?;
        let (id, actor) = (permit.resource().clone(), permit.actor().clone());
        let address = permit.address();
        self.hands
            .store
            .write(move |tx| {
                let app = rows::get(tx, &id)?;
                if rows::has_active_job(tx, &id)? {
                    return Err(Error::Busy(id));
                }
                if app.name == name {
                    return Ok(());
                }
                rows::set_name(tx, &id, &name)?;
                tx.event(NewEvent {
                    actor,
                    action: deed::APP_RENAME,
                    subject: Subject::new("app", &id, &name),
                    outcome: Outcome::Ok,
                    detail: json!({ "before": app.name }),
                    address,
                })?;
                Ok(())
            })
            .await
    }
}
