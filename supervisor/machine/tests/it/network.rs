//! Changing the network: tried, confirmed, gone back; over restarts of the supervisor and of the machine.

use std::{net::IpAddr, time::Duration};

use orbitr_access::{
    Permit, TheBox,
    action::{ChangeNetwork, ViewMachine},
    testing,
};
use orbitr_host::testing::{FakeSystemd, Mood};
use orbitr_machine::{CardChange, Changing, Error, Machine, Method, Outside, TrialEnd};
use orbitr_model::{Actor, PageRequest, Problem};
use orbitr_store::{
    Store,
    events::{self, Filter},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{code, with};

const UNIT: &str = "orbitr-apply-settings.service";
const MAC: &str = "52:54:00:12:34:56";

/// A box on Orbitr OS, whose unit only notes that it was started.
pub(crate) struct OnImage {
    pub(crate) dir: TempDir,
    pub(crate) store: Store,
    pub(crate) machine: Machine,
    following: tokio::task::JoinHandle<()>,
}

impl OnImage {
    pub(crate) async fn fake() -> FakeSystemd {
        let fake = FakeSystemd::start().await;
        let unit = fake.state().units["ssh.service"].clone();
        fake.state().units.insert(UNIT.to_owned(), unit);
        fake
    }

    pub(crate) async fn new(fake: &FakeSystemd, confirm_within: u64) -> Self {
        Self::open(tempfile::tempdir().unwrap(), fake, confirm_within).await
    }

    async fn open(dir: TempDir, fake: &FakeSystemd, confirm_within: u64) -> Self {
        let outside = Outside { image: true, confirm_within: Duration::from_millis(confirm_within), ..with(fake) };
        let store = Store::open(dir.path()).await.unwrap();
        let machine = Machine::open_with(store.clone(), dir.path().to_owned(), "1.2.3", outside).await.unwrap();
        let following = machine.clone();
        let following = tokio::spawn(async move { match following.follow().await {} });
        Self { dir, store, machine, following }
    }

    /// The supervisor is killed; what it was doing is cut off.
    async fn killed(self) -> TempDir {
        self.following.abort();
        self.store.close().await;
        self.dir
    }

    /// What the unit would read.
    pub(crate) fn written(&self) -> Value {
        std::fs::read(self.dir.path().join("box.json"))
            .map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap())
    }

    async fn changing(&self) -> Changing {
        let view: Permit<ViewMachine> = testing::permit(Actor::Local { uid: 0 }, TheBox);
        self.machine.network(&view).await.unwrap().change
    }

    async fn until(&self, what: &str, mut so: impl AsyncFnMut() -> bool) {
        for _ in 0..1000 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it did not become so: {what}");
    }

    async fn applied(&self) {
        self.until("applied", async || self.changing().await.trial.is_some_and(|trial| trial.applied)).await;
    }

    async fn ended(&self) -> TrialEnd {
        let over = async || {
            let changing = self.changing().await;
            changing.trial.is_none() && changing.last.is_some()
        };
        self.until("ended", over).await;
        self.changing().await.last.unwrap().end
    }

    /// What history says, the oldest first.
    pub(crate) async fn history(&self) -> Vec<(String, String, Value)> {
        let page = |conn: &_| events::page(conn, &Filter::default(), &PageRequest::default());
        let events = self.store.read(page).await.unwrap().items;
        events.into_iter().rev().map(|event| (event.action, event.actor.to_string(), event.detail)).collect()
    }
}

fn may() -> Permit<ChangeNetwork> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn from_the_network() -> Permit<ChangeNetwork> {
    testing::permit_from(Actor::Local { uid: 0 }, TheBox, "192.168.1.77".parse().unwrap())
}

fn fixed(address: &str) -> CardChange {
    CardChange {
        card: MAC.to_owned(),
        method: Method::Static,
        address: Some(address.to_owned()),
        gateway: Some("192.168.1.1".to_owned()),
        dns: vec!["192.168.1.1".to_owned()],
    }
}

fn card(address: &str) -> Value {
    json!({"mac": MAC, "dns": ["192.168.1.1"],
        "ipv4": {"method": "static", "address": address, "prefix": 24, "gateway": "192.168.1.1"}})
}

fn starts(fake: &FakeSystemd) -> usize {
    fake.done().iter().filter(|done| **done == format!("start {UNIT}")).count()
}

#[tokio::test]
async fn a_setting_is_tried_and_stays_when_it_is_confirmed() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    room.until("the start", async || starts(&fake) == 1).await;
    let cards = room.changing().await;
    assert!(cards.available && cards.trial.is_none() && cards.last.is_none());
    let listed: Vec<_> = cards.cards.iter().map(|card| (card.name.as_str(), card.settings.sentence())).collect();
    assert_eq!(listed, [("eth0", "DHCP".to_owned()), ("eth1", "DHCP".to_owned())]);

    let trial = room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    assert!((50..=60).contains(&trial.seconds_left) && !trial.applied, "{trial:?}");
    assert_eq!(starts(&fake), 1, "the answer gets out first");
    assert_eq!(code(room.machine.confirm_network(&may(), None).await.unwrap_err()), (409, "not-applied-yet".into()));
    room.applied().await;
    assert_eq!(starts(&fake), 2);
    let written = room.written();
    assert_eq!((written.get("network"), &written["network_trial"]["card"]), (None, &card("192.168.1.30")));
    assert_eq!(
        room.changing().await.cards[0].settings.sentence(),
        "192.168.1.30/24, gateway 192.168.1.1, DNS 192.168.1.1"
    );

    room.machine.confirm_network(&may(), None).await.unwrap();
    assert_eq!(room.ended().await, TrialEnd::Kept);
    assert_eq!(room.written(), json!({"version": 1, "network": [card("192.168.1.30")]}));
    assert_eq!(starts(&fake), 2, "the machine has it already");
    assert_eq!(code(room.machine.confirm_network(&may(), None).await.unwrap_err()), (409, "nothing-tried".into()));
    let history = room.history().await;
    let said: Vec<_> = history.iter().map(|(action, ..)| action.as_str()).collect();
    assert_eq!(said, ["network.try", "network.keep"]);
    assert_eq!(history[0].2["from"], "DHCP");

    // Back to what nobody has set.
    let dhcp = CardChange { card: MAC.to_owned(), ..CardChange::default() };
    room.machine.change_network(&may(), &dhcp).await.unwrap();
    room.applied().await;
    room.machine.confirm_network(&may(), None).await.unwrap();
    assert_eq!(room.written(), json!({"version": 1}));
}

#[tokio::test]
async fn a_setting_that_nobody_confirms_goes_back() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 2_500).await;
    room.until("the start", async || starts(&fake) == 1).await;
    room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    room.applied().await;
    assert_eq!(room.ended().await, TrialEnd::NotConfirmed);
    room.until("the old one is back", async || room.written() == json!({"version": 1}) && starts(&fake) == 3).await;
    let (action, actor, detail) = room.history().await.pop().unwrap();
    assert_eq!((action.as_str(), actor.as_str(), &detail["to"]), ("network.return", "the box", &json!("DHCP")));
}

#[tokio::test]
async fn a_setting_can_be_taken_back_at_once() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    assert_eq!(code(room.machine.revert_network(&may()).await.unwrap_err()), (409, "nothing-tried".into()));
    room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    room.applied().await;
    room.machine.revert_network(&may()).await.unwrap();
    assert_eq!(room.ended().await, TrialEnd::TakenBack);
    room.until("the old one is back", async || room.written() == json!({"version": 1})).await;
}

#[tokio::test]
async fn one_change_at_a_time() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    let both = tokio::join!(async { room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await }, async {
        room.machine.change_network(&may(), &fixed("192.168.1.31/24")).await
    },);
    let refused = match both {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => Problem::from(refused),
        other => panic!("{other:?}"),
    };
    assert_eq!((refused.status, refused.code.as_str()), (409, "network-pending"));
    assert!(refused.title.contains("eth0") && refused.detail.contains("goes back in"), "{refused:?}");
    assert_eq!(room.history().await.len(), 1);
}

#[tokio::test]
async fn a_killed_supervisor_goes_on_with_a_trial_and_ends_it_in_time() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 5_000).await;
    room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    // Before the machine was told: the next one tells it.
    let dir = room.killed().await;
    let room = OnImage::open(dir, &fake, 60_000).await;
    room.applied().await;
    assert!(room.changing().await.trial.unwrap().seconds_left <= 5, "it gets no more time");
    let dir = room.killed().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // Its time went by while nobody was there.
    let before = starts(&fake);
    let room = OnImage::open(dir, &fake, 60_000).await;
    assert!(room.changing().await.trial.is_none(), "it is not shown, whether or not somebody has ended it yet");
    room.until("the old one is back", async || starts(&fake) > before && room.written() == json!({"version": 1})).await;
    assert_eq!(room.ended().await, TrialEnd::NotConfirmed);
}

#[tokio::test]
async fn a_reboot_ends_a_trial() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    room.applied().await;
    let sql = "UPDATE setting SET value = json_set(value, '$.boot', 'another') WHERE key = 'box.network_trial'";
    room.store.write(move |tx| Ok::<_, orbitr_store::Error>(tx.execute_batch(sql)?)).await.unwrap();
    let dir = room.killed().await;
    let room = OnImage::open(dir, &fake, 60_000).await;
    room.until("the old one is back", async || room.written() == json!({"version": 1})).await;
    assert_eq!(room.ended().await, TrialEnd::Restarted);
}

#[tokio::test]
async fn what_the_machine_does_not_take_is_no_trial_any_more() {
    let fake = OnImage::fake().await;
    let room = OnImage::new(&fake, 60_000).await;
    room.until("the start", async || starts(&fake) == 1).await;
    fake.state().mood = Mood::JobEnds("failed".to_owned());
    room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap();
    assert_eq!(room.ended().await, TrialEnd::NotApplied);
    room.until("the old one is written", async || room.written() == json!({"version": 1})).await;
    let last = room.changing().await.last.unwrap();
    assert!(last.why.contains(UNIT), "{last:?}");
    fake.state().mood = Mood::Willing;
    room.machine.change_network(&may(), &fixed("192.168.1.31/24")).await.unwrap();
    room.applied().await;
}

#[tokio::test]
async fn only_a_way_that_stays_open_confirms() {
    let fake = OnImage::fake().await;
    // The card had the address that the test comes over, which the new setting takes away.
    fake.state().cards[0].2 = [127, 0, 0, 1];
    let room = OnImage::new(&fake, 60_000).await;
    room.machine.change_network(&from_the_network(), &fixed("192.168.1.30/24")).await.unwrap();
    room.applied().await;
    let over = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    for way in [None, over("127.0.0.1"), over("::ffff:127.0.0.1"), over("192.0.2.7"), over("2001:db8::1")] {
        let refused = Problem::from(room.machine.confirm_network(&from_the_network(), way).await.unwrap_err());
        assert_eq!(refused.code, "not-over-the-new-address", "{way:?}");
        assert!(refused.next.contains("https://192.168.1.30"), "{refused:?}");
    }
    // Another card of the box, as far as the kernel is concerned.
    let room_next = OnImage::new(&fake, 60_000).await;
    fake.state().cards[0].2 = [192, 168, 1, 20];
    room_next.machine.change_network(&from_the_network(), &fixed("192.168.1.30/24")).await.unwrap();
    room_next.applied().await;
    room_next.machine.confirm_network(&from_the_network(), over("127.0.0.1")).await.unwrap();
    // In front of the box one sees what happens.
    room.machine.confirm_network(&may(), None).await.unwrap();
}

#[tokio::test]
async fn in_hosted_mode_the_network_is_somebody_elses() {
    let fake = FakeSystemd::start().await;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let machine = Machine::open_with(store, dir.path().to_owned(), "1.2.3", with(&fake)).await.unwrap();
    let view: Permit<ViewMachine> = testing::permit(Actor::Local { uid: 0 }, TheBox);
    let change = machine.network(&view).await.unwrap().change;
    assert!(!change.available && change.reason.contains("hosted mode") && change.cards.is_empty());
    let refused = [
        machine.change_network(&may(), &fixed("192.168.1.30/24")).await.map(drop),
        machine.confirm_network(&may(), None).await,
        machine.revert_network(&may()).await,
    ];
    for refused in refused {
        let problem = Problem::from(refused.unwrap_err());
        assert!(problem.code == "not-here" && problem.detail.contains("whoever looks after this Linux"), "{problem:?}");
    }
    assert!(fake.done().is_empty() && !dir.path().join("box.json").exists());
}

#[tokio::test]
async fn a_machine_whose_cards_nobody_knows_is_left_alone() {
    let fake = OnImage::fake().await;
    fake.state().cards.clear();
    let room = OnImage::new(&fake, 60_000).await;
    let refused = room.machine.change_network(&may(), &fixed("192.168.1.30/24")).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(fields) if fields[0].field == "card"), "{refused:?}");
    assert!(room.history().await.is_empty());
}
