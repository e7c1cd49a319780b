//! Compose projects that work.

use std::{path::Path, time::Duration};

use orbitr_docker::{Compose, LABEL_APP, LABEL_BOX, Project, Scope, State, Volumes};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, IMAGE, bench};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn go() -> CancellationToken {
    CancellationToken::new()
}

impl Bench {
    /// A project out of two files, as apps have it: the text of somebody and our labels beside it.
    pub(crate) fn project(&self, folder: &Path, services: &Value) -> Compose {
        let labels = json!({ LABEL_BOX: self.config.box_id, LABEL_APP: "notes" });
        let names = services.as_object().unwrap().keys();
        let ours: Value =
            names.map(|name| (name.clone(), json!({ "labels": labels }))).collect::<serde_json::Map<_, _>>().into();
        let over = json!({
            "services": ours,
            "networks": { "default": { "labels": labels } },
            "volumes": { "data": { "labels": labels } },
        });
        std::fs::create_dir_all(folder).unwrap();
        let theirs = json!({ "services": services, "volumes": { "data": {} } });
        std::fs::write(folder.join("compose.yaml"), theirs.to_string()).unwrap();
        std::fs::write(folder.join("override.json"), over.to_string()).unwrap();
        std::fs::write(folder.join("vars"), "GREETING=hello\n").unwrap();
        self.docker.compose(Project {
            name: self.config.box_id.clone(),
            dir: folder.to_owned(),
            files: vec![folder.join("compose.yaml"), folder.join("override.json")],
            env_file: Some(folder.join("vars")),
            lock: folder.to_owned(),
        })
    }
}

/// A service that sleeps until it is killed.
pub(crate) fn sleeper() -> Value {
    json!({ "image": IMAGE, "command": ["sleep", "600"], "stop_signal": "SIGKILL" })
}

#[tokio::test]
async fn a_project_comes_up_stops_starts_and_goes() {
    bench(|bench| async move {
        let mut service = sleeper();
        service["volumes"] = json!(["data:/data"]);
        // a folder's name is handed over as it is
        let folder = bench.dir.path().join("it's $HOME & \"co\"");
        let compose = bench.project(&folder, &json!({ "web": service }));
        let mut lines = Vec::new();
        compose.up(LIMIT, &go(), |line| lines.push(line.to_owned())).await.unwrap();
        assert!(lines.iter().any(|line| line.contains("Started")), "{lines:?}");
        let state = || bench.docker.containers().unwrap().iter().map(|one| one.state).collect::<Vec<_>>();
        let id = bench.docker.owned_containers(Scope::Box).await.unwrap()[0].get().clone();
        let web = bench.until(&id, |one| one.state == State::Running).await;
        assert_eq!((web.service.as_deref(), web.project.as_deref()), (Some("web"), Some(&*bench.config.box_id)));

        compose.stop(Duration::from_secs(1), LIMIT, &go(), |_| {}).await.unwrap();
        bench.until(&id, |one| one.state == State::Exited).await;
        compose.start(LIMIT, &go(), |_| {}).await.unwrap();
        bench.until(&id, |one| one.state == State::Running).await;

        compose.down(Duration::ZERO, Volumes::Keep, LIMIT, &go(), |_| {}).await.unwrap();
        let left = bench.docker.owned(Scope::Box).await.unwrap();
        assert_eq!((left.containers.len(), left.networks.len(), left.volumes.len()), (0, 0, 1));
        compose.down(Duration::ZERO, Volumes::Remove, LIMIT, &go(), |_| {}).await.unwrap();
        assert!(bench.docker.owned(Scope::Box).await.unwrap().is_empty());
        // what is gone can go again
        compose.down(Duration::ZERO, Volumes::Remove, LIMIT, &go(), |_| {}).await.unwrap();
        assert!(state().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_service_that_the_files_lost_goes_and_a_changed_one_is_made_anew() {
    bench(|bench| async move {
        let folder = bench.dir.path().join("app");
        let both = bench.project(&folder, &json!({ "web": sleeper(), "worker": sleeper() }));
        both.up(LIMIT, &go(), |_| {}).await.unwrap();
        assert_eq!(bench.docker.owned_containers(Scope::Box).await.unwrap().len(), 2);
        let mut changed = sleeper();
        changed["command"] = json!(["sleep", "601"]);
        let one = bench.project(&folder, &json!({ "web": changed }));
        one.up(LIMIT, &go(), |_| {}).await.unwrap();
        assert_eq!(bench.docker.owned_containers(Scope::Box).await.unwrap().len(), 1);
        // and nothing happens when nothing changed
        let before = bench.docker.owned_containers(Scope::Box).await.unwrap();
        one.up(LIMIT, &go(), |_| {}).await.unwrap();
        assert_eq!(bench.docker.owned_containers(Scope::Box).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn the_files_are_read_with_the_variables_given_and_no_others() {
    bench(|bench| async move {
        let mut service = sleeper();
        service["environment"] = json!({ "A": "${GREETING}", "B": "${CARGO_MANIFEST_DIR:-}", "C": "$$5" });
        let compose = bench.project(bench.dir.path(), &json!({ "web": service }));
        let read = compose.config(&go()).await.unwrap();
        let web = &read["services"]["web"];
        assert_eq!(web["environment"]["A"], "hello");
        assert_eq!(web["environment"]["B"], "");
        assert_eq!(web["labels"][LABEL_APP], "notes");
        assert_eq!(read["name"], *bench.config.box_id);
    })
    .await;
}

#[tokio::test]
async fn the_plugins_version_is_known() {
    bench(|bench| async move {
        let version = bench.docker.compose_version(&go()).await.unwrap();
        assert!(version.starts_with("2.") || version.starts_with("5."), "{version}");
    })
    .await;
}
