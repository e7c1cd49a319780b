//! File systems of this machine that are mounted, and the one that a folder is on.

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use sysinfo::{DiskRefreshKind, Disks};

/// File systems that keep owners, modes and extended attributes, on a disk of this machine.
const KEEP_ALL: &[&str] = &["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "xfs", "zfs"];
/// Where a machine keeps what it starts from.
const BOOT: &[&str] = &["/boot", "/efi"];

/// One of them. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted, as the kernel names it: `/dev/sdb1`.
    pub source: String,
    /// Where.
    pub at: PathBuf,
    /// Which kind of file system it is: `btrfs`.
    pub kind: String,
    /// All of it.
    pub total: u64,
    /// What can still be written.
    pub available: u64,
    read_only: bool,
}

/// All of them. Blocks, for as long as the slowest of them takes to answer.
///
/// # Errors
/// The kernel's list of them cannot be read.
pub fn mounts() -> io::Result<Vec<Mount>> {
    let what = DiskRefreshKind::nothing().with_storage();
    let disks = Disks::new_with_refreshed_list_specifics(what).map_err(io::Error::other)?;
    let mount = |disk: &sysinfo::Disk| Mount {
        source: disk.name().to_string_lossy().into_owned(),
        at: disk.mount_point().to_owned(),
        kind: disk.file_system().to_string_lossy().into_owned(),
        total: disk.total_space(),
        available: disk.available_space(),
        read_only: disk.is_read_only(),
    };
    // Single files can be mounted over others, as container engines do.
    Ok(disks.iter().filter(|disk| disk.mount_point().is_dir()).map(mount).collect())
}

/// The one that a folder is on, by its path without links.
#[must_use]
pub fn holding<'a>(mounts: &'a [Mount], folder: &Path) -> Option<&'a Mount> {
    // The later one lies over the earlier one.
    mounts.iter().filter(|mount| folder.starts_with(&mount.at)).max_by_key(|mount| mount.at.as_os_str().len())
}

/// Other file systems than the one that `folder` is on to which whole folders can be moved: on disks of this machine, to be
/// written to, that keep owners and modes. Each once, by the shortest of its paths.
#[must_use]
pub fn others(mounts: &[Mount], folder: &Path) -> Vec<Mount> {
    let own = holding(mounts, folder).map(|mount| mount.source.as_str());
    let mut fit: Vec<Mount> = mounts
        .iter()
        .filter(|mount| !mount.read_only && KEEP_ALL.contains(&mount.kind.as_str()))
        .filter(|mount| own != Some(mount.source.as_str()) && !BOOT.iter().any(|boot| mount.at.starts_with(boot)))
        .filter(|mount| mount.at.to_str().is_some())
        .cloned()
        .collect();
    fit.sort_by(|a, b| (&a.source, a.at.as_os_str().len()).cmp(&(&b.source, b.at.as_os_str().len())));
    fit.dedup_by(|later, first| later.source == first.source);
    fit.sort_by(|a, b| a.at.cmp(&b.at));
    fit
}

/// Every folder or file below a folder, at any depth, on which something is mounted; the deepest first, so that they can be
/// unmounted in this order. The folder itself is none of them.
///
/// # Errors
/// The kernel's list of mounts cannot be read.
pub fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = points(&std::fs::read_to_string("/proc/self/mountinfo")?);
    found.retain(|at| at != folder && at.starts_with(folder));
    // What was mounted later lies over what was mounted earlier.
    found.reverse();
    found.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
    Ok(found)
}

/// Where things are mounted: the fifth word of each line of proc_pid_mountinfo(5).
fn points(mountinfo: &str) -> Vec<PathBuf> {
    mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).map(|at| PathBuf::from(unescaped(at))).collect()
}

/// The kernel writes white space and backslashes as three octal digits behind a backslash.
fn unescaped(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let octal = others.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { others.get(3..).unwrap_or_default() } else { others };
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: &str, at: &str, kind: &str) -> Mount {
        let (source, kind) = (source.to_owned(), kind.to_owned());
        Mount { source, at: at.into(), kind, total: 100, available: 50, read_only: false }
    }

    #[test]
    fn another_disk_is_offered_once_and_the_box_s_own_never() {
        let all = [
            mount("/dev/sda2", "/", "ext4"),
            mount("/dev/sda1", "/boot/extra", "ext4"),
            mount("/dev/sda3", "/var", "btrfs"),
            mount("/dev/sda3", "/var/lib/docker", "btrfs"),
            mount("/dev/sdb1", "/srv/big/inner", "xfs"),
            mount("/dev/sdb1", "/srv/big", "xfs"),
            mount("/dev/sdc1", "/srv/stick", "vfat"),
            Mount { read_only: true, ..mount("/dev/sdd1", "/srv/old", "ext4") },
        ];
        let at = |folder| others(&all, Path::new(folder)).into_iter().map(|mount| mount.at).collect::<Vec<_>>();
        assert_eq!(at("/var/lib/orbitr"), [Path::new("/"), Path::new("/srv/big")]);
        assert_eq!(at("/srv/big/orbitr"), [Path::new("/"), Path::new("/var")]);
        assert_eq!(holding(&all, Path::new("/variable")).map(|mount| &*mount.source), Some("/dev/sda2"));
    }

    #[test]
    fn where_things_are_mounted_is_read_as_the_kernel_writes_it() {
        let text =
            "22 1 0:21 / /proc rw - proc proc rw\n36 22 0:30 / /srv/my\\040disk rw shared:1 - ext4 /dev/sda1 rw\nodd\n";
        assert_eq!(points(text), [Path::new("/proc"), Path::new("/srv/my disk")]);
        assert!(below(Path::new("/")).unwrap().contains(&PathBuf::from("/proc")));
        assert!(below(Path::new("/proc/self/nothing")).unwrap().is_empty());
    }

    #[test]
    fn this_machine_has_one_that_holds_this_folder() {
        let here = std::env::current_dir().unwrap();
        let all = mounts().unwrap();
        let own = holding(&all, &here).unwrap();
        assert!(own.total > 0 && own.available <= own.total, "{own:?}");
        assert!(others(&all, &here).iter().all(|mount| mount.source != own.source));
    }
}
