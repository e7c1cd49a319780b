//! Where everything is on the image; tests bring folders of their own.

use std::path::PathBuf;

use orbitr_host::disks::Blocks;

/// The paths that acts read and write.
#[derive(Clone, Debug)]
pub struct Places {
    /// The ESP that the firmware started us from.
    pub esp: PathBuf,
    /// What root leaves for everybody.
    pub box_run: PathBuf,
    /// What the supervisor asks.
    pub requests: PathBuf,
    /// The user that asks.
    pub asker: u32,
    /// What the menu on the box's own screen asks: a factory reset, with the supervisor or without it, and to have a support
    /// bundle saved. Nothing else.
    pub console_requests: PathBuf,
    /// The user of that menu.
    pub console: u32,
    /// The group that may read what root gathers for the supervisor.
    pub readers: u32,
    /// Folders of root's own, for file systems that are mounted for a moment.
    pub work: PathBuf,
    /// The definitions of a box's disk, for systemd-repart.
    pub definitions: PathBuf,
    /// EFI variables.
    pub efivars: PathBuf,
    /// The machine's id.
    pub machine_id: PathBuf,
    /// Where udev listens; nobody waits for it where it does not.
    pub udev: PathBuf,
    /// What the kernel was started with.
    pub cmdline: PathBuf,
    /// Settings of networkd and timesyncd that last until shutdown.
    pub systemd_run: PathBuf,
    /// Time zones.
    pub zones: PathBuf,
    /// What timesyncd keeps its last time with.
    pub saved_time: PathBuf,
    /// A file that is as old as the image.
    pub os_release: PathBuf,
    /// The supervisor's state.
    pub state: PathBuf,
    /// Root's own part of the data partition.
    pub system: PathBuf,
    /// What the firmware says of the machine.
    pub dmi: PathBuf,
    /// What the image brings for updates: keys, templates.
    pub updates: PathBuf,
    /// The program that writes a version into a slot.
    pub sysupdate: PathBuf,
    /// The program that keeps a version or gives it up.
    pub bless: PathBuf,
    /// Where the supervisor answers those who are on the box.
    pub control: PathBuf,
    /// Where Docker answers.
    pub docker: PathBuf,
    /// Docker's store.
    pub docker_store: PathBuf,
    /// containerd's store.
    pub containerd_store: PathBuf,
    /// The program that starts and stops units; nobody asks it where there are none.
    pub systemctl: PathBuf,
    /// Where the units of the system have their control groups.
    pub cgroups: PathBuf,
    /// The network cards, one folder each.
    pub net: PathBuf,
    /// Where the supervisor keeps its certificates while there is no data partition.
    pub waiting_tls: PathBuf,
    /// The disks.
    pub blocks: Blocks,
    /// The file system of an ESP: `vfat`, but where a kernel for tests has none.
    pub esp_kind: String,
    /// The smallest disk that a system is installed onto, in bytes.
    pub smallest_disk: u64,
    /// What the open partition is called, when it is encrypted.
    pub mapper: String,
}

/// The users of the image have fixed numbers: they are on the data partition, which outlives the image.
const ORBITR: u32 = 701;
const CONSOLE: u32 = 702;

/// The whole layout and a small data partition.
const SMALLEST_DISK: u64 = 8 * 1024 * 1024 * 1024;

impl Places {
    /// Those of the image.
    #[must_use]
    pub fn image() -> Self {
        Self {
            esp: "/boot".into(),
            box_run: "/run/orbitr-box".into(),
            requests: "/run/orbitr/requests".into(),
            asker: ORBITR,
            console_requests: "/run/orbitr-console".into(),
            console: CONSOLE,
            readers: ORBITR,
            work: "/run/orbitr-work".into(),
            definitions: "/usr/lib/orbitr/repart.d".into(),
            efivars: "/sys/firmware/efi/efivars".into(),
            machine_id: "/etc/machine-id".into(),
            udev: "/run/udev/control".into(),
            cmdline: "/proc/cmdline".into(),
            systemd_run: "/run/systemd".into(),
            zones: "/usr/share/zoneinfo".into(),
            saved_time: "/var/lib/systemd/timesync/clock".into(),
            os_release: "/usr/lib/os-release".into(),
            state: "/var/lib/orbitr".into(),
            system: "/var/lib/orbitr-system".into(),
            dmi: "/sys/class/dmi/id".into(),
            updates: "/usr/lib/orbitr/updates".into(),
            sysupdate: "/usr/lib/systemd/systemd-sysupdate".into(),
            bless: "/usr/lib/systemd/systemd-bless-boot".into(),
            control: "/run/orbitr/control.sock".into(),
            docker: "/run/docker.sock".into(),
            docker_store: "/var/lib/docker".into(),
            containerd_store: "/var/lib/containerd".into(),
            systemctl: "systemctl".into(),
            cgroups: "/sys/fs/cgroup/system.slice".into(),
            net: "/sys/class/net".into(),
            waiting_tls: "/run/orbitr/tls".into(),
            blocks: Blocks::machine(),
            esp_kind: "vfat".to_owned(),
            smallest_disk: SMALLEST_DISK,
            mapper: "orbitr-data".to_owned(),
        }
    }

    /// Whether systemd runs here, so that there are units.
    pub(crate) fn has_systemd(&self) -> bool {
        self.systemd_run.join("system").is_dir()
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.esp.join("orbitr/data")
    }

    pub(crate) fn making(&self) -> PathBuf {
        self.esp.join("orbitr/making")
    }

    pub(crate) fn reset(&self) -> PathBuf {
        self.esp.join("orbitr/reset")
    }

    pub(crate) fn facts(&self) -> PathBuf {
        self.box_run.join("data.json")
    }

    pub(crate) fn updates_facts(&self) -> PathBuf {
        self.box_run.join("updates.json")
    }

    pub(crate) fn store_facts(&self) -> PathBuf {
        self.box_run.join("docker-store.json")
    }

    pub(crate) fn gate_facts(&self) -> PathBuf {
        self.box_run.join("gate.json")
    }

    pub(crate) fn link(&self) -> PathBuf {
        self.box_run.join("data-device")
    }

    /// Where the top of a data partition is mounted for a moment.
    pub(crate) fn top(&self) -> PathBuf {
        self.work.join("top")
    }

    /// Where a stick is mounted for a moment.
    pub(crate) fn stick(&self) -> PathBuf {
        self.work.join("stick")
    }
}
