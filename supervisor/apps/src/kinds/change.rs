//! Another release in place of the active one: other inputs, another version, or an older release again. What runs stays
//! until everything for the new one is here, and comes back, with its data, when the new one does not answer.

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, ReleaseId};
use orbitr_store::{self as store, Tx};
use serde::{Deserialize, Serialize};

use super::{CONTAINERS, PROBE, PULL, SHORT, step, take_over, unknown};
use crate::{
    extension::Extension,
    hooks::LONGEST,
    snapshot::COPY,
    stones::STEPS,
    work::{Hands, Loaded, blocking},
};

/// The name of the kind of job that changes, updates and rolls back an app.
pub const NAME: &str = "app.change";

/// The job that changes.
pub(crate) struct Change(pub(crate) Hands);

/// What it works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// The new release.
    pub(crate) release: ReleaseId,
    /// The one that runs until the new one answers, and again if it never does.
    pub(crate) previous: ReleaseId,
    /// Whether the app is up: a stopped one gets its new release without being started.
    pub(crate) running: bool,
    /// What becomes of the data, where the new release may change it.
    #[serde(default)]
    pub(crate) data: Option<Data>,
    /// What the extension wants on the way to another version.
    #[serde(default)]
    pub(crate) way: Way,
    /// Whether other apps have places in it, which data of another time may not hold.
    #[serde(default)]
    pub(crate) serves: bool,
    /// Whether the box began it itself.
    #[serde(default)]
    pub(crate) automatic: bool,
}

/// What is done on the way to another version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Way {
    /// Commands run in the old version before it is stopped.
    pub(crate) before: bool,
    /// So many versions run in between.
    pub(crate) stones: usize,
    /// The new version says when it has done its own migrations.
    pub(crate) settles: bool,
    /// Commands run in the new version.
    pub(crate) after: bool,
}

impl Way {
    /// What the new version's extension says of the way from the old one.
    pub(crate) fn of(new: &Extension, from: &str) -> Self {
        let manifest = new.manifest();
        let Some(upgrade) = manifest.x().upgrade.as_ref().filter(|_| manifest.version() != from) else {
            return Self::default();
        };
        Self {
            before: !upgrade.pre.is_empty(),
            stones: manifest.way_from(from).map_or(0, |way| way.len().min(STEPS.len())),
            settles: upgrade.settled.is_some(),
            after: !upgrade.post.is_empty(),
        }
    }
}

/// What becomes of the data when another version takes it over: it is kept as it was in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Data {
    /// The new release goes on with it.
    GoOn,
    /// The new release gets what is in this snapshot.
    From(u32),
}

/// Which commands of an extension.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hooks {
    Before,
    After,
    /// Those after it that must run also when the update fails.
    Always,
}

impl Change {
    async fn previous(&self, args: &Args) -> Result<Loaded, crate::Error> {
        self.0.load(&args.app, args.previous).await
    }

    /// Commands that the new version's extension wants to be run in the containers of one of the two.
    async fn hooks(&self, cx: &StepContext, new: &Loaded, inside: &Loaded, which: Hooks) -> Result<(), StepError> {
        let upgrade = new.extension.manifest().x().upgrade.as_ref();
        let hooks = upgrade.map(|upgrade| match which {
            Hooks::Before => upgrade.pre.iter(),
            Hooks::After | Hooks::Always => upgrade.post.iter(),
        });
        let hooks = hooks.into_iter().flatten().filter(|hook| which != Hooks::Always || hook.always);
        self.0.run_hooks(cx, inside, hooks).await
    }

    /// Takes the new release's containers away, or lets Compose turn them into those of the release before.
    async fn switch_back(&self, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if args.data.is_some() {
            // Nobody may write while the data goes back; then `stop` is undone, which starts the release before.
            return Ok(self.0.clear_at_once(cx, &args.app).await?);
        }
        cx.log("Going back to the release before");
        match self.0.up(cx, &self.previous(args).await?).await {
            // It could not come up before, either: that is why it was to get another port.
            Err(crate::Error::PortHeld { port, by }) => {
                cx.log(&format!("It stays down, as it was: port {port} is in use. {by}"));
                Ok(())
            }
            Err(crate::Error::PortNotFreed { port }) => {
                cx.log(&format!("It stays down, as it was: Docker does not let go of port {port}."));
                Ok(())
            }
            other => Ok(other?),
        }
    }
}

impl Kind for Change {
    const NAME: &'static str = NAME;
    type Args = Args;

    fn steps(&self, args: &Args) -> Vec<Step> {
        let mut steps =
            vec![step("prepare", "Write the new release's files", SHORT), step("pull", "Get the images", PULL)];
        let way = if args.running { args.way } else { Way::default() };
        if args.data.is_some() {
            if way.before {
                steps.push(step("before", "Run what the extension wants before", LONGEST));
            }
            if args.running {
                steps.push(step("stop", "Stop the release before", CONTAINERS));
            }
            steps.push(step("snapshot", "Keep the data as it is", COPY));
        }
        if let Some(Data::From(_)) = args.data {
            steps.push(step("data", "Put the older data in its place", COPY));
        }
        for (number, name) in STEPS.into_iter().enumerate().take(way.stones) {
            steps.push(step(name, &format!("Go over version {} of {} on the way", number + 1, way.stones), LONGEST));
        }
        if args.running {
            steps.push(step("switch", "Switch to the new release", CONTAINERS));
            steps.push(step("probe", "Wait until it answers", PROBE));
        }
        if args.running && args.serves {
            steps.push(step("places", "Make sure of the places of other apps in it", CONTAINERS));
        }
        if way.settles {
            steps.push(step("settle", "Wait until it has done its own migrations", LONGEST));
        }
        if way.after {
            steps.push(step("after", "Run what the extension wants after", LONGEST));
        }
        steps.push(step("activate", "Make it the active release", SHORT));
        steps
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match (step, args.data) {
            ("prepare", data) => {
                let wanted = if let Some(Data::From(number)) = data { Some(number) } else { None };
                self.0.tidy(cx, &args.app, &[args.release, args.previous], wanted).await?;
                Ok(self.0.prepare(cx, &loaded).await?)
            }
            ("pull", _) => {
                self.0.pull(cx, &loaded).await?;
                match args.way.stones {
                    0 => Ok(()),
                    _ => self.0.pull_stones(cx, &loaded, &self.previous(args).await?.release.version).await,
                }
            }
            ("before", _) => {
                let previous = self.previous(args).await?;
                self.0.up_again(cx, &previous).await?;
                self.hooks(cx, &loaded, &previous, Hooks::Before).await
            }
            ("places" | "settle" | "after", _) => {
                self.0.up_again(cx, &loaded).await?;
                match step {
                    "places" => self.0.grant_all(cx, &loaded).await,
                    "settle" => self.0.settle(cx, &loaded).await,
                    _ => self.hooks(cx, &loaded, &loaded, Hooks::After).await,
                }
            }
            // (versions on the way come up first, each in containers of its own)
            ("stop", _) if args.way.stones == 0 => {
                Ok(self.0.make_way(cx, &self.previous(args).await?, &loaded).await?)
            }
            ("stop", _) => Ok(self.0.stop(cx, &self.previous(args).await?).await?),
            ("snapshot", _) => self.0.take_snapshot(cx, &loaded, args.previous).await,
            ("data", Some(Data::From(number))) => self.0.use_snapshot(cx, &loaded, number).await,
            ("switch", _) => Ok(self.0.up(cx, &loaded).await?),
            ("probe", _) => self.0.probe(cx, &loaded).await,
            ("activate", _) => {
                self.0.drop_stones(cx, &loaded).await?;
                Ok(self.0.point_at(&loaded).await?)
            }
            (other, _) => match STEPS.iter().position(|name| *name == other) {
                Some(number) => self.0.step_onto(cx, &loaded, number).await,
                None => Err(unknown(other)),
            },
        }
    }

    async fn undo(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        let loaded = self.0.load(&args.app, args.release).await?;
        match step {
            "prepare" => {
                let (folder, number) = (loaded.folder, loaded.release.number);
                Ok(blocking(move || folder.remove_release(number)).await?)
            }
            "pull" => {
                self.0.drop_stones(cx, &loaded).await?;
                Ok(self.0.drop_images(cx, vec![loaded.release]).await?)
            }
            "before" => {
                // What was begun there must end, or the old version stays in maintenance for ever.
                let previous = self.previous(args).await?;
                self.0.probe(cx, &previous).await?;
                self.hooks(cx, &loaded, &previous, Hooks::Always).await
            }
            "stop" => {
                cx.log("Going back to the release before");
                Ok(self.0.up(cx, &self.previous(args).await?).await?)
            }
            "snapshot" => Ok(self.0.put_data_back(cx, &loaded).await?),
            "switch" => self.switch_back(cx, args).await,
            // What `data` did goes with the snapshot before it.
            "data" | "probe" | "places" | "settle" | "after" => Ok(()),
            // Nobody may write while the data goes back.
            stone if STEPS.contains(&stone) => Ok(self.0.clear_at_once(cx, &args.app).await?),
            "activate" => Ok(self.0.point_at(&self.previous(args).await?).await?),
            other => Err(unknown(other)),
        }
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, outcome: &Outcome) -> Result<(), store::Error> {
        take_over(&self.0, tx, &args.app, (args.release, args.previous), outcome)
    }
}
