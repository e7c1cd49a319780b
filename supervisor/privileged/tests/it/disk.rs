//! A machine for the acts: disks on loop devices, an ESP, EFI variables and everything else in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use orbitr_host::{disks::Blocks, exec::Command};
use orbitr_model::{Act, ActReport, DataFacts};
use orbitr_privileged::{Error, Places, Run};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const GIB: u64 = 1 << 30;
/// Small enough that a test is quick: the real ones are ten times as large.
const DEFINITIONS: [(&str, &str); 6] = [
    ("00-esp", "Type=esp\nLabel=orbitr-esp\nSizeMinBytes=64M\nSizeMaxBytes=64M"),
    ("10-root-a", "Type=root\nSizeMinBytes=64M\nSizeMaxBytes=64M"),
    ("20-verity-a", "Type=root-verity\nSizeMinBytes=8M\nSizeMaxBytes=8M"),
    ("30-root-b", "Type=root\nLabel=_empty\nSizeMinBytes=64M\nSizeMaxBytes=64M"),
    ("40-verity-b", "Type=root-verity\nLabel=_empty\nSizeMinBytes=8M\nSizeMaxBytes=8M"),
    ("50-data", "Type=4d1e513e-77f6-48fa-9e3d-a004057c625a\nLabel=orbitr-data\nSizeMinBytes=256M"),
];
const BOOT_PARTITION: &str = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const MACHINE_ID: &str = "0123456789abcdef0123456789abcdef";

/// Runs a program to its end, from wherever.
pub(crate) fn sh(program: &str, args: &[&str]) -> Result<String, String> {
    let command = Command::new(program).args(args);
    let run = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { command.run(&CancellationToken::new()).await?.success() })
    });
    run.join().unwrap().map(|output| output.stdout_text().into_owned()).map_err(|error| error.to_string())
}

fn must(program: &str, args: &[&str]) -> String {
    sh(program, args).unwrap_or_else(|error| panic!("{program} {args:?}: {error} (these tests need root)"))
}

/// A disk on a loop device.
pub(crate) struct TestDisk {
    pub(crate) file: PathBuf,
    pub(crate) device: String,
}

impl TestDisk {
    /// As an image that was written to a larger disk: ESP and slot A, and room that the table does not know of.
    fn with_image(folder: &Path, name: &str, definitions: &Path, bytes: u64) -> Self {
        let file = folder.join(name);
        fs::File::create(&file).unwrap().set_len(256 << 20).unwrap();
        let only_a = folder.join(format!("{name}.definitions"));
        fs::create_dir(&only_a).unwrap();
        for file in ["00-esp.conf", "10-root-a.conf", "20-verity-a.conf"] {
            fs::copy(definitions.join(file), only_a.join(file)).unwrap();
        }
        let (path, folder) = (file.to_str().unwrap(), format!("--definitions={}", only_a.display()));
        must("systemd-repart", &[&folder, "--seed=random", "--dry-run=no", "--empty=require", path]);
        fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(bytes).unwrap();
        Self::attach(file)
    }

    pub(crate) fn attach(file: PathBuf) -> Self {
        let device = must("losetup", &["--find", "--show", file.to_str().unwrap()]).trim().to_owned();
        let _ = sh("partx", &["--update", &device]);
        Self { file, device }
    }

    pub(crate) fn name(&self) -> &str {
        self.device.strip_prefix("/dev/").unwrap()
    }

    pub(crate) fn part(&self, number: u32) -> String {
        format!("{}p{number}", self.device)
    }

    pub(crate) fn grow(&self, bytes: u64) {
        fs::OpenOptions::new().write(true).open(&self.file).unwrap().set_len(bytes).unwrap();
        must("losetup", &["--set-capacity", &self.device]);
    }

    pub(crate) fn table(&self) -> Value {
        serde_json::from_str(&must("sfdisk", &["--json", &self.device])).unwrap()
    }

    /// The partitions of our type.
    pub(crate) fn data_partitions(&self) -> Vec<(u32, String)> {
        let table = self.table();
        let all = table["partitiontable"]["partitions"].as_array().unwrap().clone();
        all.iter()
            .filter(|part| part["type"].as_str().unwrap().eq_ignore_ascii_case("4d1e513e-77f6-48fa-9e3d-a004057c625a"))
            .map(|part| {
                let number = part["node"].as_str().unwrap().rsplit('p').next().unwrap().parse().unwrap();
                (number, part["uuid"].as_str().unwrap().to_lowercase())
            })
            .collect()
    }
}

impl Drop for TestDisk {
    fn drop(&mut self) {
        let _ = sh("partx", &["--delete", &self.device]);
        let _ = sh("losetup", &["--detach", &self.device]);
    }
}

/// The machine.
pub(crate) struct Machine {
    pub(crate) places: Places,
    pub(crate) disks: Vec<TestDisk>,
    pub(crate) dir: TempDir,
}

impl Machine {
    /// With one disk, which it runs from, as it is at the first start.
    pub(crate) fn new(bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let definitions = at("definitions");
        for (name, text) in DEFINITIONS {
            fs::write(definitions.join(format!("{name}.conf")), format!("[Partition]\n{text}\n")).unwrap();
        }
        fs::write(dir.path().join("machine-id"), format!("{MACHINE_ID}\n")).unwrap();
        let places = Places {
            esp: at("esp"),
            box_run: at("box"),
            requests: at("requests"),
            asker: 0,
            console_requests: at("console"),
            console: 0,
            readers: 0,
            work: at("work"),
            definitions: definitions.clone(),
            efivars: at("efivars"),
            machine_id: dir.path().join("machine-id"),
            udev: dir.path().join("no-udev"),
            cmdline: dir.path().join("cmdline"),
            systemd_run: at("systemd"),
            zones: "/usr/share/zoneinfo".into(),
            saved_time: dir.path().join("clock"),
            os_release: dir.path().join("os-release"),
            state: at("state"),
            system: at("system"),
            updates: at("updates"),
            sysupdate: dir.path().join("systemd-sysupdate"),
            bless: dir.path().join("systemd-bless-boot"),
            control: dir.path().join("control.sock"),
            docker: dir.path().join("docker.sock"),
            docker_store: at("docker"),
            containerd_store: at("containerd"),
            systemctl: dir.path().join("systemctl"),
            cgroups: at("cgroups"),
            net: at("net"),
            waiting_tls: at("tls"),
            dmi: at("dmi"),
            blocks: Blocks::only(at("block")),
            esp_kind: "ext4".to_owned(),
            smallest_disk: GIB,
            mapper: format!("orbitr-test-{}", std::process::id()),
        };
        let mut machine = Self { places, disks: Vec::new(), dir };
        let disk = TestDisk::with_image(machine.dir.path(), "disk0", &definitions, bytes);
        machine.plug(disk);
        machine.boot_from(0);
        machine
    }

    pub(crate) fn plug(&mut self, disk: TestDisk) {
        let link = self.dir.path().join("block").join(disk.name());
        std::os::unix::fs::symlink(Path::new("/sys/block").join(disk.name()), link).unwrap();
        self.disks.push(disk);
    }

    pub(crate) fn unplug(&mut self, index: usize) -> PathBuf {
        let disk = self.disks.remove(index);
        fs::remove_file(self.dir.path().join("block").join(disk.name())).unwrap();
        disk.file.clone()
    }

    /// What the firmware and systemd-boot say.
    fn boot_from(&self, index: usize) {
        let table = self.disks[index].table();
        let esp = table["partitiontable"]["partitions"][0]["uuid"].as_str().unwrap();
        let mut bytes = vec![6, 0, 0, 0];
        bytes.extend(esp.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        fs::write(self.places.efivars.join(BOOT_PARTITION), bytes).unwrap();
    }

    pub(crate) fn ask(&self, act: Act, request: &Value) {
        fs::write(self.places.requests.join(format!("{act}.json")), request.to_string()).unwrap();
    }

    /// One act, to its end.
    pub(crate) async fn act(&self, act: Act) -> Result<(), Error> {
        self.act_cut(act, usize::MAX).await
    }

    /// One act that is cut off when it begins so many steps.
    pub(crate) async fn act_cut(&self, act: Act, cut: usize) -> Result<(), Error> {
        let (cancel, steps) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let stop = cancel.clone();
        let run = Run::new(act, self.places.clone(), cancel, move |_| {
            if steps.fetch_add(1, Ordering::SeqCst) + 1 >= cut {
                stop.cancel();
            }
        });
        orbitr_privileged::act(act, &run).await
    }

    /// Asks for a data partition and has it made.
    pub(crate) async fn make(&self, cut: usize) -> Result<(), Error> {
        self.ask(Act::MakeData, &serde_json::json!({"version": 1, "id": "m", "disk": null, "encrypt": null}));
        self.act_cut(Act::MakeData, cut).await
    }

    /// The power goes and comes back: what was only in memory is gone.
    pub(crate) fn reboot(&self) {
        let _ = sh("umount", &[self.places.work.join("top").to_str().unwrap()]);
        for file in ["data-device", "data.json"] {
            let _ = fs::remove_file(self.places.box_run.join(file));
        }
    }

    pub(crate) fn facts(&self) -> DataFacts {
        serde_json::from_slice(&fs::read(self.places.box_run.join("data.json")).unwrap()).unwrap()
    }

    pub(crate) fn report(&self, act: Act) -> ActReport {
        let path = self.places.box_run.join(format!("results/{act}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    pub(crate) fn recorded(&self) -> Option<String> {
        fs::read_to_string(self.places.esp.join("orbitr/data")).ok().map(|line| line.trim().to_owned())
    }

    /// Does something at the top of a data partition.
    pub(crate) fn inside<T>(&self, device: &str, act: impl FnOnce(&Path) -> T) -> T {
        let top = self.dir.path().join("inside");
        fs::create_dir_all(&top).unwrap();
        must("mount", &["-t", "btrfs", "-o", "subvolid=5", device, top.to_str().unwrap()]);
        let done = act(&top);
        must("umount", &[top.to_str().unwrap()]);
        done
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.reboot();
        let _ = sh("umount", &[self.dir.path().join("inside").to_str().unwrap()]);
    }
}
