mod newer;

use jiff::SignedDuration;
use orbitr_apps::{AppView, Care, JobBrief, Phase, Verb, Version, Wanted};
use orbitr_jobs::Failed;
use orbitr_machine::{CopyState, Issue, Used, Verdict};
use orbitr_model::{AppState, AppStatus, ByteSize, JobId, JobState, Problem, ProjectId, Timestamp};

use super::{Findings, Found, find};
use crate::{
    disk::Sample,
    facts::{End, Facts},
    model::{Fix, IssueId, Kind, Severity},
};

const GIB: u64 = 1 << 30;

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 56)
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn well() -> Facts {
    Facts {
        now: now(),
        apps: vec![app(AppState::Running, "")],
        safe_mode: false,
        docker_down: None,
        restartable: Vec::new(),
        machine: Some(Vec::new()),
        disk: Some(Used { used: ByteSize(40 * GIB), total: ByteSize(100 * GIB) }),
        samples: Vec::new(),
        failed_changes: Vec::new(),
        not_undone: Vec::new(),
        failed_starts: Vec::new(),
        overdue: Vec::new(),
        leaks: Vec::new(),
        other_disks: Vec::new(),
        certificates: None,
        copies: CopyState::default(),
        docker_store: Some(newer::whole_store()),
        returned: Vec::new(),
        proving: None,
        ends: Vec::new(),
        memory_pressure: Some(3.0),
    }
}

fn app(state: AppState, reason: &str) -> AppView {
    AppView {
        id: "shop".parse().unwrap(),
        name: "Shop".parse().unwrap(),
        project: ProjectId::new(),
        extension: "official/shop".parse().unwrap(),
        version: "1".to_owned(),
        update: None,
        phase: Phase::Installed,
        wanted: Wanted::Running,
        status: AppStatus { state, reason: reason.to_owned() },
        verbs: vec![Verb::Start, Verb::Stop],
        held: false,
        endpoints: Vec::new(),
        provides: Vec::new(),
        has_passwords: false,
        job: None,
        care: None,
        created: Timestamp::UNIX_EPOCH,
    }
}

fn with(app: AppView) -> Facts {
    Facts { apps: vec![app], ..well() }
}

fn codes(findings: &Findings) -> Vec<&'static str> {
    findings.found.iter().map(|found| found.id.kind.as_str()).collect()
}

/// The only one that there is.
fn only(facts: &Facts, kind: Kind) -> Found {
    let findings = find(facts);
    assert_eq!(codes(&findings), [kind.as_str()], "{findings:#?}");
    let found = findings.found.into_iter().next().unwrap();
    assert!(!found.explanation.is_empty() && !found.title.ends_with('.'), "{found:#?}");
    assert_eq!(found.id.to_string().parse::<IssueId>().unwrap(), found.id);
    found
}

fn says(found: &Found, name: &str) -> String {
    found.evidence.iter().find(|fact| fact.name == name).map(|fact| fact.value.clone()).unwrap_or_default()
}

fn end(seconds: i64, what: &str) -> End {
    End { app: "shop".parse().unwrap(), at: ago(seconds), service: "web".to_owned(), what: what.to_owned() }
}

fn failed(title: &str) -> Failed {
    Failed {
        id: JobId::new(),
        kind: "app.lifecycle".to_owned(),
        title: title.to_owned(),
        app: Some("shop".parse().unwrap()),
        problem: Some(
            Problem::new(502, "app-ended", "web ended with status 3").why("it did so at once.").then("Read its log."),
        ),
        ended: ago(100),
    }
}

fn unclear(facts: &Facts, id: &str) -> bool {
    find(facts).is_unclear(&id.parse().unwrap())
}

#[test]
fn where_all_is_well_nothing_is_found() {
    assert_eq!(codes(&find(&well())), Vec::<&str>::new());
    let nothing = Facts { apps: Vec::new(), machine: None, disk: None, memory_pressure: None, ..well() };
    assert_eq!(codes(&find(&nothing)), Vec::<&str>::new());
}

#[test]
fn an_app_that_is_down() {
    let found = only(&with(app(AppState::Down, "web ended with status 1")), Kind::AppDown);
    assert_eq!((found.severity, found.title.as_str()), (Severity::Bad, "Shop is down"));
    assert_eq!(says(&found, "Why"), "web ended with status 1");
    let shop = || "shop".parse().unwrap();
    assert_eq!(found.fixes[..2], [Fix::StartApp { app: shop() }, Fix::StopApp { app: shop() }]);
    assert!(found.patience > SignedDuration::ZERO, "what comes back by itself is not told");

    let mut tried = app(AppState::Down, "");
    tried.care = Some(Care { since: ago(60), tries: 2, gave_up: false });
    assert_eq!(says(&only(&with(tried), Kind::AppDown), "Brought back by the box"), "2 times");
}

#[test]
fn an_app_that_a_job_is_at_or_that_nobody_can_see_is_left_as_it_was() {
    let mut busy = app(AppState::Starting, "");
    busy.job = Some(JobBrief { id: JobId::new(), title: "Start Shop".to_owned(), state: JobState::Running });
    let mut coming = app(AppState::Starting, "");
    coming.care = Some(Care { since: ago(60), tries: 1, gave_up: false });
    for app in [busy, coming, app(AppState::Unknown, "Docker does not answer: gone")] {
        let facts = with(app);
        assert!(find(&facts).found.is_empty());
        for id in ["app-down.shop", "app-unhealthy.shop", "app-crash-looping.shop", "app-runs-though-stopped.shop"] {
            assert!(unclear(&facts, id), "{id}");
        }
        assert!(!unclear(&facts, "app-down.other") && !unclear(&facts, "disk-full.box"));
    }
    assert!(!unclear(&with(app(AppState::Starting, "")), "app-down.shop"), "a fresh start is no issue");
}

#[test]
fn an_app_that_does_not_answer() {
    let found = only(&with(app(AppState::Unhealthy, "port 80 does not answer")), Kind::AppUnhealthy);
    assert_eq!((found.severity, found.patience), (Severity::Warning, SignedDuration::from_mins(1)));
}

#[test]
fn an_app_that_ends_again_and_again_is_told_once() {
    let mut gave_up = app(AppState::Down, "web ended with status 1");
    gave_up.care = Some(Care { since: ago(600), tries: 5, gave_up: true });
    let found = only(&with(gave_up), Kind::AppCrashLooping);
    assert_eq!((found.severity, found.since), (Severity::Bad, Some(ago(600))));
    assert_eq!(found.fixes[0], Fix::OpenLogs { app: "shop".parse().unwrap() });

    let ends: Vec<End> = [400, 300, 200, 150].map(|seconds| end(seconds, "ended with status 7")).into();
    for state in [AppState::Down, AppState::Unhealthy] {
        let facts = Facts { ends: ends.clone(), ..with(app(state, "")) };
        let found = only(&facts, Kind::AppCrashLooping);
        assert_eq!(says(&found, "Last end"), "web ended with status 7");
        assert_eq!(says(&found, "Ends in the last 10 minutes"), "4");
    }
    let on_its_feet = Facts { ends: ends.clone(), ..with(app(AppState::Running, "")) };
    assert!(find(&on_its_feet).found.is_empty(), "it has run for more than a minute");
    let few = Facts { ends: ends[1..].to_vec(), ..with(app(AppState::Down, "")) };
    only(&few, Kind::AppDown);
    let mut stopped = app(AppState::Stopped, "");
    stopped.wanted = Wanted::Stopped;
    assert!(find(&Facts { ends, ..with(stopped) }).found.is_empty());
}

#[test]
fn an_app_that_runs_although_it_was_stopped() {
    let mut odd = app(AppState::Running, "it runs although it was stopped here");
    odd.wanted = Wanted::Stopped;
    let found = only(&with(odd.clone()), Kind::AppRunsThoughStopped);
    assert_eq!(found.fixes.len(), 2);
    assert!(find(&Facts { safe_mode: true, ..with(odd) }).found.is_empty(), "safe mode stops it by itself");
}

#[test]
fn a_change_that_failed() {
    let facts = Facts { failed_changes: vec![failed("Update Shop to 2")], ..well() };
    let found = only(&facts, Kind::AppUpdateFailed);
    assert_eq!((found.title.as_str(), found.since), ("«Update Shop to 2» has failed", Some(ago(100))));
    assert_eq!(says(&found, "Why"), "web ended with status 3: it did so at once");
    assert_eq!(says(&found, "What helps"), "Read its log.");
    assert!(matches!(found.fixes[..], [Fix::OpenJob { .. }, Fix::OpenSettings { .. }]), "{:?}", found.fixes);
    let mut newer = app(AppState::Running, "");
    newer.update = Some(Version { version: "2".to_owned(), revision: 1 });
    let found = only(&Facts { apps: vec![newer], ..facts }, Kind::AppUpdateFailed);
    assert!(matches!(found.fixes[1], Fix::OpenUpdate { .. }));
    let gone = Facts { apps: Vec::new(), failed_changes: vec![failed("Update Shop to 2")], ..well() };
    assert!(find(&gone).found.is_empty());
}

#[test]
fn a_job_that_left_something_behind_is_told_once_and_by_whom_it_concerns() {
    let job = failed("Update Shop to 2");
    let facts = Facts { failed_changes: vec![job.clone()], not_undone: vec![job.clone()], ..well() };
    let found = only(&facts, Kind::JobNotUndone);
    assert_eq!((found.severity, found.app.as_ref().map(ToString::to_string)), (Severity::Bad, Some("shop".to_owned())));
    let mut half = app(AppState::Down, "");
    half.phase = Phase::Installing;
    let found = only(&Facts { apps: vec![half], not_undone: vec![job.clone()], ..well() }, Kind::JobNotUndone);
    assert!(found.fixes.contains(&Fix::OpenRemoval { app: "shop".parse().unwrap() }));
    assert!(find(&Facts { apps: Vec::new(), not_undone: vec![job.clone()], ..well() }).found.is_empty());
    let of_the_box = Failed { app: None, ..job };
    assert_eq!(only(&Facts { not_undone: vec![of_the_box], ..well() }, Kind::JobNotUndone).app, None);
}

#[test]
fn docker_that_does_not_answer() {
    let down = || Facts { docker_down: Some("no such file".to_owned()), ..well() };
    let found = only(&down(), Kind::DockerDown);
    assert_eq!((says(&found, "Why").as_str(), &found.fixes[..]), ("no such file", &[Fix::OpenMachine][..]));
    let here = Facts { restartable: vec!["docker.service".to_owned()], ..down() };
    assert_eq!(only(&here, Kind::DockerDown).fixes[0], Fix::RestartUnit { unit: "docker.service".to_owned() });
}

#[test]
fn a_disk_that_is_full_or_will_be() {
    let disk = |free: u64| Some(Used { used: ByteSize(100 * GIB - free), total: ByteSize(100 * GIB) });
    assert_eq!(only(&Facts { disk: disk(1 << 20), ..well() }, Kind::DiskFull).severity, Severity::Bad);
    let filling = |hours: i64| -> Vec<Sample> {
        let used = |n: i64| (40 + u64::try_from(n).unwrap()) * GIB;
        (0..=hours).map(|n| Sample { at: ago((hours - n) * 3600), used: used(n), total: 100 * GIB }).collect()
    };
    let found = only(&Facts { samples: filling(12), ..well() }, Kind::DiskFilling);
    assert_eq!(found.title, "The disk will be full in about 2 days");
    assert_eq!(says(&found, "Added each day"), "about 24.0 GiB");
    assert!(find(&Facts { samples: filling(5), ..well() }).found.is_empty(), "five hours say too little");
    let both = Facts { samples: filling(12), disk: disk(1 << 20), ..well() };
    only(&both, Kind::DiskFull);
}

#[test]
fn memory_that_is_short_and_memory_that_ran_out() {
    let found = only(&Facts { memory_pressure: Some(20.4), ..well() }, Kind::MemoryPressure);
    assert_eq!(says(&found, "Waiting for memory"), "20 % of the last five minutes");
    assert!(find(&Facts { memory_pressure: Some(19.9), ..well() }).found.is_empty());

    let ends = vec![end(9000, "ran out of memory"), end(4000, "ended with status 1"), end(3000, "ran out of memory")];
    let found = only(&Facts { ends, ..well() }, Kind::OutOfMemory);
    assert_eq!((found.since, says(&found, "In the last 24 hours").as_str()), (Some(ago(3000)), "2 times"));
}

#[test]
fn what_is_wrong_with_the_machine() {
    let machine = |issue| Facts { machine: Some(vec![issue]), ..well() };
    let unit = |restartable| Issue::UnitFailed {
        unit: "docker.service".to_owned(),
        description: "Docker".to_owned(),
        restartable,
    };
    let found = only(&machine(unit(true)), Kind::UnitFailed);
    assert_eq!((found.title.as_str(), found.severity, found.fixes.len()), ("Docker has failed", Severity::Bad, 2));
    assert_eq!(only(&machine(unit(false)), Kind::UnitFailed).fixes.len(), 1);
    let doubtful = Verdict::Doubtful { why: "The battery is empty.".to_owned() };
    assert_eq!(only(&machine(Issue::Clock { clock: doubtful }), Kind::ClockWrong).severity, Severity::Warning);
    let ahead = Verdict::Ahead { why: "It says 2199.".to_owned() };
    let found = only(&machine(Issue::Clock { clock: ahead }), Kind::ClockWrong);
    assert_eq!((found.severity, says(&found, "Why").as_str()), (Severity::Bad, "It says 2199."));
    only(&machine(Issue::NotSynchronised), Kind::ClockNotSynchronised);
    let trial = Issue::NetworkTrial { name: "eth0".to_owned(), seconds_left: 90 };
    assert_eq!(only(&machine(trial), Kind::NetworkTrial).severity, Severity::Info);
    let silent = Facts { machine: None, ..well() };
    for id in ["unit-failed.docker.service", "clock-wrong.box", "clock-not-synchronised.box", "network-trial.eth0"] {
        assert!(unclear(&silent, id), "{id}");
    }
}

#[test]
fn every_kind_of_the_catalogue_is_tested_here() {
    let text = [include_str!("tests.rs"), include_str!("tests/newer.rs")].concat();
    for kind in Kind::ALL {
        assert!(text.contains(&format!("Kind::{kind:?}")), "{kind:?}");
    }
    assert_eq!(super::CATALOGUE.len(), Kind::ALL.len());
}
