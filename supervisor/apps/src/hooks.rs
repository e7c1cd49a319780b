//! Commands that an extension wants to be run inside its containers: before an update, after it, and until a version has
//! done its own migrations.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use orbitr_docker::{Container, State};
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::Problem;
use orbitr_sdk::{Exec, OnError, Settled};
use serde_json::Value;

use crate::{
    Error,
    work::{Hands, Loaded},
};

/// How long a command may take that says nothing about it.
const COMMAND: Duration = Duration::from_secs(10 * 60);
/// No command may take longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);
/// How long migrations may take of which the extension does not say it.
const MIGRATIONS: Duration = Duration::from_secs(30 * 60);
/// Between two looks at them.
const PAUSE: Duration = Duration::from_secs(2);
/// One look at them.
const LOOK: Duration = Duration::from_secs(60);
/// How long a service may take to run before a command can be given to it.
const RUNS: Duration = Duration::from_secs(60);

/// Where a command's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Into the job's log.
    InTheLog,
    /// It is a password or key, and nobody else's.
    ByNobody,
}

impl Hands {
    /// Runs commands one after another in the containers that there are now. One that fails ends the step, unless it says
    /// that this is no harm.
    pub(crate) async fn run_hooks<'a>(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        hooks: impl Iterator<Item = &'a Exec>,
    ) -> Result<(), StepError> {
        for hook in hooks {
            if let Err(error) = self.run_command(cx, loaded, hook, Heard::InTheLog).await {
                if hook.on_error == OnError::Abort {
                    return Err(error);
                }
                cx.log(&format!("{error}. It goes on without it."));
            }
        }
        Ok(())
    }

    /// Runs one command; what it wrote to its standard output.
    pub(crate) async fn run_command(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        hook: &Exec,
        heard: Heard,
    ) -> Result<String, StepError> {
        let program = hook.run.first().map_or("", String::as_str);
        cx.log(&format!("Running {program} in {}", hook.service));
        let container = self.runs(cx, loaded, &hook.service).await?;
        let exec = command(&hook.run, hook.user.as_ref(), &hook.env);
        let limit = hook.timeout.as_ref().map_or(COMMAND, |limit| limit.duration().min(LONGEST));
        let told = |line: &str| match heard {
            Heard::InTheLog => cx.log(&format!("  {line}")),
            Heard::ByNobody => {}
        };
        let ended = self.docker.exec(container.handle(), &exec, limit, cx.token(), told).await?;
        if ended.status == 0 {
            return Ok(ended.output);
        }
        let title = format!("{program} in {} ended with status {}", hook.service, ended.status);
        let problem = Problem::new(502, "hook-failed", title);
        Err(StepError::lasting(match heard {
            Heard::InTheLog => problem.then("What it said is in the job's log."),
            Heard::ByNobody => problem.then("What it said is kept nowhere, because it could be a password."),
        }))
    }

    /// Waits until the version that runs says that it has done its own migrations; at once where the extension does not ask
    /// for it.
    pub(crate) async fn settle(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), StepError> {
        let upgrade = loaded.extension.manifest().x().upgrade.as_ref();
        let Some(settled) = upgrade.and_then(|upgrade| upgrade.settled.as_ref()) else { return Ok(()) };
        let limit = settled.timeout.as_ref().map_or(MIGRATIONS, |limit| limit.duration().min(LONGEST));
        let begun = Instant::now();
        let mut said = String::new();
        loop {
            let Err(why) = self.is_settled(cx, loaded, settled).await? else {
                cx.log("It has done its own migrations");
                return Ok(());
            };
            if why != said {
                cx.log(&format!("Not yet: {why}"));
                said.clone_from(&why);
            }
            if begun.elapsed() > limit {
                let title = format!("{} has not finished its migrations within {} s", loaded.app.name, limit.as_secs());
                let problem = Problem::new(504, "app-not-settled", title).why(format!("{why}."));
                return Err(StepError::lasting(problem.then("Its containers' last lines are in their logs.")));
            }
            cx.progress(None, &why);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = cx.cancelled() => return Err(orbitr_docker::Error::Cancelled.into()),
            }
        }
    }

    /// One look; why not, as a sentence.
    async fn is_settled(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        settled: &Settled,
    ) -> Result<Result<(), String>, StepError> {
        let container = self.runs(cx, loaded, &settled.service).await?;
        let exec = command(&settled.run, settled.user.as_ref(), &settled.env);
        let program = settled.run.first().map_or("", String::as_str);
        let ended = match self.docker.exec(container.handle(), &exec, LOOK, cx.token(), |_| {}).await {
            Ok(ended) => ended,
            Err(orbitr_docker::Error::Cancelled) => return Err(orbitr_docker::Error::Cancelled.into()),
            Err(error) => return Ok(Err(Problem::from(error).to_string())),
        };
        if ended.status != 0 {
            return Ok(Err(format!("{program} in {} ends with status {}", settled.service, ended.status)));
        }
        Ok(says(&ended.output, settled).map_err(|why| format!("{program} in {} {why}", settled.service)))
    }

    /// The service's container, once it runs.
    pub(crate) async fn runs(
        &self,
        cx: &StepContext,
        loaded: &Loaded,
        service: &str,
    ) -> Result<Arc<Container>, StepError> {
        let begun = Instant::now();
        loop {
            let containers = self.docker.containers_of(&loaded.app.id).map_err(Error::from)?;
            let found =
                containers.into_iter().find(|it| it.service.as_deref() == Some(service) && it.state == State::Running);
            if let Some(container) = found {
                return Ok(container);
            }
            if begun.elapsed() > RUNS {
                let title = format!("The service {service} of {} does not run", loaded.app.name);
                let problem = Problem::new(502, "service-down", title).why("A command was to be run in it.");
                return Err(StepError::lasting(problem));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE / 4) => {}
                () = cx.cancelled() => return Err(orbitr_docker::Error::Cancelled.into()),
            }
        }
    }
}

/// A command as an extension writes it, for the engine.
pub(crate) fn command(run: &[String], user: Option<&String>, env: &IndexMap<String, String>) -> orbitr_docker::Exec {
    orbitr_docker::Exec {
        argv: run.to_vec(),
        user: user.cloned(),
        env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
    }
}

/// Whether the output has the values that the extension waits for.
fn says(output: &str, settled: &Settled) -> Result<(), String> {
    if settled.json.is_empty() {
        return Ok(());
    }
    let Ok(Value::Object(said)) = serde_json::from_str(output.trim()) else {
        return Err("does not print a JSON object".to_owned());
    };
    match settled.json.iter().find(|(name, wanted)| said.get(*name) != Some(*wanted)) {
        None => Ok(()),
        Some((name, wanted)) => {
            let now = said.get(name).map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Err(format!("says that {name} is {now}, and not {wanted} yet"))
        }
    }
}
