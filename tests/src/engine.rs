//! The testbed's Docker engine and registry, asked and controlled without the product.

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

/// The use of the one engine. Tests share it; one that stops the engine or the registry has it alone.
#[derive(Debug)]
pub struct Engine(#[allow(dead_code, reason = "held, not used")] File);

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this through scripts/test"))
}

impl Engine {
    /// Where the engine listens.
    #[must_use]
    pub fn socket() -> PathBuf {
        variable("ORBITR_TEST_DOCKER").into()
    }

    /// The Compose plugin, where it is no part of the `docker` program.
    #[must_use]
    pub fn compose() -> Option<PathBuf> {
        env::var_os("ORBITR_TEST_COMPOSE").filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    fn lock() -> File {
        let folder = Self::socket().parent().map(Path::to_owned).unwrap_or_default();
        File::options().create(true).append(true).open(folder.join("end-to-end.lock")).unwrap()
    }

    /// Beside other tests.
    #[must_use]
    pub fn shared() -> Self {
        let file = Self::lock();
        file.lock_shared().unwrap();
        Self(file)
    }

    /// Alone.
    #[must_use]
    pub fn alone() -> Self {
        let file = Self::lock();
        file.lock().unwrap();
        Self(file)
    }

    /// `stop`, `start`, `kill`, `restart`, `forget` or `renew`. The engine must be up again when a test ends.
    pub fn control(&self, order: &str) {
        run(&variable("ORBITR_TEST_ENGINE"), &[order]);
    }

    /// Has it start, and says whether it came up.
    #[must_use]
    pub fn comes_up(&self) -> bool {
        Command::new(self.controller()).arg("start").output().unwrap().status.success()
    }

    /// The program that controls it.
    pub(crate) fn controller(&self) -> String {
        variable("ORBITR_TEST_ENGINE")
    }

    /// Its store, with images and containers.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        let run = Self::socket().parent().map(Path::to_owned).unwrap_or_default();
        run.with_file_name("docker")
    }

    /// Whether a `docker` command succeeds.
    pub fn succeeds(arguments: &[&str]) -> bool {
        let socket = format!("unix://{}", Self::socket().display());
        Command::new("docker").arg("--host").arg(socket).args(arguments).output().unwrap().status.success()
    }

    /// A `docker` command that must succeed.
    pub fn docker(arguments: &[&str]) -> String {
        let socket = format!("unix://{}", Self::socket().display());
        run("docker", &[&["--host", &socket], arguments].concat())
    }
}

/// The registry that stands in for docker.io, stopped until this is dropped.
#[derive(Debug)]
pub struct Registry(());

impl Registry {
    /// Stops it.
    #[must_use]
    pub fn stopped(_: &Engine) -> Self {
        run(&variable("ORBITR_TEST_REGISTRY_CONTROL"), &["stop"]);
        Self(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        run(&variable("ORBITR_TEST_REGISTRY_CONTROL"), &["start"]);
    }
}

/// Runs a program, two minutes long at most: one that hangs is a failure that names it.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new("timeout").args(["--kill-after=5", "120", program]).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {} {said}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What there is in Docker of a box or of these apps, in one word each: `container orbitr-nginx-web-1`. Looks for the
/// box's label, and for Compose's own, so that what lost our label is found too.
pub async fn owned(box_id: &str, apps: &[&str]) -> Vec<String> {
    let http = reqwest::Client::builder().unix_socket(Engine::socket()).build().unwrap();
    let mut labels = vec![format!("io.orbitr.box={box_id}")];
    labels.extend(apps.iter().map(|app| format!("com.docker.compose.project=orbitr-{app}")));
    let mut found = Vec::new();
    for label in labels {
        let filters = json!({ "label": [label] }).to_string();
        for (kind, path) in [("container", "containers/json"), ("network", "networks"), ("volume", "volumes")] {
            let request = http.get(format!("http://docker/{path}?all=1&filters={}", encoded(&filters)));
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            let list = if kind == "volume" { &answer["Volumes"] } else { &answer };
            for thing in list.as_array().into_iter().flatten() {
                let name = thing["Names"][0].as_str().or(thing["Name"].as_str()).unwrap_or("?");
                found.push(format!("{kind} {}", name.trim_start_matches('/')));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Percent-encoded, every byte that is no letter or digit.
#[must_use]
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
