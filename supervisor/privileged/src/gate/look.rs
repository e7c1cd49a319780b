//! What the health gate looks at, one after the other, up to the first thing that is not as it should be.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use orbitr_host::{exec::Command, facts, figures, files, mounts};
use orbitr_model::{DataFacts, DataState, Timestamp};
use tokio::time::timeout;

use super::{
    ask::{Answer, Ask},
    verdict::{Check, Seen},
};
use crate::{Run, updates::read};

const DATA: Check = Check { tier: 0, name: "data", code: "health-data", title: "The data partition cannot be used" };
const CLOCK: Check = Check { tier: 0, name: "clock", code: "health-clock", title: "The clock is wrong" };
const SPACE: Check = Check { tier: 0, name: "space", code: "health-space", title: "The data partition is full" };
const SUPERVISOR: Check =
    Check { tier: 1, name: "supervisor", code: "health-supervisor", title: "The supervisor does not do its work" };
const DOCKER: Check = Check { tier: 1, name: "docker", code: "health-docker", title: "Docker does not answer" };
const PAGES: Check = Check { tier: 1, name: "pages", code: "health-ui", title: "The box's pages do not answer" };
const EVENTS: Check = Check { tier: 1, name: "events", code: "health-events", title: "The pages are not told of news" };
/// Everything, in the order in which it is looked at.
pub(crate) const CHECKS: [Check; 7] = [DATA, CLOCK, SPACE, SUPERVISOR, DOCKER, PAGES, EVENTS];

const LIMIT: Duration = Duration::from_secs(20);
/// As much of the data partition must be free: a hundredth times this.
const FREE: u64 = 5;
/// So many restarts of the supervisor are no accident.
const CRASHES: u32 = 5;
/// How long a network is waited for: many a box has none.
const NETWORK: Duration = Duration::from_secs(90);
/// What the supervisor says while a box has no owner: its database is open, and it has nothing to tell anybody.
const NOT_CLAIMED: &str = "\"not-claimed\"";
const SENT_ON: u16 = 303;
/// A certificate is far shorter.
const LONGEST_CERTIFICATE: u64 = 64 * 1024;

/// What is known of the data partition in this boot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    Open,
    /// There is none, or it waits for its owner.
    Waits(&'static str),
    Missing,
    Unknown,
}

/// Looks once. `since` is how long the gate watches.
pub(crate) async fn look(run: &Run, since: Duration) -> Vec<(Check, Seen)> {
    let data = data(run);
    let mut seen = Vec::new();
    for check in CHECKS {
        let found = match check {
            DATA => on_disk(run, data, is_writable).await,
            CLOCK => clock(run),
            SPACE => on_disk(run, data, space).await,
            SUPERVISOR => supervisor(run, data).await,
            DOCKER => docker(run, data).await,
            PAGES => pages(run, data, since).await,
            _ => events(run, data).await,
        };
        let fine = matches!(found, Seen::Good(_) | Seen::Nothing(_));
        seen.push((check, found));
        if !fine {
            break;
        }
    }
    seen
}

/// A look that a disk which hangs cannot hold up for ever.
async fn on_disk(run: &Run, data: Data, look: fn(&Run, Data) -> Seen) -> Seen {
    let run = run.clone();
    match timeout(LIMIT, tokio::task::spawn_blocking(move || look(&run, data))).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(_)) | Err(_) => Seen::NotYet("the data partition does not answer".to_owned()),
    }
}

fn data(run: &Run) -> Data {
    let Some(facts) = read::<DataFacts>(run.places.facts()) else { return Data::Unknown };
    match facts.state {
        DataState::Open => Data::Open,
        DataState::None => Data::Waits("there is none yet"),
        // No version can open what only its owner can.
        DataState::Locked => Data::Waits("it waits for its recovery key"),
        DataState::Choice | DataState::Failed if facts.recorded.is_some() => Data::Missing,
        DataState::Choice | DataState::Failed => Data::Waits("it waits for its owner's choice"),
    }
}

fn is_writable(run: &Run, data: Data) -> Seen {
    match data {
        Data::Open => {}
        Data::Waits(why) => return Seen::Nothing(why.to_owned()),
        Data::Missing => return Seen::NotYet("it was not found or could not be opened".to_owned()),
        Data::Unknown => return Seen::NotYet("nobody has looked for it yet".to_owned()),
    }
    let places = [&run.places.state, &run.places.system];
    if run.places.has_systemd() {
        let Ok(all) = mounts::mounts() else { return Seen::NotYet("what is mounted cannot be told".to_owned()) };
        if let Some(missing) = places.iter().find(|place| !all.iter().any(|mount| mount.at == ***place)) {
            return Seen::NotYet(format!("{} is not mounted", missing.display()));
        }
    }
    match write(&run.places.system) {
        Ok(()) => Seen::Good("it is there and can be written to".to_owned()),
        Err(error) => Seen::Wrong(format!("it cannot be written to: {error}")),
    }
}

/// A file that is written to its end, and gone again.
fn write(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(".health-gate");
    let written = File::create(&path).and_then(|mut file| file.write_all(b"ok\n").and_then(|()| file.sync_all()));
    files::remove(&path)?;
    written
}

fn clock(run: &Run) -> Seen {
    let built = fs::metadata(&run.places.os_release).and_then(|file| file.modified());
    let built = built.ok().and_then(|built| Timestamp::try_from(built).ok());
    let now = Timestamp::now();
    match built {
        Some(built) if now < built => Seen::NotYet(format!("it says {now}, and this version was built at {built}")),
        _ => Seen::Good(String::new()),
    }
}

fn space(run: &Run, data: Data) -> Seen {
    if data != Data::Open {
        return Seen::Nothing(String::new());
    }
    match figures::disk(&run.places.state) {
        Ok(disk) if disk.available.saturating_mul(100) > disk.total.saturating_mul(FREE) => Seen::Good(String::new()),
        Ok(disk) => Seen::Wrong(format!("{} of {} bytes are free", disk.available, disk.total)),
        Err(error) => Seen::NotYet(error.to_string()),
    }
}

async fn supervisor(run: &Run, data: Data) -> Seen {
    match unit(run, "orbitr.service").await {
        Some((state, restarts)) if state != "active" => {
            let words = format!("orbitr.service is {state}, after {restarts} restarts");
            return if restarts >= CRASHES { Seen::Wrong(words) } else { Seen::NotYet(words) };
        }
        _ => {}
    }
    // Who has no database, or cannot open it, has no such page.
    let path = if data == Data::Open { "/api/v1/status" } else { "/healthz" };
    match Ask::socket(&run.places.control, path).send(run).await {
        Answer::Said { code: 200, .. } => Seen::Good(String::new()),
        Answer::Said { body, .. } if body.contains(NOT_CLAIMED) => {
            Seen::Good("nobody has claimed the box yet".to_owned())
        }
        Answer::Said { code, .. } => {
            Seen::Wrong(format!("it answers {code} on its control socket: its database is not open"))
        }
        Answer::Silent(why) => Seen::NotYet(why),
    }
}

async fn docker(run: &Run, data: Data) -> Seen {
    if data != Data::Open {
        return Seen::Nothing(String::new());
    }
    if let Some((state, _)) = unit(run, "docker.service").await.filter(|(state, _)| state == "failed") {
        return Seen::Wrong(format!("docker.service is {state}"));
    }
    match Ask::socket(&run.places.docker, "/_ping").send(run).await {
        Answer::Said { code: 200, .. } => Seen::Good(String::new()),
        Answer::Said { code, .. } => Seen::Wrong(format!("it answers {code}")),
        Answer::Silent(why) => Seen::NotYet(why),
    }
}

/// The page that a browser asks for first, and something that it loads for it, at every address of the box.
async fn pages(run: &Run, data: Data, since: Duration) -> Seen {
    let addresses = facts::reachable_addresses().unwrap_or_default();
    if addresses.is_empty() && since < NETWORK {
        return Seen::NotYet("there is no network yet".to_owned());
    }
    let certificate = match certificate(run, data) {
        Ok(path) => path,
        Err(error) => return Seen::NotYet(format!("the box's certificate cannot be read: {error}")),
    };
    let path = if data == Data::Open { "/sign-in" } else { "/" };
    let mut hosts: Vec<String> = addresses.iter().map(|address| Ask::host(*address)).collect();
    hosts.push("127.0.0.1".to_owned());
    for host in &hosts {
        let seen = page(run, host, path, &certificate).await;
        if !matches!(seen, Seen::Good(_)) {
            return seen;
        }
    }
    Seen::Good(format!("at {}", hosts.join(", ")))
}

async fn page(run: &Run, host: &str, path: &str, certificate: &Path) -> Seen {
    let html = match Ask::https(host, path, certificate).send(run).await {
        Answer::Said { code: 200, body } => body,
        Answer::Said { code, .. } => return Seen::Wrong(format!("https://{host}{path} answers {code}")),
        Answer::Silent(why) => return Seen::NotYet(format!("https://{host}{path}: {why}")),
    };
    let Some(asset) = asset(&html) else { return Seen::Wrong(format!("https://{host}{path} is no page of a box")) };
    match Ask::https(host, asset, certificate).send(run).await {
        Answer::Said { code: 200, body } if !body.is_empty() => Seen::Good(String::new()),
        Answer::Said { code, .. } => Seen::Wrong(format!("https://{host}{asset} answers {code}")),
        Answer::Silent(why) => Seen::NotYet(format!("https://{host}{asset}: {why}")),
    }
}

/// The first of our own files that a page names.
fn asset(html: &str) -> Option<&str> {
    let from = html.find("\"/assets/")?;
    let rest = html.get(from + 1..)?;
    let (path, _) = rest.split_once('"')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
    path.bytes().all(plain).then_some(path)
}

async fn events(run: &Run, data: Data) -> Seen {
    if data != Data::Open {
        return Seen::Nothing(String::new());
    }
    // After an event that never was, the stream says at once that everything is to be fetched.
    match Ask::socket(&run.places.control, "/events?topics=box&after=0").until("event:").send(run).await {
        Answer::Said { body, .. } if body.contains("event:") => Seen::Good(String::new()),
        Answer::Said { code: SENT_ON, .. } => Seen::Nothing("nobody has claimed the box yet".to_owned()),
        Answer::Said { code, .. } => Seen::Wrong(format!("the stream of events answers {code} and says nothing")),
        Answer::Silent(why) => Seen::NotYet(format!("the stream of events: {why}")),
    }
}

/// The box's own authority, in a folder where nobody can put another file in its place while it is used.
fn certificate(run: &Run, data: Data) -> std::io::Result<std::path::PathBuf> {
    let open = if data == Data::Open { run.places.state.join("tls") } else { run.places.waiting_tls.clone() };
    let mut pem = Vec::new();
    files::open_beneath(&open, Path::new("ca.pem"))?.take(LONGEST_CERTIFICATE).read_to_end(&mut pem)?;
    let path = run.places.work.join("authority.pem");
    files::write(&path, &pem, 0o600)?;
    Ok(path)
}

/// What systemd says of a unit: its state and how often it was started again. None where there is no systemd.
async fn unit(run: &Run, name: &str) -> Option<(String, u32)> {
    if !run.places.has_systemd() {
        return None;
    }
    let command = Command::new("systemctl").args(["show", "--property=ActiveState,NRestarts", name]).limit(LIMIT);
    let printed = command.run(&run.cancel).await.ok()?;
    let text = printed.stdout_text().into_owned();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Some((value("ActiveState")?.to_owned(), value("NRestarts").and_then(|number| number.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_what_it_loads() {
        let html = r#"<link rel="stylesheet" href="/assets/1a2b3c4d/app.css"><script src="/assets/5e6f/app.js">"#;
        assert_eq!(asset(html), Some("/assets/1a2b3c4d/app.css"));
        for other in ["", "<p>/assets/x</p>", r#"href="/assets/x y""#, r#"href="/assets/"#] {
            assert_eq!(asset(other), None, "{other}");
        }
    }
}
