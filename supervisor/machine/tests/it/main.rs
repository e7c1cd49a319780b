//! The room through its public face, on a real database and the machine that the test runs on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may fail loudly, and says what it leaves out"
)]

mod host;
mod network;
mod ssh;

use std::time::Duration;

use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ViewBox},
    testing,
};
use orbitr_machine::{ChangeSettings, Error, FRESH, Machine, zones};
use orbitr_model::{Actor, PageRequest, Problem, Timestamp, Topic};
use orbitr_store::{
    Store,
    events::{self, Event, Filter},
};
use proptest::prelude::*;
use tempfile::TempDir;

struct Room {
    dir: TempDir,
    store: Store,
    machine: Machine,
}

impl Room {
    async fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap()).await
    }

    async fn open(dir: TempDir) -> Self {
        let store = Store::open(dir.path()).await.unwrap();
        let machine = Machine::open(store.clone(), dir.path().to_owned(), "1.2.3").await.unwrap();
        Self { dir, store, machine }
    }

    async fn restarted(self) -> Self {
        self.store.close().await;
        Self::open(self.dir).await
    }

    async fn change(&self, name: &str, zone: &str, expected: Option<u64>) -> Result<u64, Error> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| text != "-");
        let change = ChangeSettings { name: given(name), time_zone: given(zone) };
        Ok(self.machine.change(&may_change(), &change, expected).await?.version)
    }

    async fn history(&self) -> Vec<Event> {
        let page = |conn: &_| events::page(conn, &Filter::default(), &PageRequest::default());
        self.store.read(page).await.unwrap().items
    }
}

fn may_view() -> Permit<ViewBox> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn may_change() -> Permit<ChangeBox> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

#[tokio::test]
async fn a_fresh_box_has_sensible_settings_and_an_identifier_that_stays() {
    let room = Room::new().await;
    let settings = room.machine.settings(&may_view()).await.unwrap();
    assert_eq!((settings.id.len(), settings.version), (36, 0));
    assert!(!settings.name.as_str().is_empty());
    assert!(zones::find(&settings.time_zone).is_some());
    let room = room.restarted().await;
    assert_eq!(room.machine.settings(&may_view()).await.unwrap(), settings);
    assert_eq!(room.machine.box_id(), settings.id);
    assert_eq!(room.history().await, []);
}

#[tokio::test]
async fn a_change_is_kept_told_and_in_history() {
    let room = Room::new().await;
    let mut changes = room.store.changes();
    assert_eq!(room.change(" Attic ", "europe/berlin", None).await.unwrap(), 1);
    assert_eq!(room.machine.name().as_str(), "Attic");
    assert_eq!(room.machine.time_zone().iana_name(), Some("Europe/Berlin"));
    let told = [changes.recv().await.unwrap(), changes.recv().await.unwrap()];
    assert!(told.contains(&Topic::Box) && told.contains(&Topic::Events));

    let room = room.restarted().await;
    let settings = room.machine.settings(&may_view()).await.unwrap();
    assert_eq!((settings.name.as_str(), settings.time_zone.as_str()), ("Attic", "Europe/Berlin"));
    let history = room.history().await;
    assert_eq!((history.len(), history[0].action.as_str()), (1, "box.change"));
    assert_eq!(history[0].subject.name, "Attic");
    assert_eq!(history[0].detail["name"]["to"], "Attic");
    assert_eq!(history[0].detail["time_zone"]["to"], "Europe/Berlin");
}

#[tokio::test]
async fn what_is_left_out_stays_and_what_is_the_same_makes_no_noise() {
    let room = Room::new().await;
    room.change("Attic", "Europe/Berlin", None).await.unwrap();
    assert_eq!(room.change("-", "UTC", None).await.unwrap(), 2);
    assert_eq!(room.machine.name().as_str(), "Attic");
    assert_eq!(room.change("Attic", "-", None).await.unwrap(), 2);
    assert_eq!(room.change("-", "-", None).await.unwrap(), 2);
    let history = room.history().await;
    assert_eq!(history.len(), 2);
    assert!(history[0].detail.get("name").is_none());
}

#[tokio::test]
async fn of_two_changes_to_the_same_version_one_is_refused() {
    let room = Room::new().await;
    assert_eq!(room.change("Attic", "-", Some(0)).await.unwrap(), 1);
    let refused = room.change("Cellar", "-", Some(0)).await.unwrap_err();
    assert!(matches!(refused, Error::ChangedMeanwhile { expected: 0, now: 1 }));
    let problem = Problem::from(refused);
    assert_eq!((problem.status, problem.code.as_str()), (412, "changed-meanwhile"));
    assert_eq!(room.machine.name().as_str(), "Attic");
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_beside_its_field() {
    let room = Room::new().await;
    for (name, zone) in
        [("", "Mars/Olympus"), ("a\nb", ""), (&"x".repeat(65), "../../etc/passwd"), (" ", "Etc/Unknown")]
    {
        let problem = Problem::from(room.change(name, zone, None).await.unwrap_err());
        assert_eq!((problem.status, problem.fields.len()), (422, 2), "{name:?} {zone:?}");
        assert!(problem.message_for("name").is_some() && problem.message_for("time_zone").is_some());
    }
    assert_eq!(room.machine.settings(&may_view()).await.unwrap().version, 0);
}

#[tokio::test]
async fn figures_are_the_machines_own_and_shared_for_two_seconds() {
    let room = Room::new().await;
    let first = room.machine.figures(&may_view()).await.unwrap();
    assert!(first.cores > 0 && first.memory.total.0 > 0 && first.disk.total.0 > 0 && first.uptime > 0);
    assert!(first.memory.used <= first.memory.total && (0.0..=100.0).contains(&first.disk.percent()));
    assert_eq!(room.machine.figures(&may_view()).await.unwrap(), first);
    tokio::time::sleep(FRESH + Duration::from_millis(50)).await;
    let second = room.machine.figures(&may_view()).await.unwrap();
    assert!(second.at > first.at);
    assert_eq!(first.traffic, None, "there is nothing to compare the first look with");
    let traffic = second.traffic.expect("the second look is compared with the first");
    let (came, over) = (second.received.0 - first.received.0, traffic.over);
    assert!((2..20).contains(&over) && traffic.received.0 <= came / 2 && traffic.received.0 >= came / (over + 2));
}

#[tokio::test]
async fn the_box_knows_what_it_runs_on() {
    let room = Room::new().await;
    let about = room.machine.about(&may_view()).await.unwrap();
    assert_eq!(about.version, "1.2.3");
    assert!(!about.system.is_empty() && !about.host_name.is_empty());
    assert!(about.addresses.iter().all(|interface| !interface.address.is_loopback()));
    assert!(about.time <= Timestamp::now());
}

#[tokio::test]
async fn a_time_zone_that_is_no_longer_known_keeps_nobody_out() {
    let room = Room::new().await;
    room.change("Attic", "Europe/Berlin", None).await.unwrap();
    let sql = "UPDATE setting SET value = 'Europe/Atlantis' WHERE key = 'box.time_zone'";
    room.store.write(move |tx| Ok::<_, orbitr_store::Error>(tx.execute_batch(sql)?)).await.unwrap();
    let room = room.restarted().await;
    assert_eq!(room.machine.time_zone().iana_name(), Some("UTC"));
    assert_eq!(room.machine.settings(&may_view()).await.unwrap().time_zone, "Europe/Atlantis");
}

#[test]
fn every_zone_of_the_list_can_be_chosen() {
    let zones = zones::all();
    assert!(zones.len() > 400 && zones.is_sorted());
    for usual in ["Europe/Berlin", "America/Argentina/Ushuaia", "UTC"] {
        assert!(zones.iter().any(|zone| zone == usual), "{usual}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_choice_of_a_zone(text in "(?s).{0,80}") {
        if let Some((name, _)) = zones::find(&text) {
            prop_assert_eq!(zones::find(&name).map(|found| found.0), Some(name));
        }
    }
}

#[tokio::test]
async fn a_fresh_key_seals_every_secret_and_history_says_who_wanted_it() {
    let room = Room::new().await;
    let secrets = room.store.secrets().clone();
    room.store.write(move |tx| secrets.set(tx, "app/db/password", "correct horse")).await.unwrap();
    let sealed = || {
        room.store.read(|conn| {
            Ok::<_, orbitr_store::Error>(
                conn.query_row("SELECT hex(sealed) FROM secret", [], |row| row.get::<_, String>(0))?,
            )
        })
    };
    let before = sealed().await.unwrap();
    room.machine.rotate_key(&may_change()).await.unwrap();
    assert_ne!(sealed().await.unwrap(), before);
    let event = room.history().await.remove(0);
    assert_eq!((event.action.as_str(), &event.actor), (orbitr_model::deed::BOX_KEY_ROTATED, &Actor::Local { uid: 0 }));

    let room = room.restarted().await;
    let secrets = room.store.secrets().clone();
    let found = room.store.read(move |conn| secrets.get(conn, "app/db/password")).await.unwrap().unwrap();
    assert_eq!(found.reveal(), "correct horse");
}
