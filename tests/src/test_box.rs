//! A supervisor of its own: its folder, its process, what it said, and what it may leave behind.

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{Client, Engine, free_port, owned};

/// A debug build on a busy machine; the bound for a release build is in the benchmark.
const READY_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(60);
/// The last line of what a box prints when it is ready.
const READY: &str = "if its SHA-256 fingerprint is the one above";

/// How a supervisor ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        status.signal().map_or_else(|| Self::Code(status.code().unwrap_or(-1)), Self::Signal)
    }
}

/// A box: made, started and killed as often as a test likes, and gone with all it made when it is dropped.
#[derive(Debug)]
pub struct TestBox {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
    docker: PathBuf,
    environment: BTreeMap<String, String>,
    flags: Vec<String>,
    /// Where in the log the present run began.
    run_from: usize,
    local: Client,
    anonymous: OnceLock<Client>,
    id: OnceLock<String>,
    apps: Vec<String>,
}

impl TestBox {
    /// A fresh box that does not run yet.
    #[must_use]
    pub fn new() -> Self {
        // Short, because the path of a socket may not be long.
        let dir = tempfile::Builder::new().prefix("orbitr-e2e-").tempdir_in("/var/tmp").unwrap();
        let local = Client::local(&dir.path().join("s/control.sock"));
        Self {
            dir,
            port: free_port(),
            child: None,
            docker: Engine::socket(),
            environment: BTreeMap::new(),
            flags: Vec::new(),
            run_from: 0,
            local,
            anonymous: OnceLock::new(),
            id: OnceLock::new(),
            apps: Vec::new(),
        }
    }

    /// A fresh box that runs.
    pub async fn started() -> Self {
        let mut new = Self::new();
        new.start().await;
        new
    }

    /// Its state directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// An environment variable of every start from now on; none takes it away.
    pub fn variable(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.environment.insert(name.to_owned(), value.to_owned()),
            None => self.environment.remove(name),
        };
    }

    /// One more flag of every start from now on, with its value.
    pub fn flag(&mut self, name: &str, value: &str) {
        self.flags.extend([name.to_owned(), value.to_owned()]);
    }

    /// From the next start on, it aborts once at this point: `KIND/STEP/before`, `after`, `undo-before` or `undo-after`.
    pub fn abort_at(&mut self, point: &str) {
        // Beside the state, which may be lost with the power.
        let marker = self.dir.path().join(format!("aborted-at-{}", point.replace('/', "-")));
        let _ = fs::remove_file(&marker);
        self.variable("ORBITR_ABORT_AT", Some(point));
        self.variable("ORBITR_ABORT_ONCE", marker.to_str());
    }

    /// An id for an app that no other test uses: on one engine, two apps of two boxes may not have the same.
    pub fn app(&mut self, word: &str) -> String {
        let name = format!("{word}-{}", self.port);
        self.apps.push(name.clone());
        name
    }

    /// Puts an extension into the box's own store, as `local/<id>`; only before a start.
    pub fn extension(&self, id: &str, text: &str) {
        let folder = self.dir.path().join("extensions").join(id);
        fs::create_dir_all(&folder).unwrap();
        // A port of this box's own, so that boxes that run beside each other do not reach for the same.
        let text = text.replace("PREFERRED", &(self.port - 12_000).to_string());
        fs::write(folder.join("extension.yaml"), text).unwrap();
        let icon = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><path d=\"M0 0h8v8H0z\"/></svg>";
        fs::write(folder.join("icon.svg"), icon).unwrap();
    }

    /// Puts a text beside an extension's manifest.
    pub fn extension_text(&self, id: &str, path: &str, text: &str) {
        let path = self.dir.path().join("extensions").join(id).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead, or takes longer than a minute.
    pub async fn start(&mut self) {
        if let Err(ended) = self.try_start().await {
            panic!("the box ended at its start with {ended:?}:\n{}", self.log());
        }
    }

    /// Starts it and waits until it is ready, or until it has ended.
    ///
    /// # Errors
    /// How it ended.
    ///
    /// # Panics
    /// When it runs, or takes longer than a minute.
    pub async fn try_start(&mut self) -> Result<(), Ended> {
        assert!(self.child.is_none(), "it runs");
        self.run_from = self.whole_log().len();
        let log = fs::File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = Command::new(program());
        command.arg("supervise").arg("--state-dir").arg(self.state());
        command.arg("--https").arg(format!("127.0.0.1:{}", self.port)).arg("--no-http");
        command.arg("--docker-socket").arg(&self.docker);
        let extensions = self.dir.path().join("extensions");
        if extensions.is_dir() {
            command.arg("--extensions").arg(extensions);
        }
        if let Some(compose) = Engine::compose() {
            command.arg("--compose-bin").arg(compose);
        }
        command
            .args(&self.flags)
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.child = Some(command.spawn().unwrap());
        let begun = Instant::now();
        loop {
            if self.log().contains(READY) {
                return Ok(());
            }
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return Err(status.into());
            }
            assert!(begun.elapsed() < READY_LIMIT, "the box is not ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(&mut self) -> Ended {
        let begun = Instant::now();
        let mut child = self.child.take().expect("it runs");
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.into();
            }
            if begun.elapsed() > END_LIMIT {
                let _ = child.kill();
                panic!("the box does not end:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether its process is there.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// `kill -9`. Children of the supervisor go on for as long as they like.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub async fn stop(&mut self) -> Ended {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.ended().await
    }

    /// What it printed since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.whole_log().get(self.run_from..).unwrap_or_default().to_owned()
    }

    /// Everything it printed.
    #[must_use]
    pub fn whole_log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// The code that claims it, as its last start printed it.
    #[must_use]
    pub fn setup_code(&self) -> Option<String> {
        self.printed("Setup code")
    }

    /// What its last start printed behind a label.
    #[must_use]
    pub fn printed(&self, label: &str) -> Option<String> {
        let log = self.log();
        log.lines().find_map(|line| Some(line.trim().strip_prefix(label)?.trim().to_owned()))
    }

    /// Somebody on the network without any right.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        self.anonymous.get_or_init(|| self.connect()).clone()
    }

    /// The same visitor over a connection of its own: the server ends one on which it has refused a thousand requests
    /// before their end.
    #[must_use]
    pub fn apart(&self, visitor: &Client) -> Client {
        self.connect().with(visitor.who.clone())
    }

    fn connect(&self) -> Client {
        Client::https(self.port, &fs::read(self.state().join("tls/ca.pem")).unwrap())
    }

    /// The user of this process, at the control socket.
    #[must_use]
    pub fn local(&self) -> Client {
        self.local.clone()
    }

    /// The box's id, which its things in Docker carry. Only once it is claimed.
    pub async fn id(&self) -> String {
        if let Some(id) = self.id.get() {
            return id.clone();
        }
        let id = self.local().get("/api/v1/box/settings").await.expect(200)["id"].as_str().unwrap().to_owned();
        self.id.get_or_init(|| id).clone()
    }

    /// Every container, network and volume of this box.
    pub async fn things(&self) -> Vec<String> {
        let apps: Vec<&str> = self.apps.iter().map(String::as_str).collect();
        owned(&self.id().await, &apps).await
    }

    /// What is in the folder of apps, relative to it, two levels deep.
    #[must_use]
    pub fn app_files(&self) -> Vec<String> {
        let root = self.state().join("apps");
        let mut found = Vec::new();
        for folder in names(&root) {
            found.extend(names(&root.join(&folder)).into_iter().map(|name| format!("{folder}/{name}")));
            found.push(folder);
        }
        found.sort_unstable();
        found
    }

    /// Nothing is left of any app: no container, network, volume, file or row.
    ///
    /// # Panics
    /// When something is.
    pub async fn assert_empty(&self, when: &str) {
        assert_eq!(self.things().await, Vec::<String>::new(), "left in Docker {when}");
        assert_eq!(self.app_files(), Vec::<String>::new(), "left on the disk {when}");
        let apps = self.local().get("/api/v1/apps").await.expect(200);
        assert_eq!(apps, serde_json::json!([]), "left in the database {when}");
    }

    /// The database's file, for looking into it and breaking it. Only while it does not run.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        let db = self.state().join("db");
        let generation = |name: &String| {
            name.strip_prefix("orbitr-v")?.strip_suffix(".sqlite")?.split_once('.')?.1.parse::<u64>().ok()
        };
        let newest =
            names(&db).into_iter().filter(|name| generation(name).is_some()).max_by_key(|name| generation(name));
        db.join(newest.expect("a database"))
    }

    /// Works on the database by hand. Only while the box does not run.
    pub fn sql(&self, work: impl FnOnce(&rusqlite::Connection)) {
        let db = rusqlite::Connection::open(self.database()).unwrap();
        work(&db);
        db.close().unwrap();
    }

    /// Writes a whole file of the database, and takes away what SQLite kept beside the one before.
    pub fn put_back(&self, bytes: &[u8]) {
        let path = self.database();
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", path.display()));
        }
        fs::write(path, bytes).unwrap();
    }
}

impl Default for TestBox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TestBox {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- what the box said ---\n{}", tail(&self.whole_log(), 120));
            for log in names(&self.state().join("logs/jobs")).iter().rev().take(3) {
                let text = fs::read_to_string(self.state().join("logs/jobs").join(log)).unwrap_or_default();
                eprintln!("--- {log} ---\n{}", tail(&text, 40));
            }
        }
        let labels = self.id.get().map(|id| format!("io.orbitr.box={id}")).into_iter();
        let projects = self.apps.iter().map(|app| format!("com.docker.compose.project=orbitr-{app}"));
        for label in labels.chain(projects) {
            let filter = format!("label={label}");
            for (list, remove) in [
                (&["ps", "-aq", "--filter"][..], &["rm", "-f"][..]),
                (&["network", "ls", "-q", "--filter"], &["network", "rm"]),
                (&["volume", "ls", "-q", "--filter"], &["volume", "rm", "-f"]),
            ] {
                let found = docker(&[list, &[&filter]].concat());
                let found: Vec<&str> = found.split_whitespace().collect();
                if !found.is_empty() {
                    docker(&[remove, &found[..]].concat());
                }
            }
        }
    }
}

/// A `docker` command whose failure says nothing: the end of a test that may have failed already.
fn docker(arguments: &[&str]) -> String {
    let socket = format!("unix://{}", Engine::socket().display());
    let output = Command::new("docker").arg("--host").arg(socket).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The program under test: what `ORBITR_TEST_BIN` names, else the one built beside this test.
pub(crate) fn program() -> PathBuf {
    if let Some(path) = env::var_os("ORBITR_TEST_BIN") {
        return path.into();
    }
    let own = env::current_exe().unwrap();
    let beside = own.parent().and_then(Path::parent).unwrap().join("orbitr");
    assert!(beside.exists(), "build the program first: cargo build -p orbitr");
    beside
}
