//! The engine goes away and comes back while we listen. It is one of its own, so that no other test's
//! engine goes away.

use std::path::{Path, PathBuf};

use orbitr_docker::{Change, Config, Connection, Error, Event, State};
use orbitr_host::exec::{self, Command};
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, PATIENCE, heard, socket};

/// A `dockerd` with folders and a network namespace of its own: one without a bridge takes away the bridge
/// of any other it shares a network with.
struct Engine {
    stop: CancellationToken,
    running: JoinHandle<Result<exec::Output, exec::Error>>,
}

impl Engine {
    fn start(dir: &Path) -> Self {
        let arg = |name: &str, path: &str| format!("{name}={}", dir.join(path).display());
        let command = Command::new("unshare")
            .args(["--net", "dockerd"])
            .arg(format!("--host=unix://{}", engine_socket(dir).display()))
            .args([arg("--data-root", "data"), arg("--exec-root", "exec"), arg("--pidfile", "pid")])
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--cgroup-parent=/orbitr-docker-it"])
            .limit(std::time::Duration::from_secs(300))
            .grace(PATIENCE);
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { command.run(&stop).await }
        });
        Self { stop, running }
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = self.running.await.unwrap();
        assert!(matches!(ended, Err(exec::Error::Cancelled { .. })), "{ended:?}");
    }
}

fn engine_socket(dir: &Path) -> PathBuf {
    dir.join("engine.sock")
}

async fn next(events: &mut broadcast::Receiver<Event>, wanted: &Event) {
    timeout(PATIENCE, async { while events.recv().await.unwrap() != *wanted {} }).await.expect("the event comes");
}

#[tokio::test]
async fn a_restart_of_the_engine_is_seen_and_survived() {
    // Only to say early, and as all tests here do, that this needs a machine with Docker.
    socket();
    let dir = tempfile::Builder::new().prefix("dk").tempdir().unwrap();
    let engine = Engine::start(dir.path());
    let config = Config::new(engine_socket(dir.path()), "restart-it");
    // it is there before the engine is
    let bench = Bench::new(config).await;
    let mut connection = bench.docker.connection();
    let mut events = bench.docker.events();
    let Connection::Up(hello) = connection.borrow_and_update().clone() else { panic!("up") };
    assert!(hello.api >= (1, 41) && !hello.version.is_empty());
    let id = bench.run("notes", "sleep 600").await;
    bench.until(&id, |one| one.state == State::Running).await;

    engine.stop().await;
    next(&mut events, &Event::Disconnected).await;
    let Connection::Down { reason, .. } = connection.borrow_and_update().clone() else { panic!("down") };
    assert!(!reason.is_empty());
    assert!(matches!(bench.docker.containers(), Err(Error::DaemonDown { .. })));
    assert!(matches!(bench.docker.inspect(&id).await, Err(Error::DaemonDown { .. })));

    let engine = Engine::start(dir.path());
    next(&mut events, &Event::Connected).await;
    assert!(connection.borrow_and_update().is_up());
    // the table was filled afresh: the engine took its containers down with it
    let found = bench.docker.container(&id).unwrap().unwrap();
    assert_eq!(found.state, State::Exited);
    // and events go on
    bench.docker.start(found.handle()).await.unwrap();
    heard(&mut events, &id, Change::Started).await;
    assert_eq!(bench.docker.container(&id).unwrap().unwrap().state, State::Running);
    bench.docker.remove_container(found.handle()).await.unwrap();
    heard(&mut events, &id, Change::Removed).await;
    engine.stop().await;
}
