//! What the kernel has: whole disks and their partitions, from sysfs, with what udev knows of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The kernel counts sizes in sectors of 512 bytes, whatever the disk's own are.
const SECTOR: u64 = 512;
/// The longest name that is taken from a device: a stick may say what it likes.
const LONGEST: usize = 64;

/// Where disks are listed.
#[derive(Clone, Debug)]
pub struct Blocks {
    sys: PathBuf,
    dev: PathBuf,
    udev: PathBuf,
    loops: bool,
}

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDisk {
    /// The kernel's name, for example `vda`.
    pub name: String,
    /// Its node, for example `/dev/vda`.
    pub device: PathBuf,
    /// What its maker calls it.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// How it is attached: `usb`, `sata`, `nvme`, `virtio`, `scsi`, `sd`, `other`.
    pub transport: &'static str,
    /// Whether it is made to be pulled out.
    pub removable: bool,
    /// Whether nothing can be written to it.
    pub read_only: bool,
    /// What it holds as a whole, as udev saw it: a file system's kind, or `gpt`.
    pub holds: Option<String>,
    /// Its partitions, by number.
    pub partitions: Vec<BlockPartition>,
}

/// A partition that the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockPartition {
    /// Its number in the table.
    pub number: u32,
    /// Its node, for example `/dev/vda6`.
    pub device: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What of the device mapper sits on it, by name, for example `root`.
    pub mapped: Vec<String>,
    /// What it holds, as udev saw it: a file system's kind. Good enough to be shown; [`super::probe`] reads the disk.
    pub holds: Option<String>,
    /// Its name, as udev saw it: the partition's own, else its file system's.
    pub label: Option<String>,
}

impl Blocks {
    /// Those of this machine: real disks, no loop devices.
    #[must_use]
    pub fn machine() -> Self {
        Self { sys: "/sys/block".into(), dev: "/dev".into(), udev: "/run/udev/data".into(), loops: false }
    }

    /// Those of which the folder `sys` has a link, whatever they are: for tests with loop devices.
    #[must_use]
    pub fn only(sys: PathBuf) -> Self {
        Self { loops: true, sys, ..Self::machine() }
    }

    /// Every disk that has a size, by name.
    ///
    /// # Errors
    /// The kernel does not list its block devices.
    pub fn disks(&self) -> io::Result<Vec<BlockDisk>> {
        let mut disks = Vec::new();
        for entry in fs::read_dir(&self.sys)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            // Loop devices, RAM disks and what the device mapper makes have no device behind them.
            let real = path.join("device").exists() && !name.starts_with("sr") && !name.starts_with("fd");
            if real || self.loops {
                disks.extend(self.disk(&path, name));
            }
        }
        disks.sort_by(|a: &BlockDisk, b| a.name.cmp(&b.name));
        Ok(disks)
    }

    /// None when it has gone meanwhile, or has no medium.
    fn disk(&self, path: &Path, name: String) -> Option<BlockDisk> {
        let bytes = number(&path.join("size"))?.checked_mul(SECTOR).filter(|bytes| *bytes > 0)?;
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let udev = self.known_to_udev(path);
        let serial = text(&path.join("serial"))
            .or_else(|| text(&path.join("device/serial")))
            .or_else(|| property(&udev, "ID_SERIAL_SHORT"));
        let model = text(&path.join("device/model")).or_else(|| property(&udev, "ID_MODEL"));
        let partitions = self.partitions(path, &name);
        Some(BlockDisk {
            device: self.dev.join(&name),
            model,
            serial,
            bytes,
            transport: transport(&place.to_string_lossy()),
            removable: number(&path.join("removable")) == Some(1),
            read_only: number(&path.join("ro")) == Some(1),
            holds: property(&udev, "ID_FS_TYPE").or_else(|| property(&udev, "ID_PART_TABLE_TYPE")),
            partitions,
            name,
        })
    }

    /// What udev's database has of a device; empty where no udev runs.
    fn known_to_udev(&self, path: &Path) -> String {
        fs::read_to_string(path.join("dev"))
            .and_then(|id| fs::read_to_string(self.udev.join(format!("b{}", id.trim()))))
            .unwrap_or_default()
    }

    fn partitions(&self, disk: &Path, name: &str) -> Vec<BlockPartition> {
        let entries = fs::read_dir(disk).into_iter().flatten().flatten();
        let mut found: Vec<BlockPartition> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(name))
            .filter_map(|entry| {
                let path = entry.path();
                let udev = self.known_to_udev(&path);
                let holders = fs::read_dir(path.join("holders")).into_iter().flatten().flatten();
                Some(BlockPartition {
                    number: u32::try_from(number(&path.join("partition"))?).ok()?,
                    device: self.dev.join(entry.file_name()),
                    bytes: number(&path.join("size"))?.checked_mul(SECTOR)?,
                    mapped: holders.filter_map(|holder| text(&holder.path().join("dm/name"))).collect(),
                    holds: property(&udev, "ID_FS_TYPE"),
                    label: property(&udev, "ID_PART_ENTRY_NAME").or_else(|| property(&udev, "ID_FS_LABEL")),
                })
            })
            .collect();
        found.sort_by_key(|partition| partition.number);
        found
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn text(path: &Path) -> Option<String> {
    clean(&fs::read_to_string(path).ok()?)
}

/// One property of udev's database, which has lines such as `E:ID_MODEL=…`.
fn property(udev: &str, name: &str) -> Option<String> {
    let value = udev.lines().find_map(|line| line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('='));
    clean(value?)
}

/// What a device says of itself, fit to be shown and typed.
fn clean(said: &str) -> Option<String> {
    let kept: String = said.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// From the path of the device in sysfs, where each bus has its folder.
fn transport(place: &str) -> &'static str {
    let has = |part: &str| place.split('/').any(|folder| folder.starts_with(part));
    match () {
        () if has("usb") => "usb",
        () if has("nvme") => "nvme",
        () if has("ata") => "sata",
        () if has("mmc") => "sd",
        // A SCSI disk behind a virtio controller is one, too.
        () if has("virtio") => "virtio",
        () if has("host") || has("scsi") => "scsi",
        () => "other",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bus_is_read_from_where_the_device_hangs() {
        for (place, bus) in [
            ("/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb", "usb"),
            ("/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda", "sata"),
            ("/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1", "nvme"),
            ("/sys/devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "virtio"),
            ("/sys/devices/virtual/block/loop0", "other"),
        ] {
            assert_eq!(transport(place), bus, "{place}");
        }
    }

    #[test]
    fn what_a_stick_says_of_itself_is_made_fit_to_be_shown() {
        assert_eq!(clean("  Ultra\u{7}\nFit \u{1b}[31m "), Some("UltraFit [31m".to_owned()));
        assert_eq!(clean(" \n"), None);
        assert_eq!(clean(&"x".repeat(500)).unwrap().len(), LONGEST);
        assert_eq!(property("S:disk\nE:ID_MODEL=Flash\nE:ID_SERIAL_SHORT=42\n", "ID_SERIAL_SHORT"), Some("42".into()));
        assert_eq!(property("E:ID_SERIAL_SHORTER=42\n", "ID_SERIAL_SHORT"), None);
    }

    #[test]
    fn disks_and_partitions_are_found_with_what_sits_on_them() {
        let sys = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = sys.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("vda/size", "8192\n");
        put("vda/removable", "0\n");
        put("vda/serial", "disk-7\n");
        put("vda/device/model", "QEMU\n");
        put("vda/vda2/partition", "2\n");
        put("vda/vda2/size", "2048\n");
        put("vda/vda2/holders/dm-0/dm/name", "root\n");
        put("vda/vda2/dev", "254:2\n");
        put("udev/b254:2", "E:ID_FS_TYPE=erofs\nE:ID_PART_ENTRY_NAME=orbitr\n");
        put("vda/queue/nothing", "");
        put("sdb/size", "0\n");
        put("loop0/size", "100\n");
        let mut blocks = Blocks::only(sys.path().to_owned());
        blocks.loops = false;
        blocks.udev = sys.path().join("udev");
        let [disk] = &blocks.disks().unwrap()[..] else { panic!("one disk") };
        assert_eq!(
            (disk.bytes, disk.serial.as_deref(), disk.model.as_deref()),
            (4 << 20, Some("disk-7"), Some("QEMU"))
        );
        assert_eq!(disk.device, Path::new("/dev/vda"));
        assert_eq!(
            disk.partitions,
            [BlockPartition {
                number: 2,
                device: "/dev/vda2".into(),
                bytes: 1 << 20,
                mapped: vec!["root".into()],
                holds: Some("erofs".into()),
                label: Some("orbitr".into()),
            }]
        );
    }
}
