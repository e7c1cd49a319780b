//! The table of containers says what the engine does, driven by its events.

use std::time::Duration;

use bollard::models::{HealthConfig, HostConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum};
use orbitr_docker::{Change, Docker, Error, Event, Health, LABEL_BOX, Protocol, State};
use tokio::time::{sleep, timeout};

use crate::bench::{PATIENCE, bench, heard};

#[tokio::test]
async fn a_container_is_followed_from_its_making_to_its_removal() {
    bench(|bench| async move {
        let mut events = bench.docker.events();
        let id = bench.make("notes", "sleep 600").await;
        let made = bench.until(&id, |one| one.state == State::Created).await;
        assert_eq!((made.exit_code, made.started, made.health), (None, None, Health::None));
        assert_eq!(made.app, Some("notes".parse().unwrap()));
        assert_eq!(made.service.as_deref(), Some("web"));
        bench.docker.start(made.handle()).await.unwrap();
        bench.docker.start(made.handle()).await.unwrap();
        let running = bench.until(&id, |one| one.state == State::Running).await;
        assert!(running.started.is_some() && running.exit_code.is_none());
        bench.docker.stop(made.handle(), Duration::from_secs(5)).await.unwrap();
        bench.docker.stop(made.handle(), Duration::from_secs(5)).await.unwrap();
        let stopped = bench.until(&id, |one| one.state == State::Exited).await;
        assert_eq!((stopped.exit_code, stopped.oom_killed), (Some(137), false));
        assert!(stopped.finished >= stopped.started);
        bench.docker.restart(made.handle(), Duration::ZERO).await.unwrap();
        bench.until(&id, |one| one.state == State::Running).await;
        bench.docker.remove_container(made.handle()).await.unwrap();
        bench.docker.remove_container(made.handle()).await.unwrap();
        heard(&mut events, &id, Change::Removed).await;
        assert_eq!(bench.docker.container(&id), Ok(None));
        assert!(matches!(bench.docker.inspect(&id).await, Err(Error::Gone { .. })));
        assert!(matches!(bench.docker.start(made.handle()).await, Err(Error::Gone { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_container_that_exits_at_once_says_with_what() {
    bench(|bench| async move {
        let mut events = bench.docker.events();
        let id = bench.run("notes", "exit 42").await;
        let event = heard(&mut events, &id, Change::Died { exit_code: Some(42) }).await;
        let Event::Container { app, service, .. } = event else { panic!("{event:?}") };
        assert_eq!((app, service.as_deref()), (Some("notes".parse().unwrap()), Some("web")));
        // the table is current when the event arrives
        let gone = bench.docker.container(&id).unwrap().unwrap();
        assert_eq!((gone.state, gone.exit_code), (State::Exited, Some(42)));
    })
    .await;
}

#[tokio::test]
async fn a_container_that_is_started_over_and_over_is_counted() {
    bench(|bench| async move {
        let again = RestartPolicy { name: Some(RestartPolicyNameEnum::ON_FAILURE), maximum_retry_count: Some(3) };
        let id = bench
            .make_with("notes", "exit 7", |body| {
                body.host_config.get_or_insert_default().restart_policy = Some(again);
            })
            .await;
        bench.raw.start_container(id.as_str(), None).await.unwrap();
        let tired = bench.until(&id, |one| one.restarts == 3 && one.state == State::Exited).await;
        assert_eq!(tired.exit_code, Some(7));
    })
    .await;
}

#[tokio::test]
async fn a_container_without_enough_memory_says_so() {
    bench(|bench| async move {
        let id = bench
            .make_with("notes", "tail /dev/zero", |body| {
                let host = body.host_config.get_or_insert_default();
                (host.memory, host.memory_swap) = (Some(16 << 20), Some(16 << 20));
            })
            .await;
        bench.raw.start_container(id.as_str(), None).await.unwrap();
        // The kernel tells the engine of both, and either may come first.
        bench.until(&id, |one| one.state == State::Exited && one.oom_killed).await;
    })
    .await;
}

#[tokio::test]
async fn a_containers_own_check_is_heard() {
    bench(|bench| async move {
        let mut events = bench.docker.events();
        let check = HealthConfig {
            test: Some(["CMD", "cat", "/ready"].map(str::to_owned).to_vec()),
            interval: Some(200_000_000),
            timeout: Some(5_000_000_000),
            retries: Some(2),
            ..HealthConfig::default()
        };
        let script = "sleep 1; echo >/ready; sleep 1; usleep 500000; rm /ready || busybox rm /ready; sleep 600";
        let id = bench.make_with("notes", script, |body| body.healthcheck = Some(check)).await;
        bench.raw.start_container(id.as_str(), None).await.unwrap();
        heard(&mut events, &id, Change::Health(Health::Healthy)).await;
        heard(&mut events, &id, Change::Health(Health::Unhealthy)).await;
        assert_eq!(bench.docker.container(&id).unwrap().unwrap().health, Health::Unhealthy);
    })
    .await;
}

#[tokio::test]
async fn published_ports_and_addresses_are_known() {
    bench(|bench| async move {
        let id = bench
            .make_with("notes", "sleep 600", |body| {
                let free = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
                body.exposed_ports = Some(vec!["80/tcp".to_owned(), "53/udp".to_owned()]);
                body.host_config = Some(HostConfig {
                    port_bindings: Some([("80/tcp".to_owned(), Some(vec![free]))].into()),
                    ..HostConfig::default()
                });
            })
            .await;
        bench.raw.start_container(id.as_str(), None).await.unwrap();
        let running = bench.until(&id, |one| one.state == State::Running).await;
        let [port] = running.ports.as_slice() else { panic!("{running:?}") };
        assert_eq!((port.container, port.protocol), (80, Protocol::Tcp));
        assert!(port.address.is_loopback() && port.host > 0);
        let [address] = running.addresses.as_slice() else { panic!("{running:?}") };
        assert!(address.address.is_ipv4());
    })
    .await;
}

#[tokio::test]
async fn what_was_there_before_us_is_in_the_table_and_what_is_not_ours_never() {
    bench(|bench| async move {
        let ours = bench.run("notes", "sleep 600").await;
        let foreign = bench.make_foreign(&[(LABEL_BOX, "another box")]).await;
        let second = Docker::new(bench.config.clone());
        let before = second.containers();
        assert!(matches!(before, Err(Error::DaemonDown { .. })), "{before:?}");
        timeout(PATIENCE, second.connection().wait_for(orbitr_docker::Connection::is_up)).await.unwrap().unwrap();
        let ids: Vec<_> = second.containers().unwrap().iter().map(|one| one.id().clone()).collect();
        assert_eq!(ids, [ours]);
        assert_eq!(second.containers_of(&"notes".parse().unwrap()).unwrap().len(), 1);
        assert!(second.containers_of(&"other".parse().unwrap()).unwrap().is_empty());
        assert!(matches!(second.inspect(&foreign).await, Err(Error::NotOurs { .. })));
        bench.raw.start_container(foreign.as_str(), None).await.unwrap();
        bench.raw.remove_container(foreign.as_str(), Some(force())).await.unwrap();
        assert_eq!(bench.docker.containers().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_changes_in_the_table_while_nothing_happens() {
    bench(|bench| async move {
        let check = HealthConfig {
            test: Some(["CMD", "true"].map(str::to_owned).to_vec()),
            interval: Some(200_000_000),
            ..HealthConfig::default()
        };
        let id = bench.make_with("notes", "sleep 600", |body| body.healthcheck = Some(check)).await;
        bench.raw.start_container(id.as_str(), None).await.unwrap();
        bench.until(&id, |one| one.health == Health::Healthy).await;
        // checks go on inside the container; none of them wakes us
        sleep(Duration::from_millis(300)).await;
        let mut generation = bench.docker.generation();
        let mut events = bench.docker.events();
        generation.mark_unchanged();
        assert!(timeout(Duration::from_secs(2), generation.changed()).await.is_err());
        assert!(events.try_recv().is_err());
    })
    .await;
}

fn force() -> bollard::query_parameters::RemoveContainerOptions {
    bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build()
}
