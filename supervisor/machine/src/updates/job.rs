//! The jobs of updates: looking, installing a version, going back to one.

use std::time::{Duration, Instant};

use orbitr_jobs::{Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue, unfinished};
use orbitr_model::{
    Act, ActReport, Actor, ChooseVersionRequest, ImageVersion, InstallUpdateRequest, Problem, ReturnReason, Topic,
};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{
    error::Refused,
    look::Works,
    restart::restart,
    serve,
    sets::{self, Set},
    settings,
    source::Progress,
    stick::ReadJob,
};
use crate::Error;

const LOOK: Duration = Duration::from_secs(10 * 60);
/// Over a slow line.
const DOWNLOAD: Duration = Duration::from_secs(24 * 60 * 60);
const VERIFY: Duration = Duration::from_secs(30 * 60);
/// As the act's unit says, and a little more.
const INSTALL: Duration = Duration::from_secs(61 * 60);
/// How long an act that was cut off may take to end.
const SETTLED: Duration = Duration::from_secs(120);
const CHOOSE: Duration = Duration::from_secs(5 * 60);
const GRACE: Duration = Duration::from_secs(180);

fn refused(refused: Refused) -> StepError {
    let passes = refused.passes();
    let problem = Problem::from(refused);
    if passes { StepError::passing(problem) } else { StepError::lasting(problem) }
}

pub(super) fn step(name: &'static str, title: &str, limit: Duration) -> Step {
    // The running version is never touched, so there is nothing to take back.
    Step { name, title: title.to_owned(), limit, reversible: true }
}

/// Looks for updates.
pub(crate) struct CheckJob(Works);

impl CheckJob {
    pub(crate) const fn new(works: Works) -> Self {
        Self(works)
    }
}

impl Kind for CheckJob {
    const NAME: &'static str = "box.check-updates";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        vec![step("check", "Look at what is offered", LOOK)]
    }

    async fn run(&self, _: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        let checked = self.0.check(cx.store(), cx.token()).await?;
        if let Some(problem) = checked.problem {
            return Err(StepError::lasting(problem));
        }
        match &checked.offer {
            Some(offer) => cx.log(&format!("{} can be installed ({})", offer.version, offer.size)),
            None => cx.log("No newer version is offered"),
        }
        for other in &checked.passed_over {
            cx.log(&format!("{}: {}", other.version, other.why));
        }
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), store::Error> {
        tx.changed(Topic::Box);
        Ok(())
    }
}

/// How far an update goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// Everything is here and was looked through.
    Ready,
    /// It is in the other slot; somebody restarts.
    Installed,
    /// The machine restarts with it.
    Started,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UpdateArgs {
    pub(super) version: ImageVersion,
    pub(super) goal: Goal,
    pub(super) actor: Actor,
}

/// Brings one version into the other slot.
pub(crate) struct UpdateJob(Works);

impl UpdateJob {
    pub(crate) const fn new(works: Works) -> Self {
        Self(works)
    }
}

impl UpdateJob {
    fn set(&self, args: &UpdateArgs) -> Result<Set, Refused> {
        let gone = || Refused::Folder("what was there of the update is gone".to_owned());
        sets::of(self.0.state(), &args.version).ok_or_else(gone)
    }

    async fn check(&self, cx: &StepContext, args: &UpdateArgs) -> Result<(), StepError> {
        let known = self.0.known(cx.store()).await?;
        if let Some(set) = sets::of(self.0.state(), &args.version).filter(Set::is_ready) {
            cx.log("All of it is here already");
            return known.judge(&set.manifest).map_err(refused);
        }
        cx.progress(None, "Asking the source");
        let found = self.0.look(&known, Some(&args.version), cx.token()).await.map_err(refused)?;
        let papers = found.papers.ok_or_else(|| refused(Refused::NothingOffered))?;
        cx.log("The list of files is signed as it should be");
        known.judge(&papers.manifest).map_err(refused)?;
        let set = sets::begin(self.0.state(), &args.version, &papers).map_err(refused)?;
        set.fits(self.0.state()).map_err(refused)
    }

    async fn download(&self, cx: &StepContext, args: &UpdateArgs) -> Result<(), StepError> {
        let set = self.set(args).map_err(refused)?;
        if set.is_ready() {
            return Ok(());
        }
        set.fits(self.0.state()).map_err(refused)?;
        let known = self.0.known(cx.store()).await?;
        let source = self.0.source(&known.settings).map_err(refused)?;
        let tell = |fraction, text| cx.progress(Some(fraction), text);
        let (total, since) = (set.manifest.size().0, Instant::now());
        let mut progress = Progress { total, before: 0, came: 0, since, tell: &tell };
        for piece in &set.manifest.files {
            let there = std::fs::metadata(set.file(piece)).map_or(0, |found| found.len());
            if there > 0 && there < piece.bytes {
                cx.log(&format!("Going on with {} at {}", piece.name, orbitr_model::ByteSize(there)));
            }
            let got = source.large(&piece.name, &set.file(piece), piece.bytes, &mut progress, cx.token()).await;
            got.map_err(refused)?;
            progress.before = progress.before.saturating_add(piece.bytes);
        }
        Ok(())
    }

    async fn verify(&self, cx: &StepContext, args: &UpdateArgs) -> Result<(), StepError> {
        let set = self.set(args).map_err(refused)?;
        let (cancel, log) = (cx.token().clone(), cx.clone());
        let looked = tokio::task::spawn_blocking(move || {
            for piece in &set.manifest.files {
                log.progress(None, format!("Reading {}", piece.name));
                set.look_through(piece, &cancel)?;
            }
            if cancel.is_cancelled() { Ok(()) } else { set.make_ready().map_err(Refused::from) }
        });
        looked.await.map_err(|_| StepError::lasting(Problem::internal()))?.map_err(refused)
    }

    async fn install(&self, cx: &StepContext, args: &UpdateArgs) -> Result<(), StepError> {
        self.0.supplies().fit_to_install().map_err(refused)?;
        let known = self.0.known(cx.store()).await?;
        if known.facts.installed.iter().any(|other| other.version == args.version) && cx.attempt() > 1 {
            cx.log("It is in its slot already");
            return Ok(());
        }
        let set = self.set(args).map_err(refused)?;
        let acts = self.0.acts()?;
        // One that was cut off has nothing to go on with and ends, but not at once.
        acts.settled(Act::InstallUpdate, SETTLED).await;
        let serving = serve::serve(&set).await.map_err(|error| refused(error.into()))?;
        let id = format!("{}-{}", cx.job(), cx.attempt());
        let again = known.came_back(&args.version);
        let request = InstallUpdateRequest {
            version: 1,
            id: id.clone(),
            target: args.version.clone(),
            port: serving.port,
            again,
        };
        cx.log("Asking root to write the other slot");
        let tell = |report: &ActReport| cx.progress(report.fraction, &report.step);
        tokio::select! {
            done = acts.perform_telling(Act::InstallUpdate, &id, &request, INSTALL, tell) => {
                done.map_err(StepError::lasting)?;
            }
            // Without what is served, the act cannot go on and ends.
            () = cx.cancelled() => return Ok(()),
        }
        cx.log("It is in its slot, and starts at the next restart");
        Ok(())
    }
}

impl Kind for UpdateJob {
    const NAME: &'static str = "box.update";
    type Args = UpdateArgs;

    fn steps(&self, args: &UpdateArgs) -> Vec<Step> {
        let mut steps = vec![
            step("check", "Look at what is offered", LOOK),
            step("download", "Download it", DOWNLOAD),
            step("verify", "Look it through", VERIFY),
        ];
        if args.goal != Goal::Ready {
            steps.push(step("install", "Write it into the other slot", INSTALL + GRACE));
        }
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &UpdateArgs) -> Result<(), StepError> {
        match step {
            "check" => self.check(cx, args).await,
            "download" => self.download(cx, args).await,
            "verify" => self.verify(cx, args).await,
            _ => self.install(cx, args).await,
        }
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &UpdateArgs) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &UpdateArgs, outcome: &Outcome) -> Result<(), store::Error> {
        // What failed is kept, so that the next try goes on; what somebody brought stays until it is installed.
        let remove = match outcome {
            Outcome::Succeeded => args.goal != Goal::Ready,
            Outcome::Cancelled => sets::of(self.0.state(), &args.version).is_some_and(|set| !set.is_uploaded()),
            Outcome::Failed { .. } => false,
        };
        if remove && let Err(error) = sets::clear(self.0.state(), None) {
            tracing::warn!(%error, "what was downloaded of an update could not be removed");
        }
        if *outcome == Outcome::Succeeded && args.goal == Goal::Started {
            match self.0.supplies().fit_to_restart() {
                Ok(()) => drop(restart(tx, args.actor.clone())?),
                Err(why) => tracing::warn!(%why, "the update is in its slot; the machine is not restarted now"),
            }
        }
        tx.changed(Topic::Box);
        Ok(())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChooseArgs {
    pub(super) version: ImageVersion,
    pub(super) restart: bool,
    pub(super) actor: Actor,
    /// Why the version that runs is given up for it; none: it stays a good one.
    #[serde(default)]
    pub(super) reason: Option<ReturnReason>,
}

/// Has the next starts be of another installed version.
pub(crate) struct ChooseJob(Works);

impl ChooseJob {
    pub(crate) const fn new(works: Works) -> Self {
        Self(works)
    }
}

impl Kind for ChooseJob {
    const NAME: &'static str = "box.choose-version";
    type Args = ChooseArgs;

    fn steps(&self, _: &ChooseArgs) -> Vec<Step> {
        vec![step("choose", "Tell the boot menu", CHOOSE + GRACE)]
    }

    async fn run(&self, _: &str, cx: &StepContext, args: &ChooseArgs) -> Result<(), StepError> {
        let id = format!("{}-{}", cx.job(), cx.attempt());
        let (target, reason) = (args.version.clone(), args.reason.clone());
        let request = ChooseVersionRequest { version: 1, id: id.clone(), target, reason };
        let acts = self.0.acts()?;
        let done = acts.perform(Act::ChooseVersion, &id, &request, CHOOSE).await;
        done.map(drop).map_err(StepError::lasting)
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &ChooseArgs) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &ChooseArgs, outcome: &Outcome) -> Result<(), store::Error> {
        if *outcome == Outcome::Succeeded && args.restart {
            restart(tx, args.actor.clone())?;
        }
        if *outcome != Outcome::Succeeded && args.reason.is_some() {
            settings::stay(tx)?;
        }
        tx.changed(Topic::Box);
        Ok(())
    }
}

/// The job of an update that has not ended, with what it was given.
pub(super) fn at_work(jobs: &[orbitr_jobs::Unfinished]) -> Option<&orbitr_jobs::Unfinished> {
    jobs.iter().find(|job| [UpdateJob::NAME, ChooseJob::NAME, ReadJob::NAME].contains(&job.kind.as_str()))
}

/// Puts an update into the queue; one at a time.
pub(super) fn begin(tx: &mut Tx<'_>, args: &UpdateArgs) -> Result<orbitr_model::JobId, Error> {
    if let Some(job) = at_work(&unfinished(tx, None)?) {
        return Err(Refused::AtWork(Some(job.id)).into());
    }
    let title = match args.goal {
        Goal::Ready => format!("Download Orbitr OS {}", args.version),
        _ => format!("Update to Orbitr OS {}", args.version),
    };
    let job = NewJob::of::<UpdateJob>(args, title, args.actor.clone())?.lock("updates");
    Ok(enqueue(tx, job)?)
}
