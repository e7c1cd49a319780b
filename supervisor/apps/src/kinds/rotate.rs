//! Another password for an app's place at its provider: first there, then in the app; back, if the app does not answer.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::AppId;
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, step, unknown};
use crate::{
    Error,
    bindings::{Password, READY, next_password_name, password_name, rows as bindings},
    leaks, rows,
    work::{Hands, Loaded},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// The requirement's name.
    pub(crate) requirement: String,
}

/// The job that changes it.
pub(crate) struct Rotate(pub(crate) Hands);

impl Rotate {
    async fn at_provider(&self, cx: &StepContext, args: &Args, password: Password) -> Result<(), StepError> {
        let id = args.app.clone();
        let rows = self.0.store.read(move |conn| bindings::of_app(conn, &id)).await?;
        match rows.into_iter().find(|row| row.name == args.requirement) {
            Some(row) => self.0.rotate(cx, &row, password).await,
            None => Err(unknown("password")),
        }
    }

    async fn tell(&self, cx: &StepContext, loaded: &Loaded, password: Password) -> Result<(), Error> {
        self.0.prepare_with(cx, loaded, password).await?;
        self.0.up(cx, loaded).await
    }
}

impl Kind for Rotate {
    const NAME: &'static str = "app.rotate";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![
            step("password", "Change the password at the provider", READY),
            step("start", "Start the app with it", CONTAINERS),
            step("probe", "Wait until it answers", PROBE),
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match step {
            "password" => self.at_provider(cx, args, Password::Next).await,
            "start" => {
                // Whoever has read the old one knows nothing any more; the new one is looked for once the app is up.
                let (app, name) = (args.app.clone(), args.requirement.clone());
                self.0.store.write(move |tx| leaks::forget_password(tx, &app, &name)).await.map_err(Error::from)?;
                Ok(self.tell(cx, &self.0.load_latest(&args.app).await?, Password::Next).await?)
            }
            "probe" => self.0.probe(cx, &self.0.load_latest(&args.app).await?).await,
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        match step {
            "password" => self.at_provider(cx, args, Password::Current).await,
            "start" => Ok(self.tell(cx, &self.0.load_latest(&args.app).await?, Password::Current).await?),
            "probe" => Ok(()),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        let secrets = self.0.store.secrets();
        let (now, next) =
            (password_name(&args.app, &args.requirement), next_password_name(&args.app, &args.requirement));
        match outcome {
            Outcome::Succeeded => {
                if let Some(password) = secrets.get(tx, &next)? {
                    secrets.set(tx, &now, password.reveal())?;
                }
                secrets.remove(tx, &next)?;
            }
            // Which of the two holds nobody knows; both are kept, so that a later change finds its way.
            Outcome::Failed { undone: false, .. } => {}
            Outcome::Failed { .. } | Outcome::Cancelled => {
                secrets.remove(tx, &next)?;
            }
        }
        rows::touched(tx, &args.app);
        Ok(())
    }
}
