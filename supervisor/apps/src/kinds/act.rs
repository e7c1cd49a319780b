//! Running an action of an app's extension.

use std::collections::BTreeMap;

use orbitr_jobs::{Kind, Outcome, Step, StepContext, StepError};
use orbitr_model::{AppId, Problem, ReleaseId};
use orbitr_sdk::{Action, Command, Exec, OnError, ResultKind};
use orbitr_store::{self as store, Tx};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{step, unknown};
use crate::{
    Error,
    actions::{ActionResult, KeptResult, answers_prefix, keep_result},
    bindings::Password,
    hooks::{Heard, LONGEST},
    secret_values,
    work::{Hands, Loaded},
};

/// What the job works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    pub(crate) app: AppId,
    /// The release whose extension has it.
    pub(crate) release: ReleaseId,
    /// Its name there.
    pub(crate) action: String,
    /// The answers to what it asks, without secret ones.
    #[serde(default)]
    pub(crate) answers: BTreeMap<String, Value>,
    /// The key under which the secret ones are kept, if there are any.
    #[serde(default)]
    pub(crate) sealed: Option<String>,
    /// Those of them that the box made up: somebody has to be told.
    #[serde(default)]
    pub(crate) made: Vec<String>,
}

impl Args {
    /// With every answer as the extension has it.
    pub(crate) const fn by_the_clock(app: AppId, release: ReleaseId, action: String) -> Self {
        Self { app, release, action, answers: BTreeMap::new(), sealed: None, made: Vec::new() }
    }
}

/// The job that runs it.
pub(crate) struct Act(pub(crate) Hands);

impl Act {
    /// All answers, secret ones too.
    async fn answers(&self, args: &Args) -> Result<BTreeMap<String, Value>, Error> {
        let mut answers = args.answers.clone();
        let Some(key) = &args.sealed else { return Ok(answers) };
        let (prefix, secrets) = (answers_prefix(&args.app, key), self.0.store.secrets().clone());
        let read = move |conn: &Connection| {
            let mut all = Vec::new();
            for name in secrets.names(conn, &prefix)? {
                if let (Some(short), Some(value)) = (name.strip_prefix(&prefix), secrets.get(conn, &name)?) {
                    all.push((short.to_owned(), Value::from(value.reveal())));
                }
            }
            Ok::<_, Error>(all)
        };
        answers.extend(self.0.store.read(read).await?);
        Ok(answers)
    }

    async fn command(
        &self,
        loaded: &Loaded,
        action: &Action,
        answers: &BTreeMap<String, Value>,
    ) -> Result<Command, Error> {
        let facts = (self.0.facts)();
        let secrets = secret_values(&self.0.store, &loaded.release).await?;
        let name = loaded.app.name.as_str();
        let (fields, data) = (self.0.fields(loaded, Password::Current).await?, loaded.folder.data());
        let variables = loaded.extension.env(&loaded.release, name, &secrets, &facts, &data, &fields)?;
        let resolved = loaded.extension.answers_to(action, answers, &facts).map_err(Error::Inputs)?;
        Ok(action.command(&resolved, variables.as_map()))
    }

    /// Keeps what somebody has to look at: what it printed, and what was made up for it.
    async fn keep(
        &self,
        cx: &StepContext,
        args: &Args,
        action: &Action,
        answers: &BTreeMap<String, Value>,
        output: Option<String>,
    ) -> Result<(), Error> {
        let label = |name: &String| {
            let asked = action.form().fields.into_iter().find(|field| field.name == *name);
            asked.map_or_else(|| name.clone(), |field| field.label)
        };
        let made = args.made.iter().filter_map(|name| Some((label(name), answers.get(name)?.as_str()?.to_owned())));
        let result = ActionResult { output, made: made.collect() };
        if result == ActionResult::default() {
            return Ok(());
        }
        let kept = KeptResult { result, roles: action.roles.clone() };
        let (secrets, app, job) = (self.0.store.secrets().clone(), args.app.clone(), cx.job());
        self.0.store.write(move |tx| keep_result(tx, &secrets, &app, job, &kept)).await?;
        cx.log("What it gave can be looked at once, on the app's page");
        Ok(())
    }
}

impl Kind for Act {
    const NAME: &'static str = "app.action";
    type Args = Args;

    fn steps(&self, _: &Args) -> Vec<Step> {
        vec![step("run", "Run it", LONGEST)]
    }

    async fn run(&self, step: &str, cx: &StepContext, args: &Args) -> Result<(), StepError> {
        if step != "run" {
            return Err(unknown(step));
        }
        // Nobody knows how far it came, and whether it may be done twice.
        if cx.attempt() > 1 {
            let cut_off = Problem::new(500, "action-cut-off", "The action was cut off")
                .why("Docker or this box's own program ended while it ran. It may have done its work, part of it, or none.")
                .then("Look at the app; then run it again if it is to be done twice.");
            return Err(StepError::lasting(cut_off));
        }
        let loaded = self.0.load(&args.app, args.release).await?;
        let Some(action) = loaded.extension.manifest().action(&args.action) else { return Err(unknown(&args.action)) };
        let answers = self.answers(args).await?;
        let command = self.command(&loaded, action, &answers).await?;
        let exec = Exec {
            service: action.service.clone(),
            user: action.user.clone(),
            run: command.run,
            env: command.env.into_iter().collect(),
            timeout: action.timeout,
            on_error: OnError::Abort,
            always: false,
        };
        let is_credential = action.result == ResultKind::Credential;
        let heard = if is_credential { Heard::ByNobody } else { Heard::InTheLog };
        let output = self.0.run_command(cx, &loaded, &exec, heard).await?;
        let output = is_credential.then(|| output.trim_end_matches(['\r', '\n']).to_owned());
        Ok(self.keep(cx, args, action, &answers, output).await?)
    }

    async fn undo(&self, _: &str, _: &StepContext, _: &Args) -> Result<(), StepError> {
        // What a command did inside is its own; nothing of the box's is to be taken back.
        Ok(())
    }

    fn ended(&self, tx: &mut Tx<'_>, args: &Args, _: &Outcome) -> Result<(), store::Error> {
        match &args.sealed {
            Some(key) => self.0.store.secrets().remove_prefix(tx, &answers_prefix(&args.app, key)).map(drop),
            None => Ok(()),
        }
    }
}
