//! The machine underneath: with a fake systemd that bites, and on a machine that has none.

mod rescue;
mod updates;

use std::{io::Read, path::Path, sync::Arc, time::Duration};

use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, MakeSupportBundle, PowerBox, RestartUnit, ViewJournal, ViewMachine},
    testing,
};
use orbitr_host::{
    dbus::Bus,
    exec::Command,
    journal::Journal,
    testing::{FakeSystemd, FakeUnit, Mood},
};
use orbitr_jobs::{Jobs, Kind, NewJob, Outcome, Step, StepContext, StepError, enqueue};
use orbitr_machine::{
    ChangeHostName, ChangeTime, Error, Issue, JournalQuery, Machine, Outside, PowerRequest, Told, Verb, Verdict,
};
use orbitr_model::{Actor, JobId, JobState, PageRequest, Problem, Timestamp, Topic};
use orbitr_store::{
    Store, Tx,
    events::{self, Event, Filter},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A job that goes on until it is told to end.
struct Long(Arc<Notify>);

impl Kind for Long {
    const NAME: &'static str = "test.long";
    type Args = ();

    fn steps(&self, (): &()) -> Vec<Step> {
        vec![Step { name: "go", title: "Go on".to_owned(), limit: Duration::from_secs(60), reversible: true }]
    }

    async fn run(&self, _: &str, cx: &StepContext, (): &()) -> Result<(), StepError> {
        cx.log("the password is Pa55-word-of-the-box");
        tokio::select! {
            () = self.0.notified() => {}
            () = cx.cancelled() => {}
        }
        Ok(())
    }

    async fn undo(&self, _: &str, _: &StepContext, (): &()) -> Result<(), StepError> {
        Ok(())
    }

    fn ended(&self, _: &mut Tx<'_>, (): &(), _: &Outcome) -> Result<(), orbitr_store::Error> {
        Ok(())
    }
}

struct Room {
    dir: TempDir,
    store: Store,
    machine: Machine,
    jobs: Jobs,
    end_long: Arc<Notify>,
    _following: tokio::task::JoinHandle<()>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self._following.abort();
    }
}

fn nowhere() -> Outside {
    Outside {
        bus: Bus::at("unix:path=/nonexistent/bus", Duration::from_secs(1)),
        journal: Journal::of_folder("/nonexistent/journalctl", "/"),
        image: false,
        built: Timestamp::UNIX_EPOCH,
        acts: None,
        support_dir: "/nonexistent".into(),
        confirm_within: Duration::from_secs(120),
        certificates: None,
        updating: orbitr_machine::Updating::default(),
        apps: None,
    }
}

pub(crate) fn with(fake: &FakeSystemd) -> Outside {
    Outside { bus: fake.bus(), ..nowhere() }
}

impl Room {
    async fn new(outside: Outside) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let machine = Machine::open_with(store.clone(), dir.path().to_owned(), "1.2.3", outside).await.unwrap();
        let end_long = Arc::new(Notify::new());
        let jobs = Jobs::builder(store.clone(), dir.path().join("logs")).kind(Long(Arc::clone(&end_long)));
        let jobs = machine.kinds(jobs).start().await.unwrap();
        let following = machine.clone();
        let following = tokio::spawn(async move { match following.follow().await {} });
        Self { dir, store, machine, jobs, end_long, _following: following }
    }

    async fn long(&self) -> JobId {
        let job = NewJob::of::<Long>(&(), "Install PostgreSQL", Actor::Box).unwrap();
        let id = self.store.write(move |tx| enqueue(tx, job)).await.unwrap();
        self.until(async || self.jobs.get(id).await.unwrap().unwrap().state == JobState::Running).await;
        id
    }

    async fn until(&self, mut so: impl AsyncFnMut() -> bool) {
        for _ in 0..500 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not become so");
    }

    async fn history(&self) -> Vec<Event> {
        let page = |conn: &_| events::page(conn, &Filter::default(), &PageRequest::default());
        self.store.read(page).await.unwrap().items
    }

    async fn did(&self, action: &str) -> Event {
        self.history().await.into_iter().find(|event| event.action == action).unwrap()
    }
}

macro_rules! permits {
    ($($name:ident: $action:ident;)*) => {$(
        fn $name() -> Permit<$action> {
            testing::permit(Actor::Local { uid: 0 }, TheBox)
        }
    )*};
}

permits! {
    view: ViewMachine;
    restart: RestartUnit;
    power: PowerBox;
    change: ChangeBox;
    journal: ViewJournal;
    support: MakeSupportBundle;
}

fn reboot(wait: bool) -> PowerRequest {
    PowerRequest { verb: Verb::Reboot, reason: "a new kernel".to_owned(), wait }
}

pub(crate) fn code(error: Error) -> (u16, String) {
    let problem = Problem::from(error);
    (problem.status, problem.code)
}

#[tokio::test]
async fn a_machine_without_systemd_says_so_and_fails_nowhere() {
    let room = Room::new(nowhere()).await;
    let machine = &room.machine;
    let units = machine.units(&view()).await.unwrap();
    assert!(!units.available && units.units.is_empty() && units.reason.contains("systemd"));
    assert_eq!(code(machine.unit(&view(), "docker.service").await.unwrap_err()), (409, "needs-systemd".into()));
    let refused = machine.restart_unit(&restart(), "docker.service").await.unwrap_err();
    assert_eq!(code(refused), (409, "needs-systemd".into()));
    let state = machine.power(&view()).await.unwrap();
    assert!(!state.available && state.reason.contains("logind"));
    assert_eq!(code(machine.set_power(&power(), &reboot(true)).await.unwrap_err()), (409, "not-here".into()));
    let page = machine.journal(&journal(), &JournalQuery::default()).await.unwrap();
    assert!(!page.available && page.lines.is_empty());
    assert!(machine.boots(&journal()).await.unwrap().is_empty());
    let time = machine.time(&view()).await.unwrap();
    assert!(time.machine.is_none() && time.servers.is_none() && !time.can_choose);
    assert!(machine.issues(&view()).await.unwrap().is_empty());
    let network = machine.network(&view()).await.unwrap();
    assert!(!network.host_name.is_empty() && network.mdns.name.ends_with(".local") && network.mdns.answers.is_none());
    let name = ChangeHostName { host_name: "attic".to_owned() };
    assert_eq!(code(machine.change_host_name(&change(), &name).await.unwrap_err()), (409, "needs-systemd".into()));
    assert!(room.history().await.is_empty(), "nothing was done");
    // The zone of the pages is ours, whatever the machine is.
    let zone = ChangeTime { time_zone: Some("Europe/Berlin".to_owned()), ntp_servers: None };
    machine.change_time(&change(), &zone).await.unwrap();
    assert_eq!(machine.time_zone().iana_name(), Some("Europe/Berlin"));
    let servers = ChangeTime { time_zone: None, ntp_servers: Some(vec!["time.example.org".to_owned()]) };
    assert_eq!(code(machine.change_time(&change(), &servers).await.unwrap_err()), (409, "not-here".into()));
}

#[tokio::test]
async fn units_are_shown_and_the_chosen_few_restarted() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    let units = room.machine.units(&view()).await.unwrap();
    assert!(units.available && units.units.iter().all(|unit| unit.active == "active"));
    let started = room.machine.restart_unit(&restart(), "docker.service").await.unwrap();
    assert_eq!(room.jobs.wait(started.job).await.unwrap().state, JobState::Succeeded);
    assert_eq!(fake.done().iter().filter(|done| *done == "restart docker.service").count(), 1);
    let event = room.did("unit.restart").await;
    assert_eq!((event.subject.kind.as_str(), event.subject.id.as_str()), ("unit", "docker.service"));

    let other = FakeUnit { active: "failed".to_owned(), ..fake.state().units["ssh.service"].clone() };
    fake.state().units.insert("cups.service".to_owned(), other);
    let refused = room.machine.restart_unit(&restart(), "nothing.service").await.unwrap_err();
    assert_eq!(code(refused), (404, "unit-not-found".into()));
    for odd in ["..", "docker", "*.service", "a\nb.service"] {
        assert_eq!(code(room.machine.restart_unit(&restart(), odd).await.unwrap_err()).0, 404, "{odd:?}");
    }
    let issues = room.machine.issues(&view()).await.unwrap();
    assert!(matches!(&issues[..], [Issue::UnitFailed { unit, restartable: false, .. }] if unit == "cups.service"));
}

#[tokio::test]
async fn a_restart_that_fails_is_a_failed_job_that_says_why() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    for (mood, code) in [
        (Mood::JobEnds("failed".to_owned()), "unit-restart-failed"),
        (Mood::JobEnds("timeout".to_owned()), "unit-restart-failed"),
        (Mood::Denies, "machine-refuses"),
    ] {
        fake.state().mood = mood.clone();
        let started = room.machine.restart_unit(&restart(), "docker.service").await.unwrap();
        let job = room.jobs.wait(started.job).await.unwrap();
        assert_eq!(job.state, JobState::Failed, "{mood:?}");
        assert_eq!(job.problem.unwrap().code, code, "{mood:?}");
    }
}

#[tokio::test]
async fn a_unit_that_fails_is_told_to_open_pages() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    let mut changes = room.store.changes();
    // Heard once more when listening has begun.
    let told = async |changes: &mut tokio::sync::broadcast::Receiver<Topic>| {
        tokio::time::timeout(Duration::from_secs(5), async { while changes.recv().await != Ok(Topic::Units) {} }).await
    };
    told(&mut changes).await.unwrap();
    fake.unit_becomes("docker.service", "failed", "exit-code").await;
    told(&mut changes).await.unwrap();
    let unit = room.machine.unit(&view(), "docker.service").await.unwrap();
    assert_eq!((unit.unit.active.as_str(), unit.result.as_str()), ("failed", "exit-code"));
}

#[tokio::test]
async fn a_reboot_is_refused_while_a_job_runs_or_waits_for_it() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    let long = room.long().await;
    room.until(async || fake.state().locks == ["Install PostgreSQL"]).await;
    let state = room.machine.power(&view()).await.unwrap();
    assert!(state.available && state.jobs[0].job == Some(long));
    let refused = Problem::from(room.machine.set_power(&power(), &reboot(false)).await.unwrap_err());
    assert_eq!((refused.status, refused.code.as_str()), (409, "held-back"));
    assert!(refused.detail.contains("Install PostgreSQL"), "{}", refused.detail);

    let waits = room.machine.set_power(&power(), &reboot(true)).await.unwrap().job;
    let again = room.machine.set_power(&power(), &reboot(true)).await.unwrap_err();
    assert_eq!(code(again), (409, "power-pending".into()));
    room.until(async || room.jobs.get(waits).await.unwrap().unwrap().message.contains("Install PostgreSQL")).await;
    assert!(!fake.done().contains(&"reboot".to_owned()));
    room.end_long.notify_one();
    room.until(async || fake.done().contains(&"reboot".to_owned())).await;
    assert!(fake.state().locks.is_empty(), "our own lock does not stand in the way");
    let event = room.did("box.reboot").await;
    assert_eq!(event.detail["reason"], "a new kernel");
    room.jobs.park().await;
    assert!(!room.jobs.get(waits).await.unwrap().unwrap().state.is_final(), "it ends after the machine is up again");
}

#[tokio::test]
async fn a_waiting_reboot_can_be_cancelled() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    room.long().await;
    let waits = room.machine.set_power(&power(), &reboot(true)).await.unwrap().job;
    room.until(async || room.jobs.get(waits).await.unwrap().unwrap().state == JobState::Running).await;
    room.jobs.cancel(waits, &Actor::Box, None).await.unwrap();
    assert_eq!(room.jobs.wait(waits).await.unwrap().state, JobState::Cancelled);
    room.end_long.notify_one();
    assert!(room.machine.power(&view()).await.unwrap().pending.is_none());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!fake.done().contains(&"reboot".to_owned()));
}

#[tokio::test]
async fn what_others_hold_back_and_what_logind_says_is_told() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    fake.state().inhibitors.push(("apt".to_owned(), "upgrading packages".to_owned()));
    let refused = Problem::from(room.machine.set_power(&power(), &reboot(false)).await.unwrap_err());
    assert!(refused.code == "held-back" && refused.detail.contains("apt (upgrading packages)"), "{refused:?}");
    fake.state().inhibitors.clear();
    for (can, available) in [("challenge", false), ("na", false), ("no", false), ("yes", true)] {
        fake.state().can = can.to_owned();
        assert_eq!(room.machine.power(&view()).await.unwrap().available, available, "{can}");
    }
    for reason in ["", " ", "a\nb", &"x".repeat(201)] {
        let request = PowerRequest { reason: reason.to_owned(), ..reboot(false) };
        assert!(matches!(room.machine.set_power(&power(), &request).await, Err(Error::Invalid(_))), "{reason:?}");
    }
    fake.state().mood = Mood::Denies;
    let job = room.machine.set_power(&power(), &reboot(false)).await.unwrap().job;
    let ended = room.jobs.wait(job).await.unwrap();
    assert_eq!((ended.state, ended.problem.unwrap().code.as_str()), (JobState::Failed, "machine-refuses"));
}

#[tokio::test]
async fn on_orbitr_os_settings_go_to_the_unit_that_applies_them() {
    let fake = FakeSystemd::start().await;
    let unit = fake.state().units["ssh.service"].clone();
    fake.state().units.insert("orbitr-apply-settings.service".to_owned(), unit);
    let room = Room::new(Outside { image: true, ..with(&fake) }).await;
    let file = room.dir.path().join("box.json");
    room.until(async || file.exists()).await;
    let applied = || fake.done().iter().filter(|done| *done == "start orbitr-apply-settings.service").count();
    room.until(async || applied() == 1).await;
    let name = ChangeHostName { host_name: "attic".to_owned() };
    room.machine.change_host_name(&change(), &name).await.unwrap();
    let servers = vec!["time.example.org".to_owned(), "fd00::1".to_owned()];
    let wanted = ChangeTime { time_zone: Some("Asia/Tokyo".to_owned()), ntp_servers: Some(servers.clone()) };
    room.machine.change_time(&change(), &wanted).await.unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        written,
        json!({ "version": 1, "host_name": "attic", "time_zone": "Asia/Tokyo", "ntp_servers": servers })
    );
    assert_eq!(applied(), 3);
    assert!(!fake.done().iter().any(|done| done.starts_with("set-")), "nobody else is told: {:?}", fake.done());
    assert_eq!(room.machine.time(&view()).await.unwrap().chosen, servers);
    for odd in ["not a server", "a b", "-x.org", "", "http://time.example.org"] {
        let wrong = ChangeTime { time_zone: None, ntp_servers: Some(vec![odd.to_owned()]) };
        let problem = Problem::from(room.machine.change_time(&change(), &wrong).await.unwrap_err());
        assert!(problem.message_for("ntp_servers").is_some(), "{odd:?}: {problem:?}");
    }
    fake.state().mood = Mood::JobEnds("failed".to_owned());
    let name = ChangeHostName { host_name: "cellar".to_owned() };
    let failed = Problem::from(room.machine.change_host_name(&change(), &name).await.unwrap_err());
    assert!(failed.detail.contains("applied at the next start"), "{failed:?}");
}

#[tokio::test]
async fn in_hosted_mode_the_machine_decides_about_its_name() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    let name = ChangeHostName { host_name: "attic".to_owned() };
    room.machine.change_host_name(&change(), &name).await.unwrap();
    assert_eq!(fake.state().host_name, "attic");
    assert_eq!(room.did("box.change").await.detail["host_name"]["to"], "attic");
    fake.state().mood = Mood::Denies;
    let name = ChangeHostName { host_name: "cellar".to_owned() };
    assert_eq!(
        code(room.machine.change_host_name(&change(), &name).await.unwrap_err()),
        (409, "machine-refuses".into())
    );
    assert_eq!(room.history().await.len(), 1, "what did not happen is not in history");
    for odd in ["", "a b", "-a", "a.b", "ä", &"x".repeat(64)] {
        let name = ChangeHostName { host_name: odd.to_owned() };
        let refused = room.machine.change_host_name(&change(), &name).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{odd:?}");
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_known_from_the_start() {
    let fake = FakeSystemd::start().await;
    fake.state().synchronised = false;
    let future: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
    let room = Room::new(Outside { built: future, ..with(&fake) }).await;
    assert!(!room.machine.clock().is_usable());
    assert!(room.machine.clock_trouble().unwrap().contains("1 Jan 2100"));
    let issues = room.machine.issues(&view()).await.unwrap();
    assert!(matches!(&issues[..], [Issue::Clock { clock: Verdict::Behind { .. } }]), "{issues:?}");
    let kept = room.dir.path().join("last-seen");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!kept.exists(), "a clock that is not believed is not remembered");

    let room = Room::new(with(&fake)).await;
    let kept = room.dir.path().join("last-seen");
    room.until(async || kept.exists()).await;
    let seconds: i64 = std::fs::read_to_string(&kept).unwrap().trim().parse().unwrap();
    assert!((Timestamp::now().as_second() - seconds).abs() < 60);
    assert_eq!(room.machine.issues(&view()).await.unwrap(), [Issue::NotSynchronised]);
}

/// The files of a compressed tar archive.
fn unpack(bytes: &[u8]) -> Vec<(String, String)> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut tar).unwrap();
    let (mut at, mut files) = (0, Vec::new());
    while tar[at] != 0 {
        let text = |from: usize, len: usize| {
            String::from_utf8(tar[at + from..at + from + len].iter().copied().take_while(|b| *b != 0).collect())
                .unwrap()
        };
        let (name, size) = (text(0, 100), usize::from_str_radix(&text(124, 11), 8).unwrap());
        let body = String::from_utf8(tar[at + 512..at + 512 + size].to_vec()).unwrap();
        files.push((name.split_once('/').unwrap().1.to_owned(), body));
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

#[tokio::test]
async fn a_support_bundle_has_the_state_and_no_secret() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    room.store.redactor().add("Pa55-word-of-the-box");
    let long = room.long().await;
    room.end_long.notify_one();
    room.jobs.wait(long).await.unwrap();
    let docker = json!({ "answers": { "Ok": null }, "note": "Pa55-word-of-the-box" });
    let bundle = room.machine.support_bundle(&support(), &room.jobs, docker).await.unwrap();
    assert!(bundle.file_name.starts_with("orbitr-support-") && bundle.file_name.ends_with(".tar.gz"));
    let files = unpack(&bundle.bytes);
    let file = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    for name in ["README.txt", "about.json", "figures.json", "issues.json", "units.json", "power.json", "time.json"] {
        assert!(file(name).is_some(), "{name}");
    }
    assert!(file("units.json").unwrap().contains("docker.service"));
    assert!(file("docker.json").unwrap().contains("«secret»"));
    assert!(file(&format!("jobs/{long}.log")).unwrap().contains("the password is «secret»"));
    assert!(files.iter().all(|(_, text)| !text.contains("Pa55-word")), "a secret is in it");
    room.did("box.support-bundle").await;
}

const WRITER: &str = "/usr/lib/systemd/systemd-journal-remote";

#[tokio::test]
async fn the_journal_is_read_without_secrets_and_followed() {
    if !Path::new(WRITER).exists() {
        eprintln!("left out: systemd-journal-remote, which writes the files, is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = async |n: i64| {
        let (at, boot) = (1_763_800_000_000_000 + n, "1".repeat(32));
        let entry = format!(
            "__REALTIME_TIMESTAMP={at}\n__MONOTONIC_TIMESTAMP={n}\n_BOOT_ID={boot}\n_SYSTEMD_UNIT=docker.service\nPRIORITY=4\n\
             SYSLOG_IDENTIFIER=dockerd\nMESSAGE=line {n} with Pa55-word-of-the-box\n\n"
        );
        let command = Command::new(WRITER).arg("-o").arg(folder.path().join("a.journal")).arg("-").stdin(entry);
        command.run(&CancellationToken::new()).await.unwrap().success().unwrap();
    };
    write(1).await;
    let outside = Outside { journal: Journal::of_folder("journalctl", folder.path()), ..nowhere() };
    let room = Room::new(outside).await;
    room.store.redactor().add("Pa55-word-of-the-box");
    let query = JournalQuery { unit: Some("docker.service".to_owned()), ..JournalQuery::default() };
    let page = room.machine.journal(&journal(), &query).await.unwrap();
    let [line] = &page.lines[..] else { panic!("{page:?}") };
    assert_eq!((line.message.as_str(), line.priority.as_str()), ("line 1 with «secret»", "warning"));
    let mut lines = room.machine.follow_journal(&journal(), &query).unwrap();
    let watch = room.machine.watch_journal();
    let mut changes = room.store.changes();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    write(2).await;
    let next = tokio::time::timeout(Duration::from_secs(10), futures_util::StreamExt::next(&mut lines)).await;
    let Some(Ok(Told::Line(line))) = next.unwrap() else { panic!("no line") };
    assert_eq!(line.message, "line 2 with «secret»");
    let told = async { while changes.recv().await != Ok(Topic::Journal) {} };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
    drop(watch);
    let text = room.machine.download_journal(&journal(), &query).await.unwrap();
    assert!(text.lines().count() == 2 && !text.contains("Pa55"), "{text}");
    room.did("journal.export").await;
    for (field, query) in [
        ("unit", JournalQuery { unit: Some("docker".to_owned()), ..JournalQuery::default() }),
        ("priority", JournalQuery { priority: Some("loud".to_owned()), ..JournalQuery::default() }),
        ("boot", JournalQuery { boot: Some("--all".to_owned()), ..JournalQuery::default() }),
        ("before", JournalQuery { before: Some("x".to_owned()), ..JournalQuery::default() }),
        ("limit", JournalQuery { limit: Some(0), ..JournalQuery::default() }),
        ("text", JournalQuery { text: Some("bytes \u{fffd}".to_owned()), ..JournalQuery::default() }),
    ] {
        let problem = Problem::from(room.machine.journal(&journal(), &query).await.unwrap_err());
        assert!(problem.message_for(field).is_some(), "{field}: {problem:?}");
    }
}
