//! A signed update set, a server of it that has tricks, and somebody who does what root would.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use orbitr_machine::{
    Supplies,
    data::{Acts, Places},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinHandle,
};

use super::*;

pub(super) const ID: &str = "0f410f90-ea92-4bcf-b701-b7503621b14f";
/// Of the root of a set: more than goes through a socket at once.
pub(super) const ROOT: usize = 3 << 20;
pub(super) const PATIENCE: Duration = Duration::from_millis(600);

async fn tool(program: &str, args: &[&str]) -> Vec<u8> {
    let ran = Command::new(program).args(args).run(&CancellationToken::new()).await.unwrap();
    ran.success().unwrap().stdout
}

/// Somebody who signs.
pub(super) struct Signer {
    home: TempDir,
}

impl Signer {
    pub(super) async fn new() -> Self {
        let home = tempfile::Builder::new().prefix("gpg").tempdir().unwrap();
        fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let signer = Self { home };
        signer.gpg(&["--quick-gen-key", "Orbitr test", "ed25519", "sign", "never"]).await;
        signer
    }

    async fn gpg(&self, args: &[&str]) -> Vec<u8> {
        let home = self.home.path().to_str().unwrap();
        let first = ["--homedir", home, "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""];
        let out = tool("gpg", &[&first, args].concat()).await;
        tool("gpgconf", &["--homedir", home, "--kill", "all"]).await;
        out
    }

    pub(super) async fn keyring(&self) -> Vec<u8> {
        self.gpg(&["--export"]).await
    }

    async fn sign(&self, path: &Path) -> Vec<u8> {
        self.gpg(&["--detach-sign", "--output", "-", path.to_str().unwrap()]).await
    }
}

/// Files of a set by name, in the order of an archive.
#[derive(Clone, Default)]
pub(super) struct Files(pub(super) Vec<(String, Vec<u8>)>);

impl Files {
    pub(super) fn get(&self, name: &str) -> Option<&Vec<u8>> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, bytes)| bytes)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(found, _)| found.contains(name)).unwrap().1
    }

    pub(super) fn tar(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, bytes) in &self.0 {
            orbitr_store::tar::entry(name, bytes.len() as u64, 0, &bytes[..], &mut out).unwrap();
        }
        orbitr_store::tar::end(&mut out).unwrap();
        out
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    data_encoding::HEXLOWER.encode(digest.as_ref())
}

/// Makes a set of these versions, with what the manifests shall say besides.
pub(super) async fn set(signer: &Signer, versions: &[&str], more: &Value) -> Files {
    let mut files = Files::default();
    for version in versions {
        let root: Vec<u8> = (0..ROOT).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let pieces = [
            ("verity", format!("orbitr_{version}.verity.{ID}.raw.xz"), b"verity".repeat(99)),
            ("root", format!("orbitr_{version}.root.{ID}.raw.xz"), root),
            ("uki", format!("orbitr_{version}.efi"), b"kernel".repeat(999)),
        ];
        let about = pieces.iter().map(|(role, name, bytes)| {
            json!({"name": name, "role": role, "bytes": bytes.len(), "sha256": sha256(bytes), "unpacked_bytes": bytes.len()})
        });
        let mut manifest = json!({"format": 1, "version": version, "published": "2026-11-20T10:00:00Z",
            "notes": format!("What is new in {version}"), "min_version": "0.1.0", "state_format": 14,
            "files": about.collect::<Vec<_>>()});
        for (pointer, value) in more.as_object().unwrap() {
            *manifest.pointer_mut(pointer).unwrap() = value.clone();
        }
        files.0.push((format!("orbitr_{version}.json"), manifest.to_string().into_bytes()));
        files.0.extend(pieces.into_iter().map(|(_, name, bytes)| (name, bytes)));
    }
    let lines: String = files.0.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    let list = signer.home.path().join("list");
    fs::write(&list, &lines).unwrap();
    files.0.insert(0, ("SHA256SUMS.gpg".to_owned(), signer.sign(&list).await));
    files.0.insert(0, ("SHA256SUMS".to_owned(), lines.into_bytes()));
    files
}

/// What the server does with the root's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    None,
    /// Hangs up after a million bytes, so many times.
    Cuts(u32),
    /// The same, and knows no ranges.
    CutsWithoutRanges(u32),
    /// Says nothing more after a million bytes, once.
    Stalls,
    /// Says that it is longer.
    SaysLonger,
    /// Gives more than was signed, without saying how much.
    GivesMore,
    /// Sends slowly.
    Slow,
}

pub(super) struct Server {
    pub(super) address: String,
    shared: Arc<Mutex<(Files, Trick, Vec<String>)>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn new(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/orbitr", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new((files, Trick::None, Vec::new())));
        let mine = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&mine);
                tokio::spawn(async move { answer(stream, &shared).await });
            }
        });
        Self { address, shared, task }
    }

    pub(super) fn serve(&self, files: Files) {
        self.shared.lock().unwrap().0 = files;
    }

    pub(super) fn trick(&self, trick: Trick) {
        self.shared.lock().unwrap().1 = trick;
    }

    /// What was asked for, with the ranges.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.lock().unwrap().2.clone()
    }
}

async fn answer(mut stream: TcpStream, shared: &Mutex<(Files, Trick, Vec<String>)>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?;
    let name = path.strip_prefix("/orbitr/stable/").unwrap_or_default().to_owned();
    let lower = head.to_lowercase();
    let range =
        lower.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (found, trick) = {
        let mut all = shared.lock().unwrap();
        all.2.push(range.map_or_else(|| name.clone(), |from| format!("{name} from {from}")));
        (all.0.get(&name).cloned(), if name.contains(".root.") { all.1 } else { Trick::None })
    };
    let Some(bytes) = found else {
        stream.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.ok()?;
        return None;
    };
    let from = range.filter(|_| !matches!(trick, Trick::CutsWithoutRanges(_))).unwrap_or(0);
    let part = &bytes[from.min(bytes.len())..];
    let status = match from {
        0 => "200 OK".to_owned(),
        from => format!("206 Part\r\nContent-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
    };
    let length = match trick {
        Trick::SaysLonger => format!("Content-Length: {}\r\n", part.len() + 7),
        Trick::GivesMore => String::new(),
        _ => format!("Content-Length: {}\r\n", part.len()),
    };
    stream.write_all(format!("HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n").as_bytes()).await.ok()?;
    let million = &part[..part.len().min(1_000_000)];
    let next = |trick| shared.lock().unwrap().1 = trick;
    match trick {
        Trick::Cuts(left @ 1..) => {
            next(Trick::Cuts(left - 1));
            stream.write_all(million).await.ok()?;
        }
        Trick::CutsWithoutRanges(left @ 1..) => {
            next(Trick::CutsWithoutRanges(left - 1));
            stream.write_all(million).await.ok()?;
        }
        Trick::Stalls => {
            next(Trick::None);
            stream.write_all(million).await.ok()?;
            tokio::time::sleep(PATIENCE * 20).await;
        }
        Trick::GivesMore => {
            stream.write_all(part).await.ok()?;
            stream.write_all(&[0; 7]).await.ok()?;
        }
        Trick::Slow => {
            for piece in part.chunks(10_000) {
                stream.write_all(piece).await.ok()?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        _ => stream.write_all(part).await.ok()?,
    }
    stream.shutdown().await.ok()
}

/// What root was asked, and the lengths of the files that it got for it.
type Got = Vec<(Value, BTreeMap<String, usize>)>;

/// A machine of the image with version 0.1.0, whose `/run` is a folder.
pub(super) struct World {
    pub(super) fake: FakeSystemd,
    pub(super) run: TempDir,
    image: TempDir,
    pub(super) signer: Signer,
    /// What root was asked to install, and what it got over the loopback.
    pub(super) got: Arc<Mutex<Got>>,
    root: Option<JoinHandle<()>>,
    /// Who is asked how the apps are.
    pub(super) apps: Option<Arc<dyn orbitr_machine::AppsHealth>>,
}

fn run_of(world: &World, name: &str) -> PathBuf {
    world.run.path().join(name)
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(root) = &self.root {
            root.abort();
        }
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let (run, image, signer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Signer::new().await);
        fs::create_dir_all(run.path().join("orbitr-box/results")).unwrap();
        fs::write(image.path().join("keyring.gpg"), signer.keyring().await).unwrap();
        let fake = FakeSystemd::start().await;
        let mut world = Self { fake, run, image, signer, got: Arc::default(), root: None, apps: None };
        world.facts(&json!({}));
        let (run, got) = (world.run.path().to_owned(), Arc::clone(&world.got));
        world.root = Some(tokio::spawn(async move { stand_in(&run, &got).await }));
        world
    }

    /// What root tells of versions, with changes.
    pub(super) fn facts(&self, more: &Value) {
        let mut facts = json!({"version": 1, "running": "0.1.0", "default": null, "returned": [], "gate": null,
            "installed": [{"version": "0.1.0", "slot": "a", "tries_left": null, "tries_done": null, "blessed": true, "running": true}]});
        facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fs::write(self.run.path().join("orbitr-box/updates.json"), facts.to_string()).unwrap();
    }

    pub(super) fn keyring(&self) -> PathBuf {
        self.image.path().join("keyring.gpg")
    }

    /// So many seconds apps have after an update.
    pub(super) fn grace(&self, seconds: u64) {
        fs::write(self.image.path().join("apps-grace"), format!("{seconds}\n")).unwrap();
    }

    /// A stick with this file on it.
    pub(super) fn plug_in(&self, bytes: &[u8]) {
        fs::write(self.run.path().join("stick"), bytes).unwrap();
    }

    /// Root cannot do what it is asked.
    pub(super) fn root_fails(&self) {
        fs::write(run_of(self, "root-fails"), "").unwrap();
    }

    pub(super) fn built_in(&self, address: &str) {
        fs::write(self.image.path().join("source"), format!("{address}\n")).unwrap();
    }

    pub(super) async fn room(&self) -> Room {
        let run = self.run.path().to_owned();
        let acts = Acts::with_bus(Places { state: run.join("state"), run, stands_in: true }, self.fake.bus());
        let supplies = Supplies { power: run_of(self, "power"), memory: run_of(self, "meminfo") };
        let updating = Updating { image: self.image.path().to_owned(), patience: PATIENCE, supplies };
        Room::new(Outside { acts: Some(acts), updating, apps: self.apps.clone(), ..with(&self.fake) }).await
    }

    pub(super) fn was_asked(&self) -> usize {
        self.got.lock().unwrap().len()
    }
}

fn problem(state: &str) -> Value {
    match state {
        "failed" => json!({"code": "program-failed", "title": "bootctl did not do it", "detail": "", "fix": ""}),
        _ => Value::Null,
    }
}

/// The id of a request for what is on the stick.
fn wants_stick(run: &Path) -> Option<Value> {
    let path = run.join("orbitr/requests/read-update.json");
    let text = fs::read(&path).ok()?;
    let _ = fs::remove_file(&path);
    Some(serde_json::from_slice::<Value>(&text).unwrap()["id"].clone())
}

/// Gives what is on the stick to whoever listens, until they do not want more; whether there is one.
async fn hand_over_stick(run: &Path) -> bool {
    let Ok(bytes) = fs::read(run.join("stick")) else { return false };
    let mut to = UnixStream::connect(run.join("orbitr/requests/read-update.sock")).await.unwrap();
    for piece in bytes.chunks(100_000) {
        if to.write_all(piece).await.is_err() {
            return false;
        }
    }
    true
}

/// Does what root's acts would: gets every file that the list names.
async fn stand_in(run: &Path, got: &Mutex<Got>) {
    let report = |act: &str, id: &Value, state: &str, fraction: f64| {
        let value = json!({"version": 1, "act": act, "id": id, "state": state, "step": "Writing the slot",
            "fraction": fraction, "problem": problem(state), "value": null});
        fs::write(run.join(format!("orbitr-box/results/{act}.json")), value.to_string()).unwrap();
    };
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Some(id) = wants_stick(run) {
            let there = hand_over_stick(run).await;
            report("read-update", &id, if there { "done" } else { "failed" }, 1.0);
        }
        for act in ["install-update", "choose-version"] {
            let path = run.join(format!("orbitr/requests/{act}.json"));
            let Ok(text) = fs::read(&path) else { continue };
            let _ = fs::remove_file(&path);
            let asked: Value = serde_json::from_slice(&text).unwrap();
            let mut files = BTreeMap::new();
            if let Some(port) = asked["port"].as_u64() {
                report(act, &asked["id"], "running", 0.5);
                let get = |name: String| async move {
                    let answer = reqwest::get(format!("http://127.0.0.1:{port}/{name}")).await.unwrap();
                    (answer.status().as_u16(), answer.bytes().await.unwrap())
                };
                let (_, list) = get("SHA256SUMS".to_owned()).await;
                for line in String::from_utf8(list.to_vec()).unwrap().lines() {
                    let (hash, name) = line.split_once("  ").unwrap();
                    let (_, bytes) = get(name.to_owned()).await;
                    assert_eq!(sha256(&bytes), hash, "{name}");
                    files.insert(name.to_owned(), bytes.len());
                }
                for odd in ["", "ready", "../box.json", "%2e%2e/orbitr.db", "SHA256SUMS/x"] {
                    assert_eq!(get(odd.to_owned()).await.0, 404, "{odd}");
                }
            }
            got.lock().unwrap().push((asked.clone(), files));
            let fails = run.join("root-fails").exists();
            report(act, &asked["id"], if fails { "failed" } else { "done" }, 1.0);
        }
    }
}
