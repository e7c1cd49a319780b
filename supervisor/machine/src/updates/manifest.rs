//! What an update set says of itself: the list of its files with their hashes, and the manifest of each version. Pure; what
//! is read here was signed, and is believed no further than it has to be.

use std::collections::BTreeMap;

use orbitr_model::{ByteSize, ImageVersion, Timestamp};
use serde::{Deserialize, Serialize};

/// The list of files is no longer than this.
pub(super) const SUMS_MAX: u64 = 64 << 10;
/// Its signature.
pub(super) const SIGNATURE_MAX: u64 = 16 << 10;
/// A manifest.
pub(super) const MANIFEST_MAX: u64 = 64 << 10;
/// What is new, in the manifest.
const NOTES_MAX: usize = 16 << 10;
/// The list and its signature.
pub(super) const SUMS: &str = "SHA256SUMS";
/// Its name.
pub(super) const SIGNATURE: &str = "SHA256SUMS.gpg";
/// The shape of manifests that is understood.
const FORMAT: u32 = 1;
/// A name of a file is shorter than this.
const NAME_MAX: usize = 120;

/// The hashes of the files of a set, by name.
pub(super) type Sums = BTreeMap<String, String>;

/// What a file of a version is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// The hashes of the root's blocks.
    Verity,
    /// The root file system.
    Root,
    /// The kernel with what it starts from.
    Uki,
}

impl Role {
    const ALL: [Self; 3] = [Self::Verity, Self::Root, Self::Uki];

    /// How much there is room for: a slot's partition, and a part of the ESP, which keeps two (overlays/image/README.md).
    const fn room(self) -> u64 {
        match self {
            Self::Verity => 64 << 20,
            Self::Root => 2 << 30,
            Self::Uki => 384 << 20,
        }
    }

    fn fits(self, name: &str, version: &ImageVersion) -> bool {
        let part = |word: &str| {
            let middle = name
                .strip_prefix(&format!("orbitr_{version}.{word}."))
                .and_then(|rest| rest.strip_suffix(".raw.xz"))
                .unwrap_or_default();
            middle.len() == 36 && middle.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        };
        match self {
            Self::Verity => part("verity"),
            Self::Root => part("root"),
            Self::Uki => name == format!("orbitr_{version}.efi"),
        }
    }
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) unpacked_bytes: u64,
}

/// One version of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub(super) version: ImageVersion,
    #[serde(default)]
    pub(super) published: Option<Timestamp>,
    #[serde(default)]
    pub(super) notes: String,
    #[serde(default)]
    pub(super) min_version: Option<ImageVersion>,
    pub(super) files: Vec<Piece>,
}

/// The name of a version's manifest.
pub(super) fn manifest_name(version: &ImageVersion) -> String {
    format!("orbitr_{version}.json")
}

/// Reads a list of hashes.
pub(super) fn sums(bytes: &[u8]) -> Result<Sums, String> {
    let text = str::from_utf8(bytes).map_err(|_| "the list of files is not text".to_owned())?;
    let line = |line: &str| {
        let (hash, name) = line.split_once("  ")?;
        (is_hash(hash) && is_name(name)).then(|| (name.to_owned(), hash.to_owned()))
    };
    let mut all = Sums::new();
    for found in text.lines().map(line) {
        let (name, hash) = found.ok_or("a line of the list of files is not a hash and a name")?;
        if all.insert(name, hash).is_some() {
            return Err("the list names a file twice".to_owned());
        }
    }
    Ok(all)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// A plain name: no folder, nothing hidden.
fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~^-".contains(&b);
    (1..=NAME_MAX).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(plain)
}

/// The versions that the list has a manifest of, the newest first.
pub(super) fn versions(sums: &Sums) -> Vec<ImageVersion> {
    let of = |name: &String| name.strip_prefix("orbitr_")?.strip_suffix(".json")?.parse().ok();
    let mut all: Vec<ImageVersion> = sums.keys().filter_map(of).collect();
    all.sort();
    all.reverse();
    all
}

impl Manifest {
    /// Reads the manifest of this version, and holds it against the list.
    pub(super) fn read(bytes: &[u8], version: &ImageVersion, sums: &Sums) -> Result<Self, String> {
        let mut found: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("the manifest cannot be read: {error}"))?;
        if found.format != FORMAT {
            return Err(format!("the manifest is of format {}, which this version does not know", found.format));
        }
        if found.version != *version || found.notes.len() > NOTES_MAX || found.files.len() != Role::ALL.len() {
            return Err("the manifest does not describe this version".to_owned());
        }
        found.files.sort_by_key(|piece| piece.role);
        for (piece, role) in found.files.iter().zip(Role::ALL) {
            if piece.role != role || !role.fits(&piece.name, version) {
                return Err(format!("«{}» has no place in it", piece.name));
            }
            if sums.get(&piece.name) != Some(&piece.sha256) {
                return Err(format!("the list has another hash of «{}»", piece.name));
            }
            if piece.bytes == 0 {
                return Err(format!("«{}» is empty", piece.name));
            }
        }
        Ok(found)
    }

    /// How much has to be downloaded.
    pub(super) fn size(&self) -> ByteSize {
        ByteSize(self.files.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.bytes)))
    }

    /// Why this version cannot follow the one that runs; none when it can.
    pub(super) fn obstacle(&self, running: &ImageVersion) -> Option<String> {
        if self.version <= *running {
            return Some(format!("it is not newer than {running}, which runs"));
        }
        if let Some(least) = self.min_version.as_ref().filter(|least| **least > *running) {
            return Some(format!("it can follow {least} or a newer one; {running} runs"));
        }
        let too_large = self.files.iter().find(|piece| piece.bytes.max(piece.unpacked_bytes) > piece.role.room())?;
        let (size, room) = (too_large.bytes.max(too_large.unpacked_bytes), too_large.role.room());
        Some(format!("«{}» has {}, and its place on the disk {}", too_large.name, ByteSize(size), ByteSize(room)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "0f410f90-ea92-4bcf-b701-b7503621b14f";

    fn version(text: &str) -> ImageVersion {
        text.parse().unwrap()
    }

    fn described() -> (Value, Sums) {
        let hash = "ab".repeat(32);
        let names = [
            ("uki", "orbitr_0.2.0.efi".to_owned()),
            ("verity", format!("orbitr_0.2.0.verity.{ID}.raw.xz")),
            ("root", format!("orbitr_0.2.0.root.{ID}.raw.xz")),
        ];
        let files: Vec<_> = names
            .iter()
            .map(|(role, name)| json!({"name": name, "role": role, "bytes": 5, "sha256": hash, "unpacked_bytes": 9}))
            .collect();
        let sums = names.iter().map(|(_, name)| (name.clone(), hash.clone())).collect();
        (json!({"format": 1, "version": "0.2.0", "min_version": "0.1.0", "new_field": 1, "files": files}), sums)
    }

    fn read(value: &Value, sums: &Sums) -> Result<Manifest, String> {
        Manifest::read(value.to_string().as_bytes(), &version("0.2.0"), sums)
    }

    #[test]
    fn a_whole_manifest_is_read_and_others_are_refused() {
        let (whole, list) = described();
        let manifest = read(&whole, &list).unwrap();
        assert_eq!((manifest.size().0, manifest.obstacle(&version("0.1.0"))), (15, None));
        assert!(manifest.obstacle(&version("0.2.0")).unwrap().contains("not newer"));
        assert!(manifest.obstacle(&version("0.0.9")).unwrap().contains("0.1.0 or a newer one"));
        for (pointer, wrong) in [
            ("/format", json!(2)),
            ("/version", json!("0.3.0")),
            ("/files/0/name", json!("../orbitr_0.2.0.efi")),
            ("/files/0/role", json!("root")),
            ("/files/0/sha256", json!("cd".repeat(32))),
            ("/files/0/bytes", json!(0)),
            ("/files/0/bytes", json!(-1)),
            ("/files/1", json!(null)),
            ("/notes", json!("x".repeat(NOTES_MAX + 1))),
        ] {
            let mut value = whole.clone();
            value["notes"] = json!("");
            *value.pointer_mut(pointer).unwrap() = wrong;
            assert!(read(&value, &list).is_err(), "{pointer}");
        }
    }

    #[test]
    fn what_is_larger_than_its_place_is_refused() {
        for (role, bytes) in [("uki", 500_u64 << 20), ("verity", 65 << 20), ("root", (2 << 30) + 1)] {
            let (mut value, list) = described();
            for file in value["files"].as_array_mut().unwrap().iter_mut().filter(|file| file["role"] == role) {
                file["unpacked_bytes"] = json!(bytes);
            }
            let why = read(&value, &list).unwrap().obstacle(&version("0.1.0")).unwrap();
            assert!(why.contains("its place on the disk"), "{why}");
        }
    }

    #[test]
    fn a_list_names_plain_files_once() {
        let hash = "0".repeat(64);
        let list = sums(format!("{hash}  orbitr_0.2.0.json\n{hash}  orbitr_0.10.0.json\n{hash}  x.efi\n").as_bytes());
        let names: Vec<_> = versions(&list.unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["0.10.0", "0.2.0"]);
        for wrong in ["x  y\n", &format!("{hash} *y\n"), &format!("{hash}  ../y\n"), &format!("{hash}  y\n{hash}  y\n")]
        {
            assert!(sums(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_readers(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = sums(&bytes);
            prop_assert!(Manifest::read(&bytes, &version("1"), &Sums::new()).is_err());
        }
    }
}
