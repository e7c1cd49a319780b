//! Compose projects that do not work, and say why.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use orbitr_docker::{Config, Docker, Error, Scope, Volumes};
use orbitr_model::Problem;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    bench::{Bench, bench},
    compose::{LIMIT, go, sleeper},
};

/// The failure of bringing up one service, with everything cleared away after it.
async fn failure(bench: &Bench, service: serde_json::Value) -> Error {
    let compose = bench.project(bench.dir.path(), &json!({ "web": service }));
    let failed = compose.up(LIMIT, &go(), |_| {}).await.expect_err("it cannot come up");
    compose.down(Duration::ZERO, Volumes::Remove, LIMIT, &go(), |_| {}).await.unwrap();
    assert!(bench.docker.owned(Scope::Box).await.unwrap().is_empty());
    failed
}

#[tokio::test]
async fn a_port_that_another_program_has_is_named() {
    bench(|bench| async move {
        let other = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let mut service = sleeper();
        service["ports"] = json!([format!("{port}:80")]);
        assert_eq!(failure(&bench, service).await, Error::PortTaken { port, by_docker: false });
    })
    .await;
}

#[tokio::test]
async fn a_port_that_another_container_has_is_named() {
    bench(|bench| async move {
        let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let mut service = sleeper();
        service["ports"] = json!([format!("{port}:80")]);
        let both = json!({ "web": service, "other": service });
        let compose = bench.project(bench.dir.path(), &both);
        let failed = compose.up(LIMIT, &go(), |_| {}).await;
        assert_eq!(failed, Err(Error::PortTaken { port, by_docker: true }));
        let problem = Problem::from(failed.unwrap_err());
        assert_eq!((problem.status, problem.code.as_str()), (409, "port-taken"));
        assert_eq!(problem.title, format!("Port {port} is already in use"));
    })
    .await;
}

#[tokio::test]
async fn an_image_that_is_not_here_is_named_and_not_pulled() {
    bench(|bench| async move {
        let mut service = sleeper();
        service["image"] = json!("orbitr-test/never-made:7");
        let image = "orbitr-test/never-made:7".to_owned();
        assert_eq!(failure(&bench, service).await, Error::ImageMissing { image });
    })
    .await;
}

#[tokio::test]
async fn a_container_name_that_somebody_has_is_named() {
    bench(|bench| async move {
        let name = format!("{}-taken", bench.config.box_id);
        let foreign = bench.make_foreign(&[]).await;
        let options = bollard::query_parameters::RenameContainerOptionsBuilder::default().name(&name).build();
        bench.raw.rename_container(foreign.as_str(), options).await.unwrap();
        let mut service = sleeper();
        service["container_name"] = json!(name);
        assert_eq!(failure(&bench, service).await, Error::NameTaken { name });
        bench.raw.remove_container(foreign.as_str(), None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_project_of_the_same_name_is_not_touched() {
    bench(|bench| async move {
        let name = bench.config.box_id.clone();
        let theirs = [("com.docker.compose.project", name.as_str()), ("com.docker.compose.service", "db")];
        let foreign = bench.make_foreign(&theirs).await;
        let compose = bench.project(bench.dir.path(), &json!({ "web": sleeper() }));
        let taken = Err(Error::NameTaken { name: name.clone() });
        assert_eq!(compose.up(LIMIT, &go(), |_| {}).await, taken);
        assert_eq!(compose.stop(Duration::ZERO, LIMIT, &go(), |_| {}).await, taken);
        assert_eq!(compose.down(Duration::ZERO, Volumes::Remove, LIMIT, &go(), |_| {}).await, taken);
        assert!(bench.exists(&foreign).await);
        bench.raw.remove_container(foreign.as_str(), None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_wrong_file_says_what_is_wrong_with_it() {
    bench(|bench| async move {
        let compose = bench.project(bench.dir.path(), &json!({ "web": { "imag": "x" } }));
        let refused = compose.config(&go()).await;
        let Err(Error::ComposeInvalid { detail }) = refused else { panic!("{refused:?}") };
        assert!(detail.contains("imag"), "{detail}");
        let compose = bench.project(bench.dir.path(), &json!({ "web": { "image": "${NEEDED:?must be set}" } }));
        let refused = compose.config(&go()).await;
        let Err(Error::ComposeInvalid { detail }) = refused else { panic!("{refused:?}") };
        assert!(detail.contains("must be set"), "{detail}");
    })
    .await;
}

#[tokio::test]
async fn coming_up_can_be_cancelled_and_has_a_limit() {
    bench(|bench| async move {
        let mut slow = sleeper();
        slow["healthcheck"] = json!({ "test": ["CMD", "false"], "interval": "1s", "retries": 600 });
        let mut after = sleeper();
        after["depends_on"] = json!({ "slow": { "condition": "service_healthy" } });
        let compose = bench.project(bench.dir.path(), &json!({ "slow": slow, "after": after }));
        let cancel = go();
        let (up, ()) = tokio::join!(compose.up(LIMIT, &cancel, |_| {}), async {
            sleep(Duration::from_secs(2)).await;
            cancel.cancel();
        });
        assert_eq!(up, Err(Error::Cancelled));
        assert_eq!(running(&bench.config.box_id), Vec::<String>::new());
        let began = Instant::now();
        let late = compose.up(Duration::from_secs(2), &go(), |_| {}).await;
        assert!(matches!(late, Err(Error::Timeout { .. })), "{late:?}");
        assert!(began.elapsed() < Duration::from_secs(12));
        assert_eq!(running(&bench.config.box_id), Vec::<String>::new());
        compose.down(Duration::ZERO, Volumes::Remove, LIMIT, &go(), |_| {}).await.unwrap();
        assert!(bench.docker.owned(Scope::Box).await.unwrap().is_empty());
    })
    .await;
}

/// The processes that were started for a project.
fn running(project: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|one| std::fs::read(one.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains("compose") && line.contains(project)).collect()
}

#[tokio::test]
async fn without_the_plugin_it_says_that_the_plugin_is_missing() {
    bench(|bench| async move {
        // a command line program that knows no plugin speaks like this
        let fake = bench.dir.path().join("docker");
        let says = "#!/bin/sh\necho \"docker: 'compose' is not a docker command.\" >&2\nexit 1\n";
        orbitr_host::files::write(&fake, says.as_bytes(), 0o755).unwrap();
        let with = |docker_bin: std::path::PathBuf| {
            Docker::new(Config { docker_bin, compose_bin: None, ..Config::new(&bench.config.socket, "b") })
        };
        assert_eq!(with(fake).compose_version(&go()).await, Err(Error::NoCompose));
        assert_eq!(with("orbitr-no-such-program".into()).compose_version(&go()).await, Err(Error::NoCompose));
    })
    .await;
}

#[tokio::test]
async fn without_an_engine_everything_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let docker = Docker::new(Config::new(dir.path().join("none.sock"), "b"));
    let down = |error: Error| matches!(error, Error::DaemonDown { .. });
    assert!(docker.containers().is_err_and(down));
    assert!(docker.owned(Scope::Box).await.is_err_and(down));
    assert!(docker.disk_use().await.is_err_and(down));
    let image = "orbitr-test/any:1".parse().unwrap();
    assert!(docker.pull(&image, &go(), |_| {}).await.is_err_and(down));
    // a socket that nobody listens on any more
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("none.sock")).unwrap());
    assert!(docker.owned(Scope::Box).await.is_err_and(down));
    assert!(docker.disk_use().await.is_err_and(down));
}
