//! The kernels on the ESP: `EFI/Linux/orbitr_VERSION[+LEFT[-DONE]].efi`. systemd-boot starts the newest one that has tries
//! left, and counts them in the name; systemd-bless-boot takes the counter away when a version is kept.

use std::{fs, io, path::PathBuf};

use orbitr_model::ImageVersion;

use crate::Places;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) path: PathBuf,
    pub(crate) version: ImageVersion,
    /// How often it will still be tried; none when it is not counted any more.
    pub(crate) left: Option<u32>,
    /// How often it was tried.
    pub(crate) done: Option<u32>,
}

impl Kernel {
    /// Whether its tries are used up: systemd-boot takes it only where there is no other.
    pub(crate) fn is_given_up(&self) -> bool {
        self.left == Some(0)
    }

    /// What systemd-boot calls it, whatever its counter says.
    pub(crate) fn entry(version: &ImageVersion) -> String {
        format!("orbitr_{version}.efi")
    }
}

/// All of them, the newest first.
pub(crate) fn list(places: &Places) -> io::Result<Vec<Kernel>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(places.esp.join("EFI/Linux"))? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some((version, left, done)) = name.to_str().and_then(read) {
            found.push(Kernel { path: entry.path(), version, left, done });
        }
    }
    found.sort_by(|a, b| b.version.cmp(&a.version));
    Ok(found)
}

/// Uses up the tries of a version, as `systemd-bless-boot bad` does, which can do it only for a start that was counted. The
/// loader then passes over it while there is another one.
pub(crate) fn give_up(places: &Places, version: &ImageVersion) -> io::Result<()> {
    for kernel in list(places)?.into_iter().filter(|kernel| kernel.version == *version && !kernel.is_given_up()) {
        let spent = format!("orbitr_{version}+0-{}.efi", kernel.done.unwrap_or_default().saturating_add(1));
        fs::rename(&kernel.path, kernel.path.with_file_name(spent))?;
    }
    Ok(())
}

/// What a name says.
fn read(name: &str) -> Option<(ImageVersion, Option<u32>, Option<u32>)> {
    let stem = name.strip_prefix("orbitr_")?.strip_suffix(".efi")?;
    let Some((version, counter)) = stem.split_once('+') else { return Some((stem.parse().ok()?, None, None)) };
    let (left, done) = counter.split_once('-').unwrap_or((counter, "0"));
    Some((version.parse().ok()?, Some(left.parse().ok()?), Some(done.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_says_which_version_and_how_often_it_was_tried() {
        let version = |text: &str| text.parse::<ImageVersion>().unwrap();
        assert_eq!(read("orbitr_0.2.0.efi"), Some((version("0.2.0"), None, None)));
        assert_eq!(read("orbitr_0.2.0+3.efi"), Some((version("0.2.0"), Some(3), Some(0))));
        assert_eq!(read("orbitr_0.2.0-rc1+2-1.efi"), Some((version("0.2.0-rc1"), Some(2), Some(1))));
        for other in
            ["orbitr_0.2.0", "orbitr_.efi", "windows.efi", "orbitr_1+x.efi", "orbitr_1+3-.efi", "orbitr_1+-1.efi"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
