//! Updates of the system: a real signed set on a real server, and what a bad one does to the box, which is nothing.

mod proof;
mod trial;
mod upload;
mod world;

use orbitr_access::action::UpdateBox;
use orbitr_machine::{
    ChangeUpdateSettings, Channel, ChooseVersion, InstallUpdate, LiftQuarantine, UpdatePolicy, Updates, Updating,
};
use orbitr_model::deed;

use self::world::{ROOT, Server, Signer, Trick, World, set};
use super::*;

fn update() -> Permit<UpdateBox> {
    testing::permit(Actor::Local { uid: 0 }, TheBox)
}

fn version(text: &str) -> orbitr_model::ImageVersion {
    text.parse().unwrap()
}

fn wanted(text: &str) -> InstallUpdate {
    InstallUpdate { version: Some(version(text)), restart: false }
}

async fn updates(room: &Room) -> Updates {
    room.machine.updates(&view()).await.unwrap()
}

/// Looks at the source; the code of what went wrong.
async fn check(room: &Room) -> Option<String> {
    let job = room.machine.check_updates(&update()).await.unwrap().job;
    room.jobs.wait(job).await.unwrap().problem.map(|problem| problem.code)
}

/// Installs; the code of what went wrong.
async fn install(room: &Room, what: &InstallUpdate) -> Option<String> {
    let job = match room.machine.install_update(&update(), what).await {
        Ok(started) => started.job,
        Err(error) => return Some(code(error).1),
    };
    room.jobs.wait(job).await.unwrap().problem.map(|problem| problem.code)
}

fn kept(room: &Room) -> Vec<String> {
    let entries = std::fs::read_dir(room.dir.path().join("updates")).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_new_version_is_found_downloaded_and_handed_to_root() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    let room = world.room().await;
    assert_eq!(code(room.machine.check_updates(&update()).await.unwrap_err()), (409, "update-source-missing".into()));
    world.built_in(&server.address);
    assert_eq!(check(&room).await, None);
    let found = updates(&room).await;
    let offer = found.offer.unwrap();
    assert_eq!((offer.version.as_str(), offer.notes.as_str()), ("0.2.0", "What is new in 0.2.0"));
    assert!(found.available && found.checked_at.is_some() && !offer.ready && offer.size.0 > ROOT as u64);

    assert_eq!(install(&room, &InstallUpdate { version: None, restart: true }).await, None);
    let (asked, got) = world.got.lock().unwrap().remove(0);
    assert_eq!((&asked["target"], &asked["again"]), (&json!("0.2.0"), &json!(false)));
    assert_eq!((got.len(), got[&format!("orbitr_0.2.0.root.{}.raw.xz", world::ID)]), (4, ROOT));
    assert_eq!(kept(&room), Vec::<String>::new(), "what was installed needs no room any more");
    room.until(async || world.fake.done().contains(&"reboot".to_owned())).await;
    let event = room.did(deed::BOX_UPDATE).await;
    assert_eq!((event.subject.name.as_str(), &event.detail["restart"]), ("0.2.0", &json!(true)));
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_root_is_never_asked() {
    let world = World::new().await;
    let good = set(&world.signer, &["0.2.0"], &json!({})).await;
    let server = Server::new(good.clone()).await;
    world.built_in(&server.address);
    let room = world.room().await;

    server.serve(set(&Signer::new().await, &["0.2.0"], &json!({})).await);
    assert_eq!(check(&room).await.as_deref(), Some("update-not-signed"), "another key");
    let mut unsigned = good.clone();
    unsigned.0.retain(|(name, _)| name != "SHA256SUMS.gpg");
    server.serve(unsigned);
    assert_eq!(check(&room).await.as_deref(), Some("update-source-unreachable"), "no signature");
    let mut odd = good.clone();
    *odd.get_mut("SHA256SUMS.gpg") = b"not a signature".to_vec();
    server.serve(odd);
    assert_eq!(check(&room).await.as_deref(), Some("update-not-signed"));
    let mut other = good.clone();
    other.get_mut("SHA256SUMS").extend(b"\n");
    server.serve(other);
    assert_eq!(check(&room).await.as_deref(), Some("update-not-signed"), "another list under the signature");
    let mut lies = good.clone();
    let text = String::from_utf8(lies.get_mut("json").clone()).unwrap();
    *lies.get_mut("json") = text.replace("What is new", "What is NEW").into_bytes();
    server.serve(lies);
    assert_eq!(check(&room).await.as_deref(), Some("update-damaged"), "a manifest that was not signed");
    let mut long = good.clone();
    *long.get_mut("SHA256SUMS.gpg") = vec![0; (16 << 10) + 1];
    server.serve(long);
    assert_eq!(check(&room).await.as_deref(), Some("update-set-odd"), "an endless signature");
    assert!(updates(&room).await.offer.is_none() && updates(&room).await.check_problem.is_some());

    let mut tampered = good;
    tampered.get_mut(".root.")[77] ^= 1;
    server.serve(tampered);
    assert_eq!(check(&room).await, None, "the list is what was signed");
    assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-damaged"));
    std::fs::remove_file(world.keyring()).unwrap();
    assert_eq!(check(&room).await.as_deref(), Some("update-not-signed"), "without keys nobody is believed");
    assert_eq!(world.was_asked(), 0);
}

#[tokio::test]
async fn what_does_not_fit_is_not_offered() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.0.9", "0.1.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let room = world.room().await;
    assert_eq!(check(&room).await, None);
    assert_eq!(updates(&room).await.offer, None, "older ones");
    assert_eq!(install(&room, &InstallUpdate::default()).await.as_deref(), Some("no-update"));
    assert_eq!(install(&room, &wanted("0.0.9")).await.as_deref(), Some("update-unfit"));

    for (pointer, value, why) in [
        ("/files/1/unpacked_bytes", json!(3_u64 << 30), "its place on the disk"),
        ("/files/1/bytes", json!(u64::MAX), "its place on the disk"),
        ("/min_version", json!("0.1.5"), "0.1.5 or a newer one"),
    ] {
        server.serve(set(&world.signer, &["0.2.0"], &json!({ pointer: value })).await);
        assert_eq!(check(&room).await, None);
        let found = updates(&room).await;
        assert!(found.offer.is_none() && found.passed_over[0].why.contains(why), "{found:?}");
        assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-unfit"), "{pointer}");
    }
    server.serve(set(&world.signer, &["0.2.0", "0.10.0", "0.9.0"], &json!({})).await);
    assert_eq!(check(&room).await, None);
    assert_eq!(updates(&room).await.offer.unwrap().version, version("0.10.0"));
    assert_eq!(world.was_asked(), 0);
}

#[tokio::test]
async fn a_server_that_cuts_and_stalls_is_asked_for_the_rest() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let room = world.room().await;
    for trick in [Trick::Cuts(2), Trick::Stalls, Trick::CutsWithoutRanges(2)] {
        server.trick(trick);
        assert_eq!(install(&room, &wanted("0.2.0")).await, None, "{trick:?}");
        let ranges = server.asked().iter().filter(|asked| asked.contains(" from 1000000")).count();
        assert!(ranges >= 1, "{trick:?}: {:?}", server.asked());
    }
    assert_eq!(world.was_asked(), 3);
}

#[tokio::test]
async fn a_server_that_lies_about_lengths_is_found_out() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let room = world.room().await;
    for trick in [Trick::SaysLonger, Trick::GivesMore] {
        server.trick(trick);
        assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-set-odd"), "{trick:?}");
    }
    assert_eq!(world.was_asked(), 0);
    server.trick(Trick::None);
    assert_eq!(install(&room, &wanted("0.2.0")).await, None);
}

#[tokio::test]
async fn a_download_tells_how_far_it_is_and_leaves_nothing_when_it_is_cancelled() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let room = world.room().await;
    server.trick(Trick::Slow);
    let job = room.machine.install_update(&update(), &wanted("0.2.0")).await.unwrap().job;
    room.until(async || room.jobs.get(job).await.unwrap().unwrap().message.contains("/s")).await;
    assert_eq!(updates(&room).await.job, Some(job));
    let refused = room.machine.install_update(&update(), &wanted("0.2.0")).await.unwrap_err();
    assert_eq!(code(refused), (409, "update-at-work".into()));
    let choose = ChooseVersion { version: version("0.1.0"), restart: false };
    assert_eq!(code(room.machine.choose_version(&update(), &choose).await.unwrap_err()).1, "update-at-work");
    room.jobs.cancel(job, &Actor::Box, None).await.unwrap();
    assert_eq!(room.jobs.wait(job).await.unwrap().state, JobState::Cancelled);
    assert_eq!((kept(&room), world.was_asked()), (Vec::new(), 0));
}

#[tokio::test]
async fn a_version_that_came_back_is_not_tried_again_until_somebody_says_so() {
    let world = World::new().await;
    let server = Server::new(set(&world.signer, &["0.2.0"], &json!({})).await).await;
    world.built_in(&server.address);
    let back = |boot: &str| {
        json!({"returned": [{"version": "0.2.0", "at": "2026-11-20T10:00:00Z", "boot_id": boot,
            "reason": {"code": "health-ui", "title": "The sign-in page did not answer", "detail": "500"}}]})
    };
    world.facts(&back("b1"));
    let room = world.room().await;
    assert_eq!(check(&room).await, None);
    let found = updates(&room).await;
    assert!(found.offer.is_none() && found.passed_over[0].why.contains("came back"), "{found:?}");
    assert_eq!(found.returned[0].reason.as_ref().unwrap().code, "health-ui");
    assert_eq!(room.machine.returned_versions().await.len(), 1);
    assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-quarantined"));

    let mut there = back("b1");
    there["installed"] = json!([{"version": "0.2.0", "slot": "b", "tries_left": 0, "tries_done": 3, "blessed": false, "running": false}]);
    world.facts(&there);
    let choose = ChooseVersion { version: version("0.2.0"), restart: false };
    let refused = room.machine.choose_version(&update(), &choose).await.unwrap_err();
    assert_eq!(code(refused), (409, "update-quarantined".into()));
    world.facts(&back("b1"));
    let other = LiftQuarantine { version: version("0.3.0") };
    assert_eq!(code(room.machine.lift_quarantine(&update(), &other).await.unwrap_err()).0, 404);
    let lift = LiftQuarantine { version: version("0.2.0") };
    room.machine.lift_quarantine(&update(), &lift).await.unwrap();
    world.facts(&there);
    assert_eq!(check(&room).await, None);
    let found = updates(&room).await;
    assert_eq!((found.waiting, found.offer.unwrap().version), (None, version("0.2.0")), "it has to be written anew");
    world.facts(&back("b1"));
    assert!(updates(&room).await.returned[0].lifted && room.machine.returned_versions().await.is_empty());
    let told = async || room.history().await.iter().filter(|event| event.action == deed::BOX_UPDATE_RETURNED).count();
    room.until(async || told().await == 1).await;
    assert_eq!(room.did(deed::BOX_UPDATE_RETURNED).await.subject.name, "0.2.0");
    assert_eq!(install(&room, &wanted("0.2.0")).await, None);
    assert_eq!(world.got.lock().unwrap()[0].0["again"], true, "root is told, too");
    world.facts(&back("b2"));
    assert_eq!(install(&room, &wanted("0.2.0")).await.as_deref(), Some("update-quarantined"), "once more");
    assert_eq!(told().await, 1, "each return once");
}

#[tokio::test]
async fn an_installed_version_is_chosen_by_hand() {
    let world = World::new().await;
    let room = world.room().await;
    let other = json!({"version": "0.2.0", "slot": "b", "tries_left": null, "tries_done": null, "blessed": true, "running": false});
    let this = json!({"version": "0.1.0", "slot": "a", "tries_left": null, "tries_done": null, "blessed": true, "running": true});
    world.facts(&json!({"installed": [other.clone(), this.clone()]}));
    assert_eq!(updates(&room).await.waiting, Some(version("0.2.0")));
    world.facts(&json!({"installed": [other, this], "default": "0.1.0"}));
    let found = updates(&room).await;
    assert_eq!((found.waiting, found.chosen), (None, Some(version("0.1.0"))), "what was chosen is started");
    let choose = |text: &str| ChooseVersion { version: version(text), restart: true };
    let refused = room.machine.choose_version(&update(), &choose("0.0.9")).await.unwrap_err();
    assert_eq!(code(refused), (409, "version-not-installed".into()));
    let job = room.machine.choose_version(&update(), &choose("0.1.0")).await.unwrap().job;
    assert_eq!(room.jobs.wait(job).await.unwrap().state, JobState::Succeeded);
    assert_eq!(world.got.lock().unwrap()[0].0["target"], "0.1.0");
    assert_eq!(room.did(deed::BOX_CHOOSE_VERSION).await.subject.name, "0.1.0");
    room.until(async || world.fake.done().contains(&"reboot".to_owned())).await;
}

#[tokio::test]
async fn settings_are_checked_and_kept() {
    let world = World::new().await;
    let room = world.room().await;
    let wrong = ChangeUpdateSettings {
        source: Some("ftp://example.org".to_owned()),
        window_from: Some(24),
        window_until: Some(200),
        answer_minutes: Some(4),
        ..ChangeUpdateSettings::default()
    };
    let problem = Problem::from(room.machine.change_updates(&update(), &wrong).await.unwrap_err());
    assert_eq!((problem.status, problem.fields.len()), (422, 4));
    let longest = ChangeUpdateSettings { answer_minutes: Some(1441), ..ChangeUpdateSettings::default() };
    assert_eq!(code(room.machine.change_updates(&update(), &longest).await.unwrap_err()).0, 422);
    let change = ChangeUpdateSettings {
        source: Some(" https://updates.example.org/orbitr/ ".to_owned()),
        channel: Some(Channel::Testing),
        policy: Some(UpdatePolicy::Automatic),
        hold: Some(true),
        return_by_itself: Some(false),
        answer_minutes: Some(1440),
        ..ChangeUpdateSettings::default()
    };
    let now = room.machine.change_updates(&update(), &change).await.unwrap();
    assert_eq!((now.source.as_deref(), now.window_from), (Some("https://updates.example.org/orbitr"), 3));
    assert_eq!(room.machine.change_updates(&update(), &ChangeUpdateSettings::default()).await.unwrap(), now);
    assert_eq!(updates(&room).await.settings, now);
    assert_eq!(room.did(deed::BOX_UPDATE_SETTINGS).await.detail["to"]["channel"], "testing");
    assert_eq!(room.history().await.len(), 1, "what is the same makes no noise");
}

#[tokio::test]
async fn in_hosted_mode_the_system_is_not_ours_to_update() {
    let room = Room::new(nowhere()).await;
    let found = updates(&room).await;
    assert!(!found.available && found.reason.contains("hosted mode"), "{found:?}");
    let not_here = (409, "not-here".to_owned());
    assert_eq!(code(room.machine.check_updates(&update()).await.unwrap_err()), not_here);
    assert_eq!(code(room.machine.install_update(&update(), &wanted("0.2.0")).await.unwrap_err()), not_here);
    let choose = ChooseVersion { version: version("0.2.0"), restart: true };
    assert_eq!(code(room.machine.choose_version(&update(), &choose).await.unwrap_err()), not_here);
    let lift = LiftQuarantine { version: version("0.2.0") };
    assert_eq!(code(room.machine.lift_quarantine(&update(), &lift).await.unwrap_err()), not_here);
    let change = ChangeUpdateSettings { hold: Some(true), ..ChangeUpdateSettings::default() };
    assert_eq!(code(room.machine.change_updates(&update(), &change).await.unwrap_err()), not_here);
    assert_eq!(code(room.machine.upload_update(&update()).await.unwrap_err()), not_here);
    assert!(room.history().await.is_empty() && room.machine.returned_versions().await.is_empty());
}
