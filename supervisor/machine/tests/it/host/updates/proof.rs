//! After an update: the apps are compared with how they were before the restart, somebody is asked, and the answer is done.

use std::{fs, sync::Mutex};

use futures_util::{FutureExt, future::BoxFuture};
use orbitr_machine::{
    AnswerUpdate, AppHealth, AppsHealth, Power, PowerRequest, Proving, ProvingState, UpdateAnswer, Verb,
};
use orbitr_model::{AppId, ReleaseId};

use super::*;

/// The apps of a box.
#[derive(Clone, Debug)]
struct Apps(Arc<Mutex<Vec<AppHealth>>>);

impl Apps {
    fn new(names: &[&str]) -> Self {
        let app = |name: &&str| AppHealth {
            id: name.to_lowercase().parse().unwrap(),
            name: name.parse().unwrap(),
            release: Some(ReleaseId::new()),
            wanted: true,
            busy: false,
            trouble: None,
            grace: Duration::ZERO,
        };
        Self(Arc::new(Mutex::new(names.iter().map(app).collect())))
    }

    fn is(&self, at: usize, trouble: Option<&str>) {
        self.0.lock().unwrap()[at].trouble = trouble.map(str::to_owned);
    }
}

impl AppsHealth for Apps {
    fn look(&self) -> BoxFuture<'_, Result<Vec<AppHealth>, String>> {
        let apps = self.0.lock().unwrap().clone();
        async move { Ok(apps) }.boxed()
    }

    fn last_lines<'a>(&'a self, app: &'a AppId, _: u32) -> BoxFuture<'a, Vec<String>> {
        async move { vec![format!("{app}: cannot open the database")] }.boxed()
    }
}

fn installed(running: &str) -> Value {
    let one = |version: &str, slot: &str| {
        json!({"version": version, "slot": slot, "tries_left": null, "tries_done": null, "blessed": true,
            "running": version == running})
    };
    json!({"running": running, "installed": [one("0.2.0", "b"), one("0.1.0", "a")]})
}

/// A box with two apps that were healthy when somebody had it restart into 0.2.0.
async fn updated(apps: &Apps) -> (World, Room) {
    let mut world = World::new().await;
    world.apps = Some(Arc::new(apps.clone()));
    world.grace(1);
    world.facts(&installed("0.1.0"));
    let room = world.room().await;
    restart(&world, &room).await;
    (world, room)
}

async fn restart(world: &World, room: &Room) {
    let request = PowerRequest { verb: Verb::Reboot, reason: "an update".to_owned(), wait: true };
    let permit = testing::permit(Actor::Local { uid: 0 }, TheBox);
    let job = room.machine.set_power(&permit, &request).await.unwrap().job;
    room.until(async || world.fake.done().contains(&"reboot".to_owned())).await;
    // Nothing really goes down here.
    room.jobs.cancel(job, &Actor::Box, None).await.unwrap();
    room.jobs.wait(job).await.unwrap();
    let power: Power = room.machine.power(&view()).await.unwrap();
    assert!(power.pending.is_none());
}

async fn proving(room: &Room) -> Option<Proving> {
    updates(room).await.proving
}

async fn asked(room: &Room) -> Proving {
    room.until(async || proving(room).await.is_some_and(|proving| proving.state == ProvingState::Asking)).await;
    proving(room).await.unwrap()
}

fn answer(of: &str, answer: UpdateAnswer) -> AnswerUpdate {
    AnswerUpdate { version: version(of), answer }
}

#[tokio::test]
async fn an_update_after_which_every_app_is_healthy_is_proved() {
    let apps = Apps::new(&["Shop", "Wiki"]);
    let (world, room) = updated(&apps).await;
    assert_eq!(proving(&room).await, None, "nothing is compared before the restart");
    world.facts(&installed("0.2.0"));
    room.until(async || proving(&room).await.is_some()).await;
    let refused = room.machine.install_update(&update(), &wanted("0.3.0")).await.unwrap_err();
    assert_eq!(code(refused), (409, "update-unproved".into()), "the way back would go");
    room.until(async || proving(&room).await.is_none()).await;
    let event = room.did(deed::BOX_UPDATE_PROVED).await;
    assert_eq!((event.subject.name.as_str(), &event.detail["apps"]), ("0.2.0", &json!(2)));
}

#[tokio::test]
async fn a_version_that_came_back_by_itself_is_not_compared() {
    let (world, room) = updated(&Apps::new(&["Shop"])).await;
    world.facts(&installed("0.3.0"));
    room.until(async || {
        let kept = |conn: &rusqlite::Connection| {
            conn.query_row("SELECT count(*) FROM setting WHERE key = 'updates.proof'", [], |row| row.get::<_, u32>(0))
        };
        room.store.read(move |conn| Ok::<_, orbitr_store::Error>(kept(conn)?)).await.unwrap() == 0
    })
    .await;
    assert_eq!(proving(&room).await, None);
}

#[tokio::test]
async fn an_app_that_an_update_made_ill_is_asked_about_and_the_version_is_kept() {
    let apps = Apps::new(&["Shop", "Wiki"]);
    let (world, room) = updated(&apps).await;
    apps.is(0, Some("it does not answer on port 8080"));
    world.facts(&installed("0.2.0"));
    let question = asked(&room).await;
    assert_eq!((question.version, question.before), (version("0.2.0"), version("0.1.0")));
    assert_eq!(
        question.apps.iter().map(|app| app.said.as_str()).collect::<Vec<_>>(),
        ["it does not answer on port 8080"]
    );
    assert!(question.may_go_back && question.ends_at.unwrap() > question.asked_at.unwrap());
    assert_eq!(room.did(deed::BOX_UPDATE_ASKED).await.detail["apps"][0]["app"], "shop");
    let other = room.machine.answer_update(&update(), &answer("0.1.0", UpdateAnswer::Keep)).await.unwrap_err();
    assert_eq!(code(other), (409, "update-not-asked".into()));
    let never = ChangeUpdateSettings { return_by_itself: Some(false), ..ChangeUpdateSettings::default() };
    room.machine.change_updates(&update(), &never).await.unwrap();
    assert_eq!(proving(&room).await.unwrap().ends_at, None);

    let kept = room.machine.answer_update(&update(), &answer("0.2.0", UpdateAnswer::Keep)).await.unwrap();
    assert_eq!((kept.job, proving(&room).await), (None, None));
    let event = room.did(deed::BOX_UPDATE_KEPT).await;
    assert_eq!((event.actor, event.subject.name.as_str()), (Actor::Local { uid: 0 }, "0.2.0"));
    let twice = room.machine.answer_update(&update(), &answer("0.2.0", UpdateAnswer::GoBack)).await.unwrap_err();
    assert_eq!(code(twice).1, "update-not-asked");
    assert_eq!(world.was_asked(), 0, "root had nothing to do");
}

#[tokio::test]
async fn going_back_leaves_the_reason_with_root_and_restarts() {
    let apps = Apps::new(&["Shop", "Wiki"]);
    let (world, room) = updated(&apps).await;
    apps.is(0, Some("it does not answer on port 8080"));
    world.facts(&installed("0.2.0"));
    asked(&room).await;
    let restarts = || world.fake.done().iter().filter(|done| *done == "reboot").count();
    let before = restarts();
    let left = room.machine.answer_update(&update(), &answer("0.2.0", UpdateAnswer::GoBack)).await.unwrap();
    assert_eq!(room.jobs.wait(left.job.unwrap()).await.unwrap().state, JobState::Succeeded);
    let request = world.got.lock().unwrap()[0].0.clone();
    assert_eq!((&request["target"], &request["reason"]["code"]), (&json!("0.1.0"), &json!("health-apps")));
    assert_eq!(request["reason"]["title"], "Apps were not healthy: Shop");
    let detail = request["reason"]["detail"].as_str().unwrap();
    assert_eq!(detail, "Shop: it does not answer on port 8080\n  shop: cannot open the database");
    room.until(async || restarts() == before + 1).await;
    assert_eq!(proving(&room).await.unwrap().state, ProvingState::Returning);
    assert_eq!(room.did(deed::BOX_UPDATE_LEFT).await.detail["before"], "0.1.0");

    // The version before runs: it tells why, and offers the other one no more.
    let mut back = installed("0.1.0");
    back["returned"] =
        json!([{"version": "0.2.0", "at": "2026-11-20T10:00:00Z", "reason": request["reason"], "boot_id": "b"}]);
    world.facts(&back);
    room.until(async || proving(&room).await.is_none()).await;
    assert_eq!(room.machine.returned_versions().await[0].reason.as_ref().unwrap().code, "health-apps");
    assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-quarantined"));
}

#[tokio::test]
async fn a_way_back_that_fails_or_is_not_there_leaves_the_question() {
    let apps = Apps::new(&["Shop"]);
    let (world, room) = updated(&apps).await;
    apps.is(0, Some("no"));
    world.facts(&installed("0.2.0"));
    asked(&room).await;
    world.root_fails();
    let left = room.machine.answer_update(&update(), &answer("0.2.0", UpdateAnswer::GoBack)).await.unwrap();
    assert_eq!(room.jobs.wait(left.job.unwrap()).await.unwrap().state, JobState::Failed);
    let question = asked(&room).await;
    assert_eq!(question.ends_at, None, "it is not tried again without a person");

    let mut alone = installed("0.2.0");
    alone["installed"].as_array_mut().unwrap().pop();
    world.facts(&alone);
    let refused = room.machine.answer_update(&update(), &answer("0.2.0", UpdateAnswer::GoBack)).await.unwrap_err();
    assert_eq!(code(refused), (409, "update-no-way-back".into()));
    assert!(!proving(&room).await.unwrap().may_go_back);
    apps.is(0, None);
    room.until(async || proving(&room).await.is_none()).await;
    assert_eq!(room.did(deed::BOX_UPDATE_PROVED).await.detail["asked"], true);
}

#[tokio::test]
async fn a_machine_that_is_not_fit_is_not_updated() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let room = world.room().await;
    let battery = world.run.path().join("power/BAT0");
    fs::create_dir_all(&battery).unwrap();
    for (file, text) in [("type", "Battery"), ("status", "Discharging"), ("capacity", "19")] {
        fs::write(battery.join(file), text).unwrap();
    }
    let refused = Problem::from(room.machine.install_update(&update(), &wanted("0.2.0")).await.unwrap_err());
    assert_eq!((refused.status, refused.code.as_str()), (409, "battery-low"));
    assert!(refused.detail.contains("19 %"), "{refused:?}");
    fs::write(battery.join("status"), "Charging").unwrap();
    fs::write(world.run.path().join("meminfo"), "MemAvailable: 1024 kB\n").unwrap();
    let refused = room.machine.install_update(&update(), &wanted("0.2.0")).await.unwrap_err();
    assert_eq!(code(refused), (507, "update-no-memory".into()));
    fs::remove_file(world.run.path().join("meminfo")).unwrap();
    assert_eq!(install(&room, &wanted("0.2.0")).await, None);
}
