//! Telling an app what its provider hands over now. Where nothing of it has changed, nothing is touched.

use orbitr_jobs::{Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue};
use orbitr_model::{Actor, AppId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, SHORT, step, unknown};
use crate::{
    bindings::rows as bindings,
    model::{Phase, Wanted},
    rows, safe_mode,
    work::{Hands, Loaded},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// Whose change it is.
    pub(crate) provider: AppId,
}

/// The job that tells.
pub(crate) struct Rebind(pub(crate) Hands);

impl Rebind {
    /// The app's active release, and whether it is to be up.
    async fn active(&self, args: &Args) -> Result<Option<(Loaded, bool)>, crate::Error> {
        let id = args.app.clone();
        let read =
            move |conn: &rusqlite::Connection| Ok::<_, crate::Error>((rows::find(conn, &id)?, safe_mode::is_on(conn)?));
        let (app, calm) = self.0.store.read(read).await?;
        let Some(app) = app.filter(|app| app.phase == Phase::Installed) else { return Ok(None) };
        let Some(release) = app.active else { return Ok(None) };
        Ok(Some((self.0.load(&args.app, release).await?, app.wanted == Wanted::Running && !calm)))
    }
}

impl Kind for Rebind {
    const NAME: &'static str = "app.rebind";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![
            step("render", "Write the app's files again", SHORT),
            step("start", "Start the containers that have changed", CONTAINERS),
            step("probe", "Wait until it answers", PROBE),
        ]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let Some((loaded, up)) = self.active(args).await? else {
            cx.log("The app is not installed any more.");
            return Ok(());
        };
        match step {
            "render" => Ok(self.0.prepare(cx, &loaded).await?),
            "start" if up => Ok(self.0.up(cx, &loaded).await?),
            "probe" if up => self.0.probe(cx, &loaded).await,
            "start" | "probe" => Ok(()),
            other => Err(unknown(other)),
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        // The provider is as it is; what the app was told before does not hold any more.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, _: &Outcome) -> Result<(), store::Error> {
        rows::touched(tx, &args.app);
        Ok(())
    }
}

/// Lets every app that has a place in this one hear what it hands over now.
pub(crate) fn tell_dependants(tx: &mut Tx<'_>, provider: &AppId) -> Result<(), store::Error> {
    for row in bindings::of_provider(tx, provider)? {
        let args = Args { app: row.app.clone(), provider: provider.clone() };
        let title = format!("Tell {} what {provider} hands over now", row.app);
        let job = NewJob::of::<Rebind>(&args, title, Actor::Box).map(|job| job.on(row.app));
        job.and_then(|job| enqueue(tx, job)).map_err(|error| match error {
            orbitr_jobs::Error::Store(error) => error,
            other => {
                let doing = "putting a job into the queue".to_owned();
                store::Error::Io { doing, source: std::io::Error::other(other) }
            }
        })?;
    }
    Ok(())
}
