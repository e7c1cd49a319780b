//! Factory reset, acts that were killed, units that are none of the chosen few.

use orbitr_access::action::ResetBox;
use orbitr_machine::{
    ResetRequest,
    data::{Acts, Places},
};
use orbitr_model::{Act, deed};

use super::*;

const UNIT: &str = "orbitr-factory-reset.service";

fn reset() -> Permit<ResetBox> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn typed(serial: &str, wait: bool) -> ResetRequest {
    ResetRequest { serial: serial.to_owned(), wait }
}

/// A machine of the image, whose `/run` is a folder; its acts do nothing by themselves.
struct Image {
    fake: FakeSystemd,
    run: TempDir,
}

impl Image {
    async fn new() -> Self {
        let fake = FakeSystemd::start().await;
        let idle = FakeUnit { active: "inactive".to_owned(), ..fake.state().units["ssh.service"].clone() };
        for act in Act::ALL {
            fake.state().units.insert(act.unit(), idle.clone());
        }
        let run = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(run.path().join("orbitr-box/results")).unwrap();
        Self { fake, run }
    }

    fn acts(&self) -> Acts {
        let run = self.run.path().to_owned();
        Acts::with_bus(Places { state: run.join("state"), run, stands_in: false }, self.fake.bus())
    }

    async fn room(&self) -> Room {
        Room::new(Outside { acts: Some(self.acts()), ..with(&self.fake) }).await
    }

    fn request(&self) -> Option<Value> {
        let text = std::fs::read(self.run.path().join("orbitr/requests/factory-reset.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn report(&self, act: Act, id: &str, state: &str, more: &Value) {
        let mut report = json!({"version": 1, "act": act, "id": id, "state": state, "step": "Copying the system",
            "fraction": 0.5, "problem": null, "value": null});
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        std::fs::write(self.run.path().join(format!("orbitr-box/results/{act}.json")), report.to_string()).unwrap();
    }

    fn started(&self) -> bool {
        self.fake.done().contains(&format!("start {UNIT}"))
    }
}

#[tokio::test]
async fn a_factory_reset_needs_the_serial_number_and_root_is_told_it() {
    let image = Image::new().await;
    let room = image.room().await;
    let state = room.machine.reset(&view()).await.unwrap();
    assert!(state.available && state.serial.as_deref() == Some("SN-42"), "{state:?}");
    for wrong in ["", "SN-43", "sn-42", "SN-42; reboot"] {
        let refused = room.machine.factory_reset(&reset(), &typed(wrong, true)).await.unwrap_err();
        let problem = Problem::from(refused);
        assert_eq!((problem.status, problem.code.as_str()), (422, "serial-wrong"), "{wrong:?}");
        assert!(problem.message_for("serial").is_some());
    }
    assert!(room.history().await.is_empty() && !image.started());

    image.fake.state().mood = Mood::JobHangs;
    let job = room.machine.factory_reset(&reset(), &typed(" SN-42 ", false)).await.unwrap().job;
    room.until(async || image.started()).await;
    let request = image.request().unwrap();
    assert_eq!((&request["id"], &request["serial"]), (&json!(job.to_string()), &json!("SN-42")));
    assert_eq!(room.did(deed::BOX_FACTORY_RESET).await.outcome, orbitr_store::Outcome::Ok);
    let again = room.machine.factory_reset(&reset(), &typed("SN-42", true)).await.unwrap_err();
    assert_eq!(code(again), (409, "reset-pending".into()));
    assert_eq!(
        code(room.machine.set_power(&power(), &reboot(true)).await.unwrap_err()),
        (409, "reset-pending".into()),
        "what goes down already is not told to go down once more"
    );
    room.jobs.park().await;
    assert!(!room.jobs.get(job).await.unwrap().unwrap().state.is_final(), "it ends with the machine");
}

#[tokio::test]
async fn a_factory_reset_never_goes_through_the_middle_of_a_job() {
    let image = Image::new().await;
    let room = image.room().await;
    room.long().await;
    let refused = Problem::from(room.machine.factory_reset(&reset(), &typed("SN-42", false)).await.unwrap_err());
    assert!(refused.code == "held-back" && refused.detail.contains("Install PostgreSQL"), "{refused:?}");
    let job = room.machine.factory_reset(&reset(), &typed("SN-42", true)).await.unwrap().job;
    room.until(async || room.jobs.get(job).await.unwrap().unwrap().message.contains("Install PostgreSQL")).await;
    assert_eq!(room.machine.reset(&view()).await.unwrap().pending, Some(job));
    assert!(!image.started());
    room.jobs.cancel(job, &Actor::Box, None).await.unwrap();
    assert_eq!(room.jobs.wait(job).await.unwrap().state, JobState::Cancelled);
    let job = room.machine.factory_reset(&reset(), &typed("SN-42", true)).await.unwrap().job;
    room.until(async || room.jobs.get(job).await.unwrap().unwrap().message.contains("Install PostgreSQL")).await;
    room.end_long.notify_one();
    room.until(async || image.started()).await;
}

#[tokio::test]
async fn a_reset_that_root_refuses_says_why_and_leaves_no_request_behind() {
    let image = Image::new().await;
    let room = image.room().await;
    for (mood, code) in [(Mood::Denies, "machine-refuses"), (Mood::JobEnds("failed".to_owned()), "act-ended")] {
        image.fake.state().mood = mood.clone();
        let job = room.machine.factory_reset(&reset(), &typed("SN-42", false)).await.unwrap().job;
        assert_eq!(room.jobs.wait(job).await.unwrap().problem.unwrap().code, code, "{mood:?}");
        assert_eq!(image.request(), None, "nobody who starts the unit later finds it");
    }
    // What the act says itself counts more than how its unit ended.
    image.fake.state().mood = Mood::JobHangs;
    let starts = || image.fake.done().iter().filter(|done| **done == format!("start {UNIT}")).count();
    let before = starts();
    let job = room.machine.factory_reset(&reset(), &typed("SN-42", false)).await.unwrap().job;
    // The request is there a moment before its unit is started, and a unit that does not run cannot end.
    room.until(async || starts() > before).await;
    let problem = json!({"code": "data-not-found", "title": "It is not there", "detail": "", "fix": ""});
    image.report(Act::FactoryReset, &job.to_string(), "failed", &json!({ "problem": problem }));
    image.fake.unit_ends(UNIT, "failed").await;
    assert_eq!(room.jobs.wait(job).await.unwrap().problem.unwrap().code, "data-not-found");
}

#[tokio::test]
async fn a_machine_without_logind_has_nobody_who_holds_a_reset_back() {
    let run = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(run.path().join("orbitr-box/results")).unwrap();
    std::fs::write(run.path().join("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let places = Places { state: run.path().join("state"), run: run.path().to_owned(), stands_in: true };
    let room = Room::new(Outside { acts: Some(Acts::with_bus(places, nowhere().bus)), ..nowhere() }).await;
    let state = room.machine.reset(&view()).await.unwrap();
    assert!(state.available && state.held_by.is_empty(), "{state:?}");
    room.machine.factory_reset(&reset(), &typed("01234567", false)).await.unwrap();
    let request = run.path().join("orbitr/requests/factory-reset.json");
    room.until(async || request.exists()).await;
}

#[tokio::test]
async fn a_logind_that_does_not_answer_lets_nothing_go_down() {
    let image = Image::new().await;
    let bus = image.fake.bus_with(Duration::from_millis(200));
    let room = Room::new(Outside { bus, acts: Some(image.acts()), ..nowhere() }).await;
    image.fake.state().mood = Mood::Silent;
    let slow = (504, "machine-slow".to_owned());
    assert_eq!(code(room.machine.power(&view()).await.unwrap_err()), slow);
    assert_eq!(code(room.machine.reset(&view()).await.unwrap_err()), slow);
    assert_eq!(code(room.machine.set_power(&power(), &reboot(false)).await.unwrap_err()), slow);
    assert_eq!(code(room.machine.factory_reset(&reset(), &typed("SN-42", false)).await.unwrap_err()), slow);
    assert!(room.history().await.is_empty());
    // A job that may wait asks again and again, and does not take silence for nobody.
    let waits = async |job| {
        room.until(async || room.jobs.get(job).await.unwrap().unwrap().state == JobState::Running).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(room.jobs.get(job).await.unwrap().unwrap().state, JobState::Running);
        room.jobs.cancel(job, &Actor::Box, None).await.unwrap();
        assert_eq!(room.jobs.wait(job).await.unwrap().state, JobState::Cancelled);
    };
    waits(room.machine.set_power(&power(), &reboot(true)).await.unwrap().job).await;
    waits(room.machine.factory_reset(&reset(), &typed("SN-42", true)).await.unwrap().job).await;
    assert!(image.fake.done().is_empty() && image.request().is_none());
}

#[tokio::test]
async fn hosted_mode_says_why_nothing_is_erased_there() {
    let fake = FakeSystemd::start().await;
    let room = Room::new(with(&fake)).await;
    let state = room.machine.reset(&view()).await.unwrap();
    assert!(!state.available && state.reason.contains("hosted mode") && state.serial.is_none());
    let refused = room.machine.factory_reset(&reset(), &typed("SN-42", true)).await.unwrap_err();
    assert_eq!(code(refused), (409, "not-here".into()));
}

#[tokio::test]
async fn an_act_that_was_killed_is_not_at_work_whatever_its_report_says() {
    let image = Image::new().await;
    image.report(Act::Install, "i", "running", &json!({}));
    image.fake.state().units.get_mut(&Act::Install.unit()).unwrap().active = "activating".to_owned();
    let acts = image.acts();
    assert_eq!(acts.at_work().await.unwrap().act, Act::Install);
    assert!(acts.failure().await.is_none());
    for dead in ["inactive", "failed"] {
        dead.clone_into(&mut image.fake.state().units.get_mut(&Act::Install.unit()).unwrap().active);
        assert!(acts.at_work().await.is_none(), "{dead}");
        let (act, problem) = acts.failure().await.unwrap();
        assert_eq!((act, problem.code.as_str()), (Act::Install, "act-killed"));
        assert!(problem.detail.contains("Copying the system"));
    }
    image.report(Act::Install, "i", "done", &json!({}));
    assert!(acts.at_work().await.is_none() && acts.failure().await.is_none());
    // Nobody can be asked: it is believed.
    image.report(Act::Install, "i", "running", &json!({}));
    let run = image.run.path().to_owned();
    let places = Places { state: run.join("state"), run, stands_in: false };
    assert!(Acts::with_bus(places, nowhere().bus).at_work().await.is_some());
}

#[tokio::test]
async fn a_unit_that_is_none_of_the_chosen_few_is_not_restarted() {
    let fake = FakeSystemd::start().await;
    let cups = fake.state().units["ssh.service"].clone();
    for name in ["cups.service", "systemd-logind.service", "orbitr-factory-reset.service"] {
        fake.state().units.insert(name.to_owned(), cups.clone());
    }
    let room = Room::new(with(&fake)).await;
    for name in ["cups.service", "systemd-logind.service", "orbitr-factory-reset.service"] {
        let shown = room.machine.unit(&view(), name).await.unwrap();
        assert_eq!(shown.unit.restart, None, "{name}");
        let refused = room.machine.restart_unit(&restart(), name).await.unwrap_err();
        assert!(matches!(&refused, Error::NotRestartable(unit) if unit == name));
        assert_eq!(code(refused), (409, "unit-not-restartable".into()), "{name}");
    }
    assert!(room.history().await.is_empty() && !fake.done().iter().any(|done| done.starts_with("restart")));
}
