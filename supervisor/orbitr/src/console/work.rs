//! Does what the menu asks for: through the supervisor where it answers, otherwise with the machine itself.

use std::{path::PathBuf, sync::Arc, time::Duration};

use orbitr_console::{Ask, BundlePlace, Came, Deed, Event, Hidden, NetworkSetting, PowerVerb, Shown, What};
use orbitr_host::dbus::{self, Bus};
use orbitr_machine::data::{Acts, Places};
use orbitr_model::Problem;
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, Notify, mpsc},
    task::JoinHandle,
    time::sleep,
};

use super::{local, logs, newcomer, rescue, support};
use crate::cli::{client::Client, failure::Failure};

/// How often a job that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a supervisor that restarts may take to answer again.
const AWAY: Duration = Duration::from_secs(90);
/// How long the shell's unit may take to start.
const SHELL: Duration = Duration::from_secs(20);
/// What is written into history when this menu asks for a reboot.
const REASON: &str = "Asked for on the box's own console";

/// What works with the outside. Clones are the same.
#[derive(Clone)]
pub(super) struct Works(Arc<Inner>);

struct Inner {
    client: Client,
    bus: Bus,
    acts: Acts,
    welcome: PathBuf,
    terminal: Option<String>,
    tell: mpsc::Sender<Event>,
    look_again: Arc<Notify>,
    follower: Mutex<Option<JoinHandle<()>>>,
}

impl Works {
    pub(super) fn new(
        client: Client,
        bus: Bus,
        places: Places,
        welcome: PathBuf,
        terminal: Option<String>,
        tell: mpsc::Sender<Event>,
        look_again: Arc<Notify>,
    ) -> Self {
        let acts = Acts::at_the_box(places, bus.clone());
        Self(Arc::new(Inner { client, bus, acts, welcome, terminal, tell, look_again, follower: Mutex::default() }))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(super) fn welcome(&self) -> &PathBuf {
        &self.0.welcome
    }

    /// Root's acts, as this menu may ask for them.
    pub(super) fn acts(&self) -> &Acts {
        &self.0.acts
    }

    pub(super) fn bus(&self) -> &Bus {
        &self.0.bus
    }

    pub(super) async fn no_power(&self) -> String {
        local::no_power(&self.0.bus).await
    }

    /// Tells the menu. An error means that it has ended.
    pub(super) async fn tell(&self, event: Event) -> Result<(), ()> {
        self.0.tell.send(event).await.map_err(drop)
    }

    /// Begins what is asked for; the answer comes as an event.
    pub(super) fn take(self, ask: Ask) {
        tokio::spawn(async move {
            let event = match ask {
                Ask::Look => return self.0.look_again.notify_one(),
                Ask::List(what) => Event::List(what, self.list(what).await),
                Ask::Show(shown) => Event::Shown(shown, self.shown(shown).await),
                Ask::Do(deed) => Event::Deed(self.deed(deed).await.unwrap_or_else(Came::Failed)),
                Ask::Before(source, cursor) => Event::Log(logs::before(&self, source, &cursor).await),
                Ask::Follow(source) => {
                    let works = self.clone();
                    let follower = tokio::spawn(async move { logs::follow(&works, source).await });
                    return self.follower(Some(follower)).await;
                }
                Ask::Unfollow => return self.follower(None).await,
                // These are the screen's own.
                Ask::Repaint | Ask::Leave => return,
            };
            let _ = self.tell(event).await;
        });
    }

    async fn follower(&self, new: Option<JoinHandle<()>>) {
        if let Some(old) = std::mem::replace(&mut *self.0.follower.lock().await, new) {
            old.abort();
        }
    }

    async fn list(&self, what: What) -> Result<Value, Problem> {
        let client = self.client();
        match what {
            What::Apps => client.get(&["apps"], &[]).await.map_err(problem),
            What::Accounts => client.get(&["users"], &[]).await.map_err(problem),
            What::Targets => newcomer::targets(self).await,
            What::Services => match client.get(&["box", "units"], &[]).await {
                Ok(units) if units.pointer("/available") == Some(&Value::Bool(true)) => Ok(units),
                Ok(units) => Err(Problem::new(409, "needs-systemd", "There are no services to show")
                    .why(units.pointer("/reason").and_then(Value::as_str).unwrap_or_default())),
                Err(_) => local::units(&self.0.bus).await,
            },
        }
    }

    async fn shown(&self, shown: Shown) -> Result<Value, Problem> {
        let client = self.client();
        match shown {
            Shown::Network => match client.get(&["box", "network"], &[]).await {
                Ok(network) => Ok(self.with_ssh(network).await),
                Err(_) => local::network().await,
            },
            Shown::Disks => local::disks().await,
            Shown::Reset => rescue::look(self).await,
            Shown::Power(_) => match client.get(&["box", "power"], &[]).await {
                Ok(power) => Ok(power),
                Err(_) => local::held(&self.0.bus).await,
            },
        }
    }

    async fn deed(&self, deed: Deed) -> Result<Came, Problem> {
        let client = self.client();
        match deed {
            Deed::App { id, verb } => {
                let started = client.post(&["apps", &id, &verb], None).await.map_err(problem)?;
                self.job(&started, format!("{id}: done")).await
            }
            Deed::RestartUnit(unit) => self.restart(&unit).await,
            Deed::Power { verb, wait } => self.power(verb, wait).await,
            Deed::SetNetwork(setting) => self.set_network(&setting).await,
            Deed::ConfirmNetwork => {
                client.post(&["box", "network", "confirm"], None).await.map_err(problem)?;
                Ok(Came::Done { title: "The new network setting stays".to_owned(), lines: Vec::new() })
            }
            Deed::RevertNetwork => {
                client.post(&["box", "network", "revert"], None).await.map_err(problem)?;
                Ok(Came::Done { title: "The old network setting comes back".to_owned(), lines: Vec::new() })
            }
            Deed::ResetPassword(name) => {
                let body = json!({ "username": name });
                let made = client.post(&["users", "reset-on-the-box"], Some(&body)).await.map_err(problem)?;
                let password = made.pointer("/password").and_then(Value::as_str).unwrap_or_default();
                let lines = vec![
                    String::new(),
                    format!("  {password}"),
                    String::new(),
                    "It works once, for a day. It is not shown again. Its sessions are over and its second step is off.".to_owned(),
                ];
                Ok(Came::Done { title: format!("A one-time password for {name}"), lines })
            }
            Deed::KeepUpdate(version) => {
                self.answer(&version, "keep").await?;
                Ok(Came::Done { title: format!("{version} is kept"), lines: Vec::new() })
            }
            Deed::LeaveUpdate(version) => {
                let started = self.answer(&version, "go-back").await?;
                self.job(&started, "The box restarts into the version before".to_owned()).await
            }
            Deed::SafeMode(on) => rescue::safe_mode(self, on).await,
            Deed::FactoryReset { serial, wait } => rescue::factory_reset(self, serial, wait).await,
            Deed::Install { disk, serial } => newcomer::install(self, &disk, &serial).await,
            Deed::MakeData => newcomer::make_data(self).await,
            Deed::Support(BundlePlace::Folder(_)) => support::into_folder(self).await,
            Deed::Support(BundlePlace::Stick) => support::onto_stick(self).await,
            Deed::Shell { username, password } => {
                let body = json!({ "username": username, "password": password.expose() });
                self.enter(&username, client.post(&["session"], Some(&body)).await).await
            }
            Deed::ShellCode { username, challenge, code } => {
                let body = json!({ "challenge": challenge.expose(), "code": code.expose() });
                self.enter(&username, client.post(&["session", "second-step"], Some(&body)).await).await
            }
        }
    }

    /// Answers whether an update is kept.
    async fn answer(&self, version: &str, answer: &str) -> Result<Value, Problem> {
        let body = json!({ "version": version, "answer": answer });
        self.client().post(&["box", "updates", "answer"], Some(&body)).await.map_err(problem)
    }

    /// The network with whether SSH is on, where that can be asked.
    async fn with_ssh(&self, mut network: Value) -> Value {
        if let (Ok(ssh), Some(members)) = (self.client().get(&["box", "ssh"], &[]).await, network.as_object_mut()) {
            members.insert("ssh".to_owned(), ssh);
        }
        network
    }

    /// Tries a network setting; comes back when the machine has it.
    async fn set_network(&self, setting: &NetworkSetting) -> Result<Came, Problem> {
        self.client().put(&["box", "network"], &setting.body()).await.map_err(problem)?;
        let mut waited = Duration::ZERO;
        loop {
            sleep(LOOK).await;
            waited += LOOK;
            let network = self.client().get(&["box", "network"], &[]).await.map_err(problem)?;
            match network.pointer("/change/trial/applied").and_then(Value::as_bool) {
                None => return Err(setting.not_tried(&network)),
                Some(false) if waited < AWAY => {}
                Some(_) => return Ok(Came::Tried(network)),
            }
        }
    }

    /// Waits for a job and tells how it goes.
    pub(super) async fn job(&self, started: &Value, done: String) -> Result<Came, Problem> {
        let id = started.pointer("/job").and_then(Value::as_str).unwrap_or_default();
        let mut away = Duration::ZERO;
        loop {
            let job = match self.client().get(&["jobs", id], &[]).await {
                Ok(job) => job,
                // It may be restarting, and goes on with the job then.
                Err(Failure::Unreachable { .. }) if away < AWAY => {
                    away += LOOK;
                    sleep(LOOK).await;
                    continue;
                }
                Err(failure) => return Err(problem(failure)),
            };
            let text = |pointer: &str| job.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            match text("/state").as_str() {
                "succeeded" => return Ok(Came::Done { title: done, lines: Vec::new() }),
                "failed" | "cancelled" => {
                    let why = job.pointer("/problem").cloned().and_then(|why| serde_json::from_value(why).ok());
                    return Err(why.unwrap_or_else(|| {
                        Problem::new(500, "job-failed", format!("{}: {}", text("/title"), text("/state")))
                    }));
                }
                _ => {
                    let fraction = job.pointer("/progress").and_then(Value::as_f64);
                    let underway = Came::Underway { message: text("/message"), fraction };
                    if self.tell(Event::Deed(underway)).await.is_err() {
                        return Ok(Came::Done { title: done, lines: Vec::new() });
                    }
                }
            }
            sleep(LOOK).await;
        }
    }

    async fn restart(&self, unit: &str) -> Result<Came, Problem> {
        let done = format!("{unit} has been restarted");
        match self.client().post(&["box", "units", unit, "restart"], None).await {
            Ok(started) => self.job(&started, done).await,
            // The supervisor does not answer, or cannot: the machine can.
            Err(Failure::Unreachable { .. }) => self.restart_here(unit, done).await,
            Err(Failure::Problem(why)) if absent(&why) => self.restart_here(unit, done).await,
            Err(failure) => Err(problem(failure)),
        }
    }

    async fn restart_here(&self, unit: &str, title: String) -> Result<Came, Problem> {
        local::restart(&self.0.bus, unit).await?;
        Ok(Came::Done { title, lines: Vec::new() })
    }

    async fn power(&self, verb: PowerVerb, wait: bool) -> Result<Came, Problem> {
        let body = json!({ "verb": verb.as_str(), "reason": REASON, "wait": wait });
        match self.client().post(&["box", "power"], Some(&body)).await {
            Ok(started) => self.job(&started, format!("{}: it goes down", verb.word())).await,
            Err(Failure::Unreachable { .. }) => self.power_here(verb).await,
            Err(Failure::Problem(why)) if absent(&why) => self.power_here(verb).await,
            Err(failure) => Err(problem(failure)),
        }
    }

    async fn power_here(&self, verb: PowerVerb) -> Result<Came, Problem> {
        let bus_verb = match verb {
            PowerVerb::Reboot => dbus::PowerVerb::Reboot,
            PowerVerb::PowerOff => dbus::PowerVerb::PowerOff,
        };
        local::power(&self.0.bus, bus_verb).await?;
        Ok(Came::Done { title: format!("{}: it goes down", verb.word()), lines: Vec::new() })
    }

    /// After a right password: only an administrator goes on, and the session that the check made ends at once.
    async fn enter(&self, username: &str, answer: Result<Value, Failure>) -> Result<Came, Problem> {
        let answer = answer.map_err(problem)?;
        if let Some(challenge) = answer.pointer("/challenge").and_then(Value::as_str) {
            return Ok(Came::WantsCode { challenge: Hidden::new(challenge.to_owned()) });
        }
        let id = answer.pointer("/user").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.end_newest_session(&id).await;
        let user = self.client().get(&["users", &id], &[]).await.map_err(problem)?;
        let is = |pointer: &str, value: &str| user.pointer(pointer).and_then(Value::as_str) == Some(value);
        let one_time = answer.pointer("/must_change_password").and_then(Value::as_bool).unwrap_or(true);
        if !is("/role", "admin") {
            let title = format!("{username} is no administrator");
            return Err(Problem::new(403, "not-an-administrator", title).then("Ask somebody who is."));
        }
        if one_time {
            return Err(Problem::new(403, "one-time-password", "A one-time password opens no shell")
                .then("Sign in with a browser and choose a password first."));
        }
        let terminal = self.0.terminal.clone().unwrap_or_default();
        // This menu is stopped as soon as the shell begins; what comes after this line is the shell's.
        match self.0.bus.start_unit(&format!("orbitr-shell@{terminal}.service"), SHELL).await? {
            dbus::JobResult::Done => Ok(Came::Done { title: "The shell begins".to_owned(), lines: Vec::new() }),
            dbus::JobResult::NotDone(how) => {
                Err(Problem::new(502, "shell-not-started", "The shell did not begin")
                    .why(format!("systemd says: {how}.")))
            }
        }
    }

    async fn end_newest_session(&self, user: &str) {
        let Ok(sessions) = self.client().get(&["users", user, "sessions"], &[]).await else { return };
        let text = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let newest = sessions.as_array().into_iter().flatten().max_by_key(|session| text(session, "/created_at"));
        if let Some(id) = newest.map(|session| text(session, "/id")) {
            // Whether it is gone already or ends by itself later: it opens nothing that its owner could not open.
            let _ = self.client().delete(&["users", user, "sessions", &id], &Value::Null).await;
        }
    }
}

/// Whether the supervisor lacks what was asked: no box claimed yet, no data, Recovery mode, an older version.
pub(super) fn absent(why: &Problem) -> bool {
    let codes = ["not-claimed", "no-data-partition", "recovery-mode", "unexpected-answer"];
    codes.contains(&why.code.as_str()) || why.status == 404
}

/// A failure as the menu shows it.
pub(super) fn problem(failure: Failure) -> Problem {
    match failure {
        Failure::Problem(problem) => *problem,
        Failure::Unreachable { what, why } => Problem::new(503, "supervisor-away", "Orbitr does not answer")
            .why(format!("{what}: {why}"))
            .then("Restart it from the menu, or look into its log."),
        other => Problem::new(500, "console-failed", other.to_string()),
    }
}
