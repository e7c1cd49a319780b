//! What goes wrong on a bus, and how it is told.

use std::time::{Duration, Instant};

use orbitr_host::{
    dbus::{Bus, Can, Error, JobResult, PowerVerb},
    testing::{FakeSystemd, Mood},
};
use orbitr_model::Problem;

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn units_are_listed_and_looked_at() {
    let machine = FakeSystemd::start().await;
    let bus = machine.bus();
    let units = bus.units().await.unwrap();
    let docker = units.iter().find(|unit| unit.name == "docker.service").unwrap();
    assert_eq!((docker.load.as_str(), docker.active.as_str(), docker.sub.as_str()), ("loaded", "active", "running"));
    let state = bus.unit("docker.service").await.unwrap();
    assert_eq!((state.row.clone(), state.main_pid), (docker.clone(), 4711));
    assert_eq!((state.invocation.as_str(), state.memory), (&*"01".repeat(16), Some(64 << 20)));
    let unknown = bus.unit("nothing.service").await.unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown:?}");
    assert_eq!(Problem::from(unknown).status, 404);
}

#[tokio::test]
async fn a_restart_ends_as_the_job_of_systemd_does() {
    let machine = FakeSystemd::start().await;
    let bus = machine.bus();
    assert_eq!(bus.restart_unit("docker.service", LIMIT).await.unwrap(), JobResult::Done);
    assert_eq!(bus.unit("docker.service").await.unwrap().invocation, "02".repeat(16));
    // Over the same connection, which has subscribed already.
    for result in ["failed", "timeout", "dependency", "canceled"] {
        machine.state().mood = Mood::JobEnds(result.to_owned());
        let ended = bus.restart_unit("docker.service", LIMIT).await.unwrap();
        assert_eq!(ended, JobResult::NotDone(result.to_owned()));
    }
    machine.state().mood = Mood::JobHangs;
    let hangs = bus.restart_unit("docker.service", Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(hangs, Error::TimedOut { .. }), "{hangs:?}");
    assert_eq!(machine.done().len(), 6);
}

#[tokio::test]
async fn polkit_says_no_and_that_is_told_plainly() {
    let machine = FakeSystemd::start().await;
    machine.state().mood = Mood::Denies;
    let bus = machine.bus();
    let refused = [
        bus.restart_unit("docker.service", LIMIT).await.unwrap_err(),
        bus.power(PowerVerb::Reboot).await.unwrap_err(),
        bus.set_host_name("attic").await.unwrap_err(),
        bus.inhibit_shutdown("Orbitr", "a job").await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
        let problem = Problem::from(error);
        assert_eq!((problem.status, problem.code.as_str()), (409, "machine-refuses"));
    }
    assert!(machine.done().is_empty());
}

#[tokio::test]
async fn no_call_waits_for_ever() {
    let machine = FakeSystemd::start().await;
    machine.state().mood = Mood::Silent;
    let bus = machine.bus_with(Duration::from_millis(200));
    let begun = Instant::now();
    let silent = bus.units().await.unwrap_err();
    assert!(matches!(silent, Error::TimedOut { .. }), "{silent:?}");
    assert!(matches!(bus.power(PowerVerb::PowerOff).await.unwrap_err(), Error::TimedOut { .. }));
    assert!(begun.elapsed() < Duration::from_secs(3));
    machine.state().mood = Mood::Willing;
    assert!(!bus.units().await.unwrap().is_empty(), "the connection is still good");
}

#[tokio::test]
async fn a_service_that_leaves_in_the_middle_of_a_call_is_not_asked_twice() {
    let machine = FakeSystemd::start().await;
    machine.state().mood = Mood::Leaves;
    let bus = machine.bus();
    let left = bus.restart_unit("docker.service", LIMIT).await.unwrap_err();
    assert!(matches!(left, Error::Lost { .. }), "{left:?}");
    let problem = Problem::from(left);
    assert_eq!((problem.status, problem.retry_after), (503, Some(5)));
    assert!(machine.done().is_empty(), "what changes the machine is not repeated by itself");
    assert_eq!(bus.restart_unit("docker.service", LIMIT).await.unwrap(), JobResult::Done);
}

#[tokio::test]
async fn a_lost_connection_comes_back_and_a_read_is_repeated() {
    let machine = FakeSystemd::start().await;
    let bus = machine.bus();
    bus.units().await.unwrap();
    machine.hang_up().await;
    assert!(!bus.units().await.unwrap().is_empty());
    let mut changes = bus.unit_changes().await.unwrap();
    machine.unit_becomes("docker.service", "failed", "exit-code").await;
    changes.next().await.unwrap();
    assert_eq!(bus.unit("docker.service").await.unwrap().result, "exit-code");
    machine.hang_up().await;
    assert_eq!(changes.next().await, None, "a listener learns that it hears nothing any more");
}

#[tokio::test]
async fn a_shutdown_is_held_back_until_the_lock_is_dropped() {
    let machine = FakeSystemd::start().await;
    let bus = machine.bus();
    assert_eq!(bus.can(PowerVerb::Reboot).await.unwrap(), Can::Yes);
    machine.state().inhibitors.push(("apt".to_owned(), "upgrading".to_owned()));
    let lock = bus.inhibit_shutdown("Orbitr", "Install PostgreSQL").await.unwrap();
    let held = bus.inhibitors().await.unwrap();
    let held: Vec<_> = held.iter().map(|one| (one.who.as_str(), one.why.as_str())).collect();
    assert_eq!(held, [("apt", "upgrading"), ("Orbitr", "Install PostgreSQL")]);
    drop(lock);
    for _ in 0..100 {
        if bus.inhibitors().await.unwrap().len() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the lock is still there");
}

#[tokio::test]
async fn what_others_hold_back_is_told_apart_from_not_knowing() {
    let machine = FakeSystemd::start().await;
    let bus = machine.bus_with(Duration::from_millis(200));
    machine.state().inhibitors.push(("apt".to_owned(), "upgrading".to_owned()));
    let _lock = bus.inhibit_shutdown("Orbitr", "Install PostgreSQL").await.unwrap();
    let held = bus.held_by_others().await.unwrap();
    let held: Vec<_> = held.iter().map(|one| one.who.as_str()).collect();
    assert_eq!(held, ["apt"], "our own lock is no other's");
    machine.state().mood = Mood::Silent;
    let silent = bus.held_by_others().await.unwrap_err();
    assert!(matches!(silent, Error::TimedOut { .. }), "a logind that does not answer may know of somebody: {silent:?}");
    let nowhere = Bus::at("unix:path=/nonexistent/bus", LIMIT);
    assert_eq!(nowhere.held_by_others().await.unwrap(), [], "without logind nobody can hold anything back");
}

#[tokio::test]
async fn a_bus_that_says_nothing_is_there_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bus");
    let _silent = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let bus = Bus::at(&format!("unix:path={}", path.display()), LIMIT);
    let error = bus.held_by_others().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && !error.is_absence(), "{error:?}");
}

#[tokio::test]
async fn a_machine_without_a_bus_is_told_as_such() {
    let nowhere = Bus::at("unix:path=/nonexistent/bus", LIMIT);
    let error = nowhere.units().await.unwrap_err();
    assert!(error.is_absence(), "{error:?}");
    let problem = Problem::from(error);
    assert_eq!((problem.status, problem.code.as_str()), (409, "needs-systemd"));
    // The fake has no networkd: as on a bus where nobody has that name.
    let machine = FakeSystemd::start().await;
    assert!(machine.bus().links().await.is_err());
}
