//! hostnamed and timedated themselves, on a bus of their own, with a copy of /etc.

use std::{path::Path, time::Duration};

use orbitr_host::{
    dbus::{Bus, Error},
    exec::{Command, Exit},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_real_hostnamed_and_timedated_do_what_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real-daemons");
    let command = Command::new(script).arg(dir.path()).limit(Duration::from_secs(60));
    let (ready, is_ready) = oneshot::channel();
    let stop = CancellationToken::new();
    let ending = stop.clone();
    let running = tokio::spawn(async move {
        let mut ready = Some(ready);
        let ended = command.stream(&ending, |_, line| {
            if line == "ready" {
                let _ = ready.take().map(|ready| ready.send(()));
            }
        });
        ended.await
    });
    if is_ready.await.is_err() {
        let ended = running.await.unwrap().unwrap();
        assert_eq!(ended.status, Exit::Code(77), "{}", ended.stderr_text());
        eprintln!("left out: this needs root, dbus-daemon, hostnamed and timedated");
        return;
    }
    talk(dir.path()).await;
    stop.cancel();
    let _ = running.await;
}

async fn talk(dir: &Path) {
    let bus = Bus::at(&format!("unix:path={}", dir.join("bus").display()), Duration::from_secs(5));
    let names = loop {
        match bus.host_names().await {
            Ok(names) => break names,
            // The daemons need a moment to take their names.
            Err(Error::NoService { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error:?}"),
        }
    };
    let own = orbitr_host::facts::hostname();
    assert_eq!(names.name, own);
    bus.set_host_name("attic").await.unwrap();
    assert_eq!(bus.host_names().await.unwrap().fixed, "attic");
    assert_eq!(std::fs::read_to_string(dir.join("etc/hostname")).unwrap().trim(), "attic");
    assert_eq!(orbitr_host::facts::hostname(), own, "only the namespace has another name");
    assert!(bus.set_host_name("not a name").await.is_err());
    let zone = std::fs::read_link(dir.join("etc/localtime")).unwrap_or_default();
    let other = if zone.ends_with("Asia/Tokyo") { "Europe/Berlin" } else { "Asia/Tokyo" };
    loop {
        match bus.set_time_zone(other).await {
            Ok(()) => break,
            Err(Error::NoService { .. }) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(std::fs::read_link(dir.join("etc/localtime")).unwrap().ends_with(other));
    assert!(!std::fs::read_link("/etc/localtime").is_ok_and(|link| link.ends_with(other)), "only the copy has changed");
    // It asks systemd for the rest of what it knows, and there is none.
    assert!(!bus.clock().await.unwrap_err().is_absence());
    let refused = bus.set_time_zone("Mars/Olympus").await.unwrap_err();
    assert!(!refused.is_absence(), "{refused:?}");
    // Nobody runs units here.
    assert!(bus.units().await.unwrap_err().is_absence());
    assert!(bus.name_servers().await.unwrap_err().is_absence());
}
