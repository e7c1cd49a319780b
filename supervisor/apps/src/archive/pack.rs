//! Making an archive: the texts, then the data as it is walked through, then the checksums. Whatever the app holds, one
//! piece of it is in memory.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use rustix::fs::OFlags;
use tokio_util::sync::CancellationToken;

use super::{
    Amount, Contents, DATA, EXTENSION, MANIFEST, RESERVE, SECRETS, SUMS, TOP,
    sums::{self, Counted},
    tar::{self, Entry, Kind},
};
use crate::Error;

/// Between two looks at the disk's room and at whether somebody wants to stop.
const PIECE: u64 = 8 << 20;
/// Files with several names are known again up to so many; others are written once for each name.
const NAMES: usize = 100_000;

/// Everything that an archive is made of.
pub(crate) struct Packing {
    pub(crate) contents: Contents,
    pub(crate) manifest: String,
    /// By `input/<name>` and `secret/<name>`.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) passphrase: Option<String>,
    /// The folder whose contents are the data; it does not change meanwhile.
    pub(crate) data: PathBuf,
    /// The file to write.
    pub(crate) to: PathBuf,
}

/// An archive that was made.
pub(crate) struct Packed {
    pub(crate) contents: Contents,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    /// Sockets, pipes and devices, which are no data.
    pub(crate) passed_over: u64,
}

impl Packing {
    /// Writes the archive. Blocks. What an earlier try left at its place is written over.
    pub(crate) fn write(mut self, cancel: &CancellationToken, told: &dyn Fn(u64, u64)) -> Result<Packed, Error> {
        let failed = Error::file(format!("writing {}", self.to.display()));
        let sealed = self.seal()?;
        self.contents.data = amount(&self.data).map_err(Error::file(format!("reading {}", self.data.display())))?;
        let done = self.pack(sealed.as_deref(), cancel, told);
        let (size, sha256, passed_over) = done.map_err(failed)?;
        Ok(Packed { contents: self.contents, size, sha256, passed_over })
    }

    fn seal(&mut self) -> Result<Option<Vec<u8>>, Error> {
        use super::Sealing;
        self.contents.secrets = match (&self.passphrase, self.secrets.is_empty()) {
            (_, true) => Sealing::None,
            (None, false) => Sealing::LeftOut,
            (Some(_), false) => Sealing::Age,
        };
        let Some(passphrase) = self.passphrase.as_ref().filter(|_| self.contents.secrets == Sealing::Age) else {
            return Ok(None);
        };
        let text = serde_json::to_vec_pretty(&self.secrets).map_err(|error| Error::Compose(error.to_string()))?;
        let no_random = || Error::file("sealing the passwords")(io::Error::other("the system gives no randomness"));
        super::age::seal(passphrase, &text).map(Some).ok_or_else(no_random)
    }

    fn pack(
        &self,
        sealed: Option<&[u8]>,
        cancel: &CancellationToken,
        told: &dyn Fn(u64, u64),
    ) -> io::Result<(u64, String, u64)> {
        let above = self.to.parent().unwrap_or(&self.to);
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.to)?;
        let lines = tempfile_in(above)?;
        let out = GzEncoder::new(Counted::new(BufWriter::new(file)), Compression::fast());
        let total = self.contents.data.bytes.0;
        let names = HashMap::new();
        let mut packer = Packer {
            out,
            sums: BufWriter::new(lines),
            names,
            cancel,
            told,
            done: 0,
            total,
            looked: 0,
            above,
            passed_over: 0,
        };
        let made = self.contents.made.as_second();
        let manifest = serde_json::to_vec_pretty(&self.contents)?;
        packer.text(MANIFEST, &manifest, made)?;
        packer.text(EXTENSION, self.manifest.as_bytes(), made)?;
        if let Some(sealed) = sealed {
            packer.text(SECRETS, sealed, made)?;
        }
        packer.folder(&self.data, DATA.as_bytes())?;
        packer.checksums(made)?;
        let (Packer { out, passed_over, .. }, _) = (packer, ());
        let (file, size, sha256) = out.finish()?.finish();
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok((size, sha256, passed_over))
    }
}

struct Packer<'a> {
    out: GzEncoder<Counted<BufWriter<File>>>,
    /// A line for each file so far.
    sums: BufWriter<File>,
    /// The first name of each file that has several.
    names: HashMap<(u64, u64), Vec<u8>>,
    cancel: &'a CancellationToken,
    told: &'a dyn Fn(u64, u64),
    done: u64,
    total: u64,
    looked: u64,
    above: &'a Path,
    passed_over: u64,
}

impl Packer<'_> {
    fn text(&mut self, name: &str, text: &[u8], made: i64) -> io::Result<()> {
        let entry = Entry::file(&format!("{TOP}/{name}"), text.len() as u64, made);
        self.file(&entry, name.as_bytes(), text)
    }

    /// `path` is the one inside the archive, without its top folder.
    fn file(&mut self, entry: &Entry, path: &[u8], content: impl Read) -> io::Result<()> {
        tar::write_header(entry, &mut self.out)?;
        let mut content = Counted::new(content.take(entry.size));
        loop {
            let piece = io::copy(&mut (&mut content).take(PIECE), &mut self.out)?;
            if piece == 0 {
                break;
            }
            self.pause(piece)?;
        }
        let (_, length, hash) = content.finish();
        if length != entry.size {
            return Err(io::Error::other(format!("{} shrank meanwhile", show(path))));
        }
        tar::pad(entry.size, &mut self.out)?;
        self.sums.write_all(&sums::line(&hash, path))
    }

    fn pause(&mut self, piece: u64) -> io::Result<()> {
        self.done += piece;
        self.looked += piece;
        if self.looked < PIECE {
            return Ok(());
        }
        self.looked = 0;
        (self.told)(self.done, self.total);
        if self.cancel.is_cancelled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        super::check::room(self.above, 0)
    }

    /// The folder itself, then what is in it, by name.
    fn folder(&mut self, folder: &Path, path: &[u8]) -> io::Result<()> {
        let meta = fs::symlink_metadata(folder)?;
        self.other(Kind::Folder, path, folder, &meta, Vec::new())?;
        let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        for name in names {
            let inside = [path, b"/", name.as_bytes()].concat();
            self.one(&folder.join(&name), &inside)?;
        }
        Ok(())
    }

    fn one(&mut self, at: &Path, path: &[u8]) -> io::Result<()> {
        let meta = fs::symlink_metadata(at)?;
        let kind = meta.file_type();
        if kind.is_dir() {
            return self.folder(at, path);
        }
        if kind.is_symlink() {
            let target = fs::read_link(at)?.into_os_string().as_bytes().to_vec();
            return self.other(Kind::Link, path, at, &meta, target);
        }
        if !kind.is_file() || kind.is_fifo() {
            self.passed_over += 1;
            return Ok(());
        }
        let own = (meta.dev(), meta.ino());
        if meta.nlink() > 1 {
            if let Some(first) = self.names.get(&own).cloned() {
                return self.other(Kind::Name, path, at, &meta, [TOP.as_bytes(), b"/", &first].concat());
            }
            if self.names.len() < NAMES {
                self.names.insert(own, path.to_vec());
            }
        }
        let mut entry = entry(Kind::File, path, at, &meta, Vec::new());
        entry.size = meta.len();
        let file = fs::OpenOptions::new().read(true).custom_flags(flag(OFlags::NOFOLLOW)).open(at)?;
        self.file(&entry, path, BufReader::new(file))
    }

    fn other(&mut self, kind: Kind, path: &[u8], at: &Path, meta: &Metadata, target: Vec<u8>) -> io::Result<()> {
        tar::write_header(&entry(kind, path, at, meta, target), &mut self.out)
    }

    /// What was written of every file so far, and the end.
    fn checksums(&mut self, made: i64) -> io::Result<()> {
        self.sums.flush()?;
        let mut lines = self.sums.get_ref().try_clone()?;
        let size = lines.stream_position()?;
        lines.rewind()?;
        tar::write_header(&Entry::file(&format!("{TOP}/{SUMS}"), size, made), &mut self.out)?;
        io::copy(&mut lines.take(size), &mut self.out)?;
        tar::pad(size, &mut self.out)?;
        tar::end(&mut self.out)
    }
}

fn entry(kind: Kind, path: &[u8], at: &Path, meta: &Metadata, target: Vec<u8>) -> Entry {
    Entry {
        path: [TOP.as_bytes(), b"/", path].concat(),
        kind,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        size: 0,
        mtime: meta.mtime(),
        target,
        // A link has none of use, and another name has those of the file.
        xattrs: if matches!(kind, Kind::File | Kind::Folder) { xattrs(at) } else { Vec::new() },
    }
}

/// What a file system without them, or one that hides them, says of them is nothing.
fn xattrs(at: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; 64 * 1024];
    let Ok(length) = rustix::fs::llistxattr(at, &mut names) else { return Vec::new() };
    let mut found = Vec::new();
    for name in names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        // Labels are the machine's own.
        if name == b"security.selinux" {
            continue;
        }
        let mut value = vec![0; 64 * 1024];
        if let Ok(length) = rustix::fs::lgetxattr(at, OsStr::from_bytes(name), &mut value) {
            value.truncate(length);
            found.push((name.to_vec(), value));
        }
    }
    found
}

/// How much there is in a folder.
fn amount(folder: &Path) -> io::Result<Amount> {
    let mut sum = Amount::default();
    for found in fs::read_dir(folder)? {
        let found = found?;
        let meta = found.metadata()?;
        sum.entries += 1;
        if meta.is_dir() {
            let inside = amount(&found.path())?;
            sum.entries += inside.entries;
            sum.bytes.0 += inside.bytes.0;
        } else if meta.is_file() {
            sum.bytes.0 += meta.len();
        }
    }
    Ok(sum)
}

/// As the standard library wants it.
const fn flag(flag: OFlags) -> i32 {
    flag.bits().cast_signed()
}

/// A file without a name: it is gone with whoever has it open.
fn tempfile_in(folder: &Path) -> io::Result<File> {
    let options = || fs::OpenOptions::new().read(true).write(true).mode(0o600).to_owned();
    match options().custom_flags(flag(OFlags::TMPFILE)).open(folder) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::OPNOTSUPP.raw_os_error()) => {
            let path = folder.join(format!(".sums-{}", uuid::Uuid::now_v7()));
            let file = options().create_new(true).open(&path)?;
            fs::remove_file(path)?;
            Ok(file)
        }
        other => other,
    }
}

pub(super) fn show(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// Says whether there is room for so much more, besides a reserve.
pub(super) const fn with_reserve(bytes: u64) -> u64 {
    bytes.saturating_add(RESERVE)
}
