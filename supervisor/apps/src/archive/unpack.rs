//! Taking an archive apart. Nothing in it is believed: every name stays in the data folder, nothing is written through a
//! link, nothing is more than its manifest says, and all of it fits its checksums, or none of it is used.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, Permissions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{OpenOptionsExt, PermissionsExt, lchown, symlink},
    },
    path::{Component, Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use aws_lc_rs::digest::{Context, SHA256};
use tokio_util::sync::CancellationToken;

use super::{
    Contents, DATA, SUMS, TOP,
    check::{self, Entries, Head, damaged, inside, odd},
    pack::show,
    sums::{self, Counted},
    tar::{Entry, Kind},
};
use crate::Error;

const PIECE: usize = 64 * 1024;
/// No path that the kernel takes is longer.
const PATH_MAX: usize = 4096;

/// What was taken out.
pub(super) struct Unpacked {
    /// Extended attributes that this file system does not take.
    pub(super) dropped_xattrs: u64,
}

/// Puts the data of an archive into a folder that is not there yet. Blocks. What it made before it failed is left there.
pub(super) fn unpack(
    archive: &Path,
    to: &Path,
    cancel: &CancellationToken,
    told: &dyn Fn(u64, u64),
) -> Result<Unpacked, Error> {
    let (entries, Head { contents, sums, next, .. }) = check::open(archive)?;
    let room = contents.data.bytes.0.saturating_add(contents.data.entries.saturating_mul(1024));
    let above = to.parent().unwrap_or(to);
    check::room(above, room).map_err(Error::file(format!("making room in {}", above.display())))?;
    let mut hash = Context::new(&SHA256);
    hash.update(&sums);
    let mut unpacker = Unpacker {
        entries,
        to,
        contents: &contents,
        hash,
        entries_left: contents.data.entries,
        bytes: 0,
        open: Vec::new(),
        cancel,
        told,
        dropped_xattrs: 0,
    };
    let mut next = Some(next);
    while let Some(entry) = next {
        if cancel.is_cancelled() {
            return Err(orbitr_docker::Error::Cancelled.into());
        }
        if entry.path == inside(SUMS) {
            return unpacker.finish();
        }
        unpacker.one(&entry)?;
        next = unpacker.entries.next().map_err(damaged)?;
    }
    Err(odd("it has no SHA256SUMS"))
}

struct Unpacker<'a> {
    entries: Entries,
    to: &'a Path,
    contents: &'a Contents,
    /// Of the lines that `SHA256SUMS` must have.
    hash: Context,
    entries_left: u64,
    bytes: u64,
    /// Folders that may still get something: their times and owners are set when they are left.
    open: Vec<(PathBuf, Entry)>,
    cancel: &'a CancellationToken,
    told: &'a dyn Fn(u64, u64),
    dropped_xattrs: u64,
}

impl Unpacker<'_> {
    fn one(&mut self, entry: &Entry) -> Result<(), Error> {
        let path = self.place(&entry.path)?;
        let is_top = path == self.to;
        if !is_top {
            let too_many = || odd("it holds more files than its manifest says");
            self.entries_left = self.entries_left.checked_sub(1).ok_or_else(too_many)?;
            self.leave(&path)?;
            check_parents(self.to, &path)?;
        }
        let failed = Error::file(format!("writing {}", path.display()));
        match entry.kind {
            Kind::Folder => {
                fs::create_dir(&path).map_err(failed)?;
                self.open.push((path, entry.clone()));
                Ok(())
            }
            _ if is_top => Err(odd("its data is no folder")),
            Kind::File => self.file(&path, entry),
            Kind::Link => {
                check_link(self.to, &path, &entry.target)?;
                symlink(OsStr::from_bytes(&entry.target), &path)
                    .and_then(|()| lchown(&path, Some(entry.uid), Some(entry.gid)))
                    .map_err(failed)
            }
            Kind::Name => {
                let first = self.place(&entry.target)?;
                check_parents(self.to, &first)?;
                let is_file = fs::symlink_metadata(&first).is_ok_and(|meta| meta.is_file());
                if !is_file {
                    return Err(odd(format!("{} is another name of what is no file", show(&entry.path))));
                }
                fs::hard_link(first, path).map_err(failed)
            }
            Kind::Other => Err(odd(format!("{} is no file, folder or link", show(&entry.path)))),
        }
    }

    /// Where an entry goes; refused where that is not in the data folder.
    fn place(&self, path: &[u8]) -> Result<PathBuf, Error> {
        let refused = || odd(format!("{} is not in its data folder", show(path)));
        if path.len() > PATH_MAX || path.contains(&0) {
            return Err(refused());
        }
        let top = format!("{TOP}/{DATA}").into_bytes();
        let rest = path.strip_prefix(&*top).ok_or_else(refused)?;
        if rest.is_empty() {
            return Ok(self.to.to_owned());
        }
        let rest = rest.strip_prefix(b"/").ok_or_else(refused)?;
        let mut place = self.to.to_owned();
        for part in rest.split(|byte| *byte == b'/') {
            if part.is_empty() || part == b"." || part == b".." {
                return Err(refused());
            }
            place.push(OsString::from_vec(part.to_vec()));
        }
        Ok(place)
    }

    fn file(&mut self, path: &Path, entry: &Entry) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.bytes > self.contents.data.bytes.0 {
            return Err(odd("it holds more data than its manifest says"));
        }
        let failed = |error| Error::file(format!("writing {}", path.display()))(error);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let mut content = Counted::new(&mut self.entries);
        let mut piece = vec![0; PIECE];
        loop {
            let read = content.read(&mut piece).map_err(damaged)?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if self.cancel.is_cancelled() {
                return Err(orbitr_docker::Error::Cancelled.into());
            }
            put(&mut file, bytes).map_err(failed)?;
        }
        file.set_len(entry.size).map_err(failed)?;
        let hash = content.finish().2;
        let name = entry.path.get(TOP.len() + 1..).unwrap_or_default();
        self.hash.update(&sums::line(&hash, name));
        (self.told)(self.bytes, self.contents.data.bytes.0);
        self.finish_one(path, entry).map_err(failed)
    }

    /// The owner first: giving a file away takes bits of its mode.
    fn finish_one(&mut self, path: &Path, entry: &Entry) -> io::Result<()> {
        lchown(path, Some(entry.uid), Some(entry.gid))?;
        fs::set_permissions(path, Permissions::from_mode(entry.mode))?;
        for (name, value) in &entry.xattrs {
            let set = rustix::fs::lsetxattr(path, OsStr::from_bytes(name), value, rustix::fs::XattrFlags::empty());
            self.dropped_xattrs += u64::from(set.is_err());
        }
        let seconds = Duration::from_secs(u64::try_from(entry.mtime).unwrap_or(0));
        File::open(path)?.set_modified(UNIX_EPOCH + seconds)
    }

    /// Finishes the folders that this path is not in.
    fn leave(&mut self, path: &Path) -> Result<(), Error> {
        while let Some((folder, entry)) = self.open.pop_if(|(folder, _)| !path.starts_with(folder)) {
            let failed = Error::file(format!("writing {}", folder.display()));
            self.finish_one(&folder, &entry).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Unpacked, Error> {
        let mut said = Counted::new(io::sink());
        io::copy(&mut self.entries, &mut said).map_err(damaged)?;
        let expected = data_encoding::HEXLOWER.encode(self.hash.clone().finish().as_ref());
        if said.finish().2 != expected {
            return Err(odd("its checksums do not fit: it is damaged, or was changed"));
        }
        if self.entries.next().map_err(damaged)?.is_some() {
            return Err(odd("something stands behind its checksums"));
        }
        if !self.to.is_dir() {
            return Err(odd("it has no data folder"));
        }
        self.leave(Path::new("/"))?;
        Ok(Unpacked { dropped_xattrs: self.dropped_xattrs })
    }
}

/// Every folder above must be one, and no link: what is written stays where it was meant to go.
fn check_parents(top: &Path, path: &Path) -> Result<(), Error> {
    let mut above = path.parent();
    while let Some(folder) = above.filter(|folder| folder.starts_with(top)) {
        if !fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir()) {
            return Err(odd(format!("{} is in what is no folder", path.display())));
        }
        above = folder.parent();
    }
    Ok(())
}

/// A link may lead to a place in the data folder, or to one inside the container (an absolute one); a volume itself is none,
/// because Docker would follow it.
fn check_link(top: &Path, path: &Path, target: &[u8]) -> Result<(), Error> {
    let refused = || odd(format!("the link {} leads out of its data folder", path.display()));
    let inside = path.strip_prefix(top).map_err(|_| refused())?;
    let target = Path::new(OsStr::from_bytes(target));
    let mut depth = inside.components().count().checked_sub(1).filter(|depth| *depth > 0).ok_or_else(refused)?;
    if target.is_absolute() {
        return Ok(());
    }
    for part in target.components() {
        match part {
            Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(refused)?,
            Component::Normal(_) => depth += 1,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Ok(())
}

/// Zeros become holes.
fn put(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    if bytes.iter().all(|byte| *byte == 0) {
        return file.seek(SeekFrom::Current(bytes.len().try_into().unwrap_or(0))).map(drop);
    }
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use aws_lc_rs::digest::digest;
    use data_encoding::HEXLOWER;
    use flate2::{Compression, write::GzEncoder};

    use super::{
        super::{Contents, Named, Packaged, pack::Packing, tar},
        *,
    };

    fn contents() -> Contents {
        let id = "shop".parse().unwrap();
        let app = Named { id, name: "Shop".parse().unwrap() };
        let extension = Packaged { id: "local/web".parse().unwrap(), version: "1".to_owned(), revision: 1 };
        Contents::new(app, extension, Default::default(), Default::default(), Default::default())
    }

    /// An archive of whatever somebody writes into one, with checksums that fit and room for all of it.
    fn written(entries: &[(Entry, &[u8])], bytes: u64) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let mut contents = contents();
        contents.data.entries = 10;
        contents.data.bytes.0 = bytes;
        let manifest = serde_json::to_vec(&contents).unwrap();
        let mut out = GzEncoder::new(File::create(dir.path().join("archive")).unwrap(), Compression::fast());
        let text = |name: &str, length: usize| Entry::file(&format!("{TOP}/{name}"), length as u64, 0);
        let front = [(text("manifest.json", manifest.len()), &*manifest), (text("extension.yaml", 1), b"x")];
        let mut lines = Vec::new();
        for (entry, content) in front.iter().chain(entries) {
            tar::write_header(entry, &mut out).unwrap();
            if entry.kind == Kind::File {
                out.write_all(content).unwrap();
                tar::pad(entry.size, &mut out).unwrap();
                let hash = HEXLOWER.encode(digest(&SHA256, content).as_ref());
                lines.extend(sums::line(&hash, entry.path.get(TOP.len() + 1..).unwrap_or_default()));
            }
        }
        tar::write_header(&text(SUMS, lines.len()), &mut out).unwrap();
        out.write_all(&lines).unwrap();
        tar::pad(lines.len() as u64, &mut out).unwrap();
        tar::end(&mut out).unwrap();
        out.finish().unwrap();
        dir
    }

    fn entry(kind: Kind, path: &str, target: &str) -> (Entry, &'static [u8]) {
        let size = if kind == Kind::File { 2 } else { 0 };
        let own = tempfile::tempdir().unwrap().path().metadata().unwrap();
        let (uid, gid) = (own.uid(), own.gid());
        let entry =
            Entry { kind, mode: 0o755, uid, gid, target: target.as_bytes().to_vec(), ..Entry::file(path, size, 5) };
        (entry, b"hi")
    }

    fn taken(dir: &tempfile::TempDir) -> Result<Unpacked, Error> {
        unpack(&dir.path().join("archive"), &dir.path().join("data"), &CancellationToken::new(), &|_, _| {})
    }

    fn data() -> [(Entry, &'static [u8]); 2] {
        [entry(Kind::Folder, "orbitr-app/data", ""), entry(Kind::Folder, "orbitr-app/data/vol", "")]
    }

    #[test]
    fn what_would_leave_the_data_folder_is_refused() {
        use Kind::{File, Folder, Link, Name, Other};
        let good = entry(File, "orbitr-app/data/vol/row", "");
        taken(&written(&[&data()[..], std::slice::from_ref(&good)].concat(), 100)).unwrap();
        let bad = [
            vec![entry(File, "orbitr-app/data/../row", "")],
            vec![entry(File, "/etc/row", "")],
            vec![entry(File, "row", "")],
            vec![entry(File, "orbitr-app/database/row", "")],
            vec![entry(File, "orbitr-app/data//row", "")],
            vec![entry(File, "orbitr-app/data/vol/./row", "")],
            vec![entry(File, "orbitr-app/data/nowhere/row", "")],
            vec![entry(Folder, "orbitr-app/data/vol", "")],
            vec![good.clone(), good.clone()],
            vec![entry(Link, "orbitr-app/data/other", "vol")],
            vec![entry(Link, "orbitr-app/data/vol/out", "../../../etc")],
            vec![entry(Link, "orbitr-app/data/vol/out", "/tmp"), entry(File, "orbitr-app/data/vol/out/row", "")],
            vec![entry(Name, "orbitr-app/data/vol/out", "orbitr-app/data/../../row")],
            vec![entry(Name, "orbitr-app/data/vol/out", "/etc/passwd")],
            vec![
                entry(Link, "orbitr-app/data/vol/a", "/tmp"),
                entry(Name, "orbitr-app/data/vol/b", "orbitr-app/data/vol/a"),
            ],
            vec![entry(Other, "orbitr-app/data/vol/pipe", "")],
        ];
        for more in bad {
            let path = String::from_utf8_lossy(&more.last().unwrap().0.path).into_owned();
            assert!(taken(&written(&[&data()[..], &more].concat(), 100)).is_err(), "{path}");
        }
    }

    #[test]
    fn more_than_the_manifest_says_is_refused() {
        let good = entry(Kind::File, "orbitr-app/data/vol/row", "");
        assert!(taken(&written(&[&data()[..], &[good]].concat(), 1)).is_err());
        let many: Vec<_> = (0..12).map(|n| entry(Kind::Link, &format!("orbitr-app/data/vol/{n}"), "row")).collect();
        assert!(taken(&written(&[&data()[..], &many].concat(), 100)).is_err());
        assert!(taken(&written(&[], 100)).is_err(), "no data folder");
        assert!(taken(&written(&data(), u64::MAX)).is_err(), "more than any disk has");
    }

    #[test]
    fn what_is_packed_is_what_is_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("vol/deep")).unwrap();
        fs::write(from.join("vol/row"), "one").unwrap();
        fs::write(from.join("vol/deep/empty\nand odd \\"), "").unwrap();
        fs::write(from.join("vol").join("n".repeat(240)), vec![0; 300_000]).unwrap();
        fs::hard_link(from.join("vol/row"), from.join("vol/deep/same")).unwrap();
        symlink("/inside/the/container", from.join("vol/link")).unwrap();
        fs::set_permissions(from.join("vol/row"), Permissions::from_mode(0o4751)).unwrap();
        fs::set_permissions(from.join("vol/deep"), Permissions::from_mode(0o1750)).unwrap();
        let kept =
            rustix::fs::lsetxattr(from.join("vol/row"), "user.note", b"x", rustix::fs::XattrFlags::empty()).is_ok();
        let packing = Packing {
            contents: contents(),
            manifest: "x".to_owned(),
            secrets: [("input/password".to_owned(), "hidden".to_owned())].into(),
            passphrase: Some("a passphrase".to_owned()),
            data: from.clone(),
            to: dir.path().join("archive"),
        };
        let packed = packing.write(&CancellationToken::new(), &|_, _| {}).unwrap();
        assert_eq!((packed.contents.data.entries, packed.passed_over), (7, 0));
        taken(&dir).unwrap();
        let to = dir.path().join("data");
        assert_eq!(fs::read_to_string(to.join("vol/deep/same")).unwrap(), "one");
        let (row, same) = (fs::metadata(to.join("vol/row")).unwrap(), fs::metadata(to.join("vol/deep/same")).unwrap());
        assert_eq!((row.ino(), row.mode() & 0o7777), (same.ino(), 0o4751));
        assert_eq!(row.mtime(), fs::metadata(from.join("vol/row")).unwrap().mtime());
        assert_eq!(fs::metadata(to.join("vol/deep")).unwrap().mode() & 0o7777, 0o1750);
        assert_eq!(fs::read(to.join("vol").join("n".repeat(240))).unwrap(), vec![0; 300_000]);
        assert_eq!(fs::read_link(to.join("vol/link")).unwrap(), Path::new("/inside/the/container"));
        assert!(to.join("vol/deep/empty\nand odd \\").is_file());
        if kept {
            let mut value = [0; 8];
            let length = rustix::fs::lgetxattr(to.join("vol/row"), "user.note", &mut value).unwrap();
            assert_eq!(value.get(..length), Some(&b"x"[..]));
        }
        let (_, head) = check::open(&dir.path().join("archive")).unwrap();
        let opened = super::super::age::open("a passphrase", &head.sealed.unwrap()).unwrap();
        assert!(String::from_utf8(opened).unwrap().contains("hidden"));
    }

    #[test]
    fn one_changed_bit_anywhere_is_seen() {
        let good = entry(Kind::File, "orbitr-app/data/vol/row", "");
        let whole = fs::read(written(&[&data()[..], &[good]].concat(), 100).path().join("archive")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        // (the ten bytes in front hold a time and the like, which mean nothing)
        for at in (10..whole.len()).step_by(7) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(dir.path().join("archive"), changed).unwrap();
            let _ = fs::remove_dir_all(dir.path().join("data"));
            if taken(&dir).is_ok() {
                assert_eq!(fs::read_to_string(dir.path().join("data/vol/row")).unwrap(), "hi", "at {at}");
            }
        }
    }
}
