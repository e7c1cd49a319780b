//! Gathers how the box is, and hears when to gather again.

use std::{sync::Arc, time::Duration};

use orbitr_console::{Event, Facts, Supervisor, read_welcome};
use orbitr_host::facts as machine;
use orbitr_model::Timestamp;
use tokio::{
    fs,
    sync::Notify,
    time::{sleep, timeout},
};

use super::work::Works;
use crate::cli::{failure::Failure, stream::Events};

/// Changes that come together are shown together.
const SETTLE: Duration = Duration::from_millis(300);
/// How long one look may take; the rest is shown without.
const LOOK: Duration = Duration::from_secs(10);
/// How long after a lost connection it is tried again: at first soon, as a restart takes a moment.
const AGAIN: [u64; 4] = [1, 2, 5, 10];
/// What the menu shows changes with these.
const TOPICS: &str = "jobs,apps,people,box,units";

/// Looks whenever it is told to; for ever.
pub(super) async fn look(works: Works, again: Arc<Notify>) {
    loop {
        let facts = gather(&works).await;
        if works.tell(Event::Facts(Box::new(facts))).await.is_err() {
            return;
        }
        again.notified().await;
        sleep(SETTLE).await;
    }
}

/// Hears from the supervisor that something has changed; tries again for as long as it does not answer.
pub(super) async fn listen(works: Works, again: Arc<Notify>) {
    let mut tries = 0_usize;
    loop {
        if let Ok(answer) = works.client().changes(TOPICS).await {
            tries = 0;
            again.notify_one();
            let mut events = Events::new(works.client(), answer);
            while let Ok(Some(_)) = events.next().await {
                again.notify_one();
            }
        }
        // It went away, or was never there: both are to be shown.
        again.notify_one();
        let wait = AGAIN.get(tries).or(AGAIN.last()).copied().unwrap_or(10);
        tries = tries.saturating_add(1);
        sleep(Duration::from_secs(wait)).await;
    }
}

async fn gather(works: &Works) -> Facts {
    let mut facts = Facts { clock: clock(), ..Facts::default() };
    if let Ok(block) = fs::read_to_string(works.welcome()).await {
        read_welcome(&mut facts, &block);
    }
    let client = works.client();
    match timeout(LOOK, client.get(&["status"], &[])).await {
        Ok(Ok(status)) if status.pointer("/mode").is_some() => {
            facts.read_status(&status);
            // Each may be missing: an older supervisor, a machine without systemd.
            let page = [("active", "true".to_owned()), ("limit", "3".to_owned())];
            let rest = timeout(LOOK, async {
                tokio::join!(
                    client.get(&["box"], &[]),
                    client.get(&["box", "figures"], &[]),
                    client.get(&["jobs"], &page),
                    client.get(&["box", "issues"], &[]),
                    client.get(&["box", "power"], &[]),
                    client.get(&["box", "updates"], &[]),
                )
            });
            if let Ok((about, figures, jobs, issues, power, updates)) = rest.await {
                about.iter().for_each(|value| facts.read_box(value));
                figures.iter().for_each(|value| facts.read_figures(value));
                jobs.iter().for_each(|value| facts.read_jobs(value));
                issues.iter().for_each(|value| facts.read_issues(value));
                updates.iter().for_each(|value| facts.read_updates(value, shown));
                power.iter().for_each(|value| facts.read_power(value));
            }
        }
        Ok(answer) => facts.supervisor = without(answer.err()),
        Err(_) => facts.supervisor = Supervisor::Down(format!("no answer within {} s", LOOK.as_secs())),
    }
    if facts.supervisor != Supervisor::Up {
        let found = tokio::task::spawn_blocking(|| (machine::hostname(), machine::reachable_addresses()));
        if let Ok((name, addresses)) = found.await {
            facts.name = name;
            facts.addresses = addresses.ok().map(|all| all.iter().map(ToString::to_string).collect());
        }
        if matches!(facts.supervisor, Supervisor::Down(_)) {
            // The next start makes another one.
            facts.code = None;
        }
        facts.no_power = works.no_power().await;
    }
    facts.refresh_urls();
    facts
}

/// Why the API does not say how the box is.
fn without(failure: Option<Failure>) -> Supervisor {
    match failure {
        Some(Failure::Problem(problem)) => match (problem.code.as_str(), problem.status) {
            ("not-claimed", _) => Supervisor::Unclaimed,
            (_, 401 | 403) => {
                Supervisor::Refused("Orbitr runs, but this user may not ask it. Run the menu as root.".to_owned())
            }
            _ => Supervisor::Limited,
        },
        Some(Failure::Unreachable { why, .. }) if why.contains("own user and root") => Supervisor::Refused(why),
        Some(Failure::Unreachable { why, .. }) => Supervisor::Down(why),
        _ => Supervisor::Limited,
    }
}

fn clock() -> String {
    at(Timestamp::now())
}

fn at(moment: Timestamp) -> String {
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string()
}

/// A moment of the API on the clock of the screen.
fn shown(moment: &str) -> String {
    moment.parse().map(at).unwrap_or_default()
}
