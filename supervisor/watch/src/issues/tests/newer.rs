//! Starts that fail for a known reason, jobs that take too long, and what the box keeps in order by itself.

use std::time::Duration;

use orbitr_apps::{CHANGE_JOB, DiskState, Leak, OtherDisk, Rotation};
use orbitr_jobs::{Failed, LateStep, Overdue};
use orbitr_machine::{
    AppTrouble, CertificateState, CopyState, DockerStore, Missing, Proving, ProvingState, Rebuild, RebuildEnd,
    StoreTrouble,
};
use orbitr_model::{SetAside, StoreDamage};

use super::*;

fn start(code: &str, title: &str) -> Failed {
    Failed { problem: Some(Problem::new(409, code, title).why("Something holds it.")), ..failed("Start Shop") }
}

fn down(job: Failed) -> Facts {
    Facts { failed_starts: vec![job], ..with(app(AppState::Down, "web was made and never started")) }
}

fn shop() -> orbitr_model::AppId {
    "shop".parse().unwrap()
}

#[test]
fn an_app_that_cannot_come_up_is_told_by_why_it_cannot_and_not_as_down() {
    let found = only(&down(start("port-taken", "Port 8080 is already in use")), Kind::PortConflict);
    assert_eq!((says(&found, "Port").as_str(), found.severity), ("8080", Severity::Bad));
    assert_eq!(says(&found, "Why"), "Port 8080 is already in use: Something holds it");
    assert_eq!(found.fixes[0], Fix::MovePorts { app: shop() });
    assert!(found.fixes.contains(&Fix::StartApp { app: shop() }), "what held it may have gone");
    for code in ["image-missing", "image-not-found", "registry-unreachable", "download-stalled"] {
        let found = only(&down(start(code, "no")), Kind::ImageMissing);
        assert_eq!(found.fixes[0], Fix::FetchImages { app: shop() });
    }
    let found = only(&down(start("docker-store-damaged", "no")), Kind::DockerStoreDamaged);
    assert_eq!(found.fixes[0], Fix::RebuildImages { app: shop() });
    let stuck = || down(start("port-not-freed", "Docker does not let go of port 8080"));
    assert_eq!(only(&stuck(), Kind::PortNotFreed).fixes[..2], [Fix::OpenMachine, Fix::MovePorts { app: shop() }]);
    let docker = || "docker.service".to_owned();
    let here = Facts { restartable: vec![docker()], ..stuck() };
    assert_eq!(only(&here, Kind::PortNotFreed).fixes[0], Fix::RestartUnit { unit: docker() });
    only(&down(start("disk-full", "no")), Kind::AppDown);

    let mut gave_up = down(start("port-taken", "Port 8080 is already in use"));
    gave_up.apps[0].care = Some(Care { since: ago(600), tries: 7, gave_up: true });
    only(&gave_up, Kind::PortConflict);
}

#[test]
fn a_start_that_failed_is_told_until_the_app_is_up_or_something_else_was_done_to_it() {
    let job = || start("port-taken", "Port 8080 is already in use");
    let stopped = App { wanted: Wanted::Stopped, ..app(AppState::Stopped, "") };
    only(&Facts { failed_starts: vec![job()], ..with(stopped) }, Kind::PortConflict);
    assert!(find(&Facts { failed_starts: vec![job()], ..well() }).found.is_empty(), "it runs");
    let change = Failed { kind: CHANGE_JOB.to_owned(), ..job() };
    only(&down(change), Kind::AppDown);
    let mut busy = down(job());
    busy.apps[0].job = Some(JobBrief { id: JobId::new(), title: "Start Shop".to_owned(), state: JobState::Running });
    assert!(
        find(&busy).found.is_empty() && unclear(&busy, "port-conflict.shop") && unclear(&busy, "image-missing.shop")
    );
}

type App = AppView;

#[test]
fn a_job_that_takes_too_long() {
    let late = Overdue {
        id: JobId::new(),
        title: "Install Shop".to_owned(),
        app: Some(shop()),
        state: JobState::Running,
        since: ago(9000),
        step: Some(LateStep { title: "Get the images".to_owned(), limit: Duration::from_secs(3600), tries: 3 }),
        behind: None,
        cancellable: true,
    };
    let found = only(&Facts { overdue: vec![late.clone()], ..well() }, Kind::JobStuck);
    assert_eq!(found.title, "«Install Shop» takes too long");
    assert_eq!((says(&found, "Longest time of one try").as_str(), says(&found, "Tries").as_str()), ("60 min", "3"));
    assert_eq!(found.fixes[0], Fix::CancelJob { job: late.id, app: Some(shop()) });

    let waits = Overdue { state: JobState::Queued, step: None, behind: Some("Update Shop".to_owned()), ..late.clone() };
    let found = only(&Facts { overdue: vec![waits], ..well() }, Kind::JobStuck);
    assert_eq!(says(&found, "Waits for"), "Update Shop");
    let forward = Overdue { cancellable: false, ..late };
    let found = only(&Facts { overdue: vec![forward], ..well() }, Kind::JobStuck);
    assert!(found.fixes.iter().all(Fix::only_looks), "{found:#?}");
}

#[test]
fn a_certificate_that_nobody_renewed() {
    let day = 24 * 3600;
    let state = |leaf: i64, authority: i64, trouble: Option<&str>| Facts {
        certificates: Some(CertificateState {
            leaf_ends: ago(-leaf * day),
            authority_ends: ago(-authority * day),
            trouble: trouble.map(str::to_owned),
        }),
        ..well()
    };
    assert!(find(&state(40, 3000, None)).found.is_empty(), "there is time");
    let found = only(&state(29, 29, Some("the disk is full")), Kind::CertificateEnding);
    assert_eq!(
        (found.title.as_str(), found.severity),
        ("The certificate of the box ends in 29 days", Severity::Warning)
    );
    assert_eq!(
        (says(&found, "Why it was not renewed").as_str(), &found.fixes[..]),
        ("the disk is full", &[Fix::RenewCertificate][..])
    );
    assert_eq!(only(&state(300, 2, None), Kind::CertificateEnding).severity, Severity::Bad);
    assert_eq!(only(&state(-1, 300, None), Kind::CertificateEnding).title, "The certificate of the box has ended");
    only(&state(200, 59, Some("the disk is full")), Kind::CertificateEnding);
}

#[test]
fn a_database_that_was_not_copied_for_days() {
    let state = |hours: Option<i64>, trouble: Option<&str>| Facts {
        copies: CopyState { newest: hours.map(|hours| ago(hours * 3600)), trouble: trouble.map(str::to_owned) },
        ..well()
    };
    assert!(find(&state(None, None)).found.is_empty(), "a box that nobody has claimed");
    assert!(find(&state(Some(70), None)).found.is_empty());
    let found = only(&state(Some(5 * 24), None), Kind::DatabaseCopyOld);
    assert_eq!(found.title, "The newest copy of the database is 5 days old");
    assert!(found.patience > SignedDuration::ZERO, "after a long time without power the first is made at once");
    let found = only(&state(Some(5 * 24), Some("no room")), Kind::DatabaseCopyOld);
    assert_eq!((found.patience, says(&found, "Why").as_str()), (SignedDuration::ZERO, "no room"));
    let found = only(&state(Some(2), Some("no room")), Kind::DatabaseCopyOld);
    assert_eq!(
        (found.title.as_str(), &found.fixes[..]),
        ("The database of the box could not be copied", &[Fix::CopyDatabase][..])
    );
}

#[test]
fn a_secret_in_a_log_is_told_by_its_name_with_the_way_to_change_it() {
    let leak = |name: &str, seconds, way| Leak {
        app: shop(),
        name: name.to_owned(),
        service: "web".to_owned(),
        seen: ago(seconds),
        way,
    };
    let only = |leaks| only(&Facts { leaks, ..well() }, Kind::SecretInLog);
    let found = only(vec![leak("admin", 50, Rotation::Rotate), leak("token", 900, Rotation::Never)]);
    assert_eq!((says(&found, "Secret").as_str(), found.since), ("admin, token", Some(ago(50))));
    assert_eq!(found.fixes[0], Fix::RotateSecret { app: shop(), secret: "admin".to_owned() });
    let found = only(vec![leak("database", 50, Rotation::AtProvider)]);
    assert_eq!(found.fixes[0], Fix::RotatePassword { app: shop(), binding: "database".to_owned() });
    let found = only(vec![leak("password", 50, Rotation::Settings)]);
    assert_eq!(found.fixes[0], Fix::OpenSettings { app: shop() });
    let found = only(vec![leak("token", 50, Rotation::Never)]);
    assert!(found.fixes.iter().all(Fix::only_looks) && found.explanation.contains("cannot be changed"), "{found:#?}");
}

#[test]
fn a_disk_that_is_away_is_told_as_that_and_a_full_one_before_it_hurts() {
    let disk = |state| OtherDisk { app: shop(), at: "/mnt/big/orbitr/box/shop".into(), state };
    let down = || Facts { apps: vec![app(AppState::Down, "")], ..well() };
    for (state, is) in [(DiskState::Away, "is not there"), (DiskState::Silent, "does not answer")] {
        let away = find(&Facts { other_disks: vec![disk(state)], ..down() });
        let kinds: Vec<_> = away.found.iter().map(|found| found.id.kind).collect();
        assert_eq!(kinds, [Kind::DataDiskMissing]);
        assert!(away.found[0].title.ends_with(is), "{}", away.found[0].title);
    }
    let used = |available| disk(DiskState::There(orbitr_host::figures::Used { total: 1000 * GIB, available }));
    let with = |available| Facts { other_disks: vec![used(available)], ..well() };
    assert_eq!(find(&with(GIB)).found.len(), 0);
    let full = only(&with(GIB / 4), Kind::DataDiskFull);
    assert_eq!(full.fixes, [Fix::OpenSettings { app: shop() }]);
}

#[test]
fn a_version_that_came_back_is_told_with_what_it_did_not_do() {
    let back = orbitr_model::ReturnedVersion {
        version: "0.2.0".parse().unwrap(),
        at: Some(ago(500)),
        reason: Some(orbitr_model::ReturnReason {
            code: "health-ui".to_owned(),
            title: "The sign-in page did not answer".to_owned(),
            detail: "status 500".to_owned(),
        }),
        boot_id: None,
    };
    let found = only(&Facts { returned: vec![back.clone()], ..well() }, Kind::UpdateReturned);
    assert_eq!(
        (found.severity, found.since, &found.fixes[..]),
        (Severity::Warning, Some(ago(500)), &[Fix::OpenUpdates][..])
    );
    assert!(
        found.title.contains("0.2.0")
            && says(&found, "Why").contains("health-ui")
            && says(&found, "Seen") == "status 500"
    );
    let silent = orbitr_model::ReturnedVersion { at: None, reason: None, ..back };
    let found = only(&Facts { returned: vec![silent], ..well() }, Kind::UpdateReturned);
    assert!(found.since.is_none() && says(&found, "Why").contains("did not come so far"));
}

#[test]
fn apps_that_an_update_made_ill_are_asked_about() {
    let trouble = |name: &str| AppTrouble {
        id: name.to_lowercase().parse().unwrap(),
        name: name.parse().unwrap(),
        said: "it does not answer on port 8080".to_owned(),
    };
    let asking = Proving {
        version: "0.2.0".parse().unwrap(),
        before: "0.1.0".parse().unwrap(),
        state: ProvingState::Asking,
        apps: vec![trouble("Shop")],
        asked_at: Some(ago(300)),
        ends_at: Some(ago(-1499)),
        may_go_back: true,
    };
    let facts = |proving: Proving| Facts { proving: Some(proving), ..well() };
    let found = only(&facts(asking.clone()), Kind::UpdateAppsUnhealthy);
    assert_eq!((found.severity, found.since), (Severity::Bad, Some(ago(300))));
    assert_eq!(found.title, "Shop is not healthy since the update to Orbitr OS 0.2.0");
    assert_eq!(
        (says(&found, "Shop").as_str(), says(&found, "Goes back in").as_str()),
        ("it does not answer on port 8080", "25 min")
    );
    let (version, before) = (asking.version.clone(), asking.before.clone());
    let keep = Fix::KeepVersion { version: version.clone() };
    assert_eq!(found.fixes, [keep.clone(), Fix::LeaveVersion { version, before }, Fix::OpenUpdates]);

    let stuck =
        Proving { apps: vec![trouble("Shop"), trouble("Wiki")], ends_at: None, may_go_back: false, ..asking.clone() };
    let found = only(&facts(stuck), Kind::UpdateAppsUnhealthy);
    assert!(found.title.starts_with("2 apps are") && found.explanation.contains("none to go back to"), "{found:#?}");
    assert_eq!(found.fixes, [keep, Fix::OpenUpdates]);
    for state in [ProvingState::Watching, ProvingState::Returning] {
        assert!(find(&facts(Proving { state, ..asking.clone() })).found.is_empty());
    }
}

pub(super) fn whole_store() -> DockerStore {
    DockerStore {
        available: true,
        reason: String::new(),
        trouble: None,
        damage: Vec::new(),
        more: 0,
        looked_at: Some(ago(60)),
        complete: true,
        asks: None,
        aside: Vec::new(),
        last: None,
        job: None,
    }
}

#[test]
fn a_store_of_docker_that_is_damaged_is_rebuilt_by_the_box_or_by_a_button_and_only_explained_where_it_is_not_ours() {
    let store = |change: &dyn Fn(&mut DockerStore)| {
        let mut store = DockerStore { trouble: Some(StoreTrouble::Damaged), ..whole_store() };
        change(&mut store);
        only(&Facts { docker_store: Some(store), ..well() }, Kind::DockerStoreBroken)
    };
    let one = StoreDamage { file: "/var/lib/docker/x".to_owned(), what: "is empty".to_owned() };
    let found = store(&|store| (store.damage, store.more) = (vec![one.clone(); 4], 2));
    assert!(says(&found, "Damaged").ends_with("/var/lib/docker/x is empty; and 3 more"), "{found:?}");
    assert!(found.explanation.ends_with("in a moment.") && found.severity == Severity::Bad);
    let job = JobId::new();
    assert_eq!(store(&|store| store.job = Some(job)).fixes, [Fix::OpenJob { job, app: None }]);
    let found = store(&|store| store.asks = Some("Twice.".to_owned()));
    assert_eq!(
        (found.fixes[0].clone(), says(&found, "Why not by itself").as_str()),
        (Fix::RebuildDockerStore, "Twice.")
    );
    let found = store(&|store| {
        store.available = false;
        store.trouble = Some(StoreTrouble::DoesNotStart { result: "exit-code".to_owned() });
    });
    assert_eq!(found.fixes, [Fix::OpenMachine]);
    assert!(
        found.explanation.contains("docs/recovery.md") && says(&found, "How Docker's last start ended") == "exit-code"
    );
    assert!(unclear(&Facts { docker_store: None, ..well() }, "docker-store-broken.box"));
}

#[test]
fn a_rebuild_is_told_with_what_came_back_until_the_old_store_is_gone() {
    let name = "set-aside-20261124T001530Z".to_owned();
    let rebuild = Rebuild {
        job: JobId::new(),
        at: ago(600),
        by_the_box: true,
        why: "Docker's store is damaged".to_owned(),
        name: Some(name.clone()),
        path: Some("/var/lib/docker/x".to_owned()),
        back: vec![shop()],
        missing: Vec::new(),
        end: Some(RebuildEnd::Done),
        problem: None,
    };
    let aside = SetAside { name, path: "/var/lib/docker/x".to_owned(), at: None, bytes: GIB };
    let facts = |last: &Rebuild, aside: &[SetAside]| {
        let store = DockerStore { last: Some(last.clone()), aside: aside.to_vec(), ..whole_store() };
        Facts { docker_store: Some(store), ..well() }
    };
    let found = only(&facts(&rebuild, std::slice::from_ref(&aside)), Kind::DockerStoreRebuilt);
    assert_eq!((found.severity, found.since), (Severity::Info, Some(ago(600))));
    assert_eq!(says(&found, "What old stores take"), "1.0 GiB");
    assert_eq!(found.fixes[0], Fix::RemoveDockerStores);
    let gone = Missing { app: shop(), why: "The registry does not answer".to_owned() };
    let half = Rebuild { back: Vec::new(), missing: vec![gone], ..rebuild.clone() };
    let found = only(&facts(&half, std::slice::from_ref(&aside)), Kind::DockerStoreRebuilt);
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(says(&found, "Did not come back"), "shop (The registry does not answer)");
    assert!(find(&facts(&rebuild, &[])).found.is_empty(), "the old store is removed");
    let at_work = Rebuild { end: None, ..rebuild };
    assert!(find(&facts(&at_work, &[aside])).found.is_empty());
}
