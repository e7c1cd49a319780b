//! The files of the box key, and which of them opens a database.
//!
//! `box.key` is the key; `box.key.next` exists while a rotation is under way; `box-<id>.key` are keys of
//! before, for as long as a kept copy of the database needs them. All have mode 0600 and are 32 bytes, or, where the machine
//! keeps a key for us ([`seal_with`]), those 32 bytes sealed with that.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use aws_lc_rs::aead::NONCE_LEN;
use orbitr_model::RecoveryReason;
use rusqlite::Connection;
use serde_json::json;

use super::{BoxKey, KEY_BYTES, Keyring, Sealed, reseal};
use crate::{
    Error, OpenError, crash, events, files,
    pending::{self, Happened},
};

/// What the machine keeps for us: never on a disk as it is. Files are sealed with it.
static SEAL: OnceLock<BoxKey> = OnceLock::new();
/// What a sealed key is sealed for.
const SEALED_FOR: &str = "\u{0}box key file";
/// A nonce, the key, a tag.
const SEALED_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;
/// Of AES-256-GCM.
const TAG_BYTES: usize = 16;

/// Seals the box's key files with this key from now on, and opens those that are. For the whole process, once, before a
/// store is opened: the key comes from the machine (systemd-creds), which is one, too. A file that is not sealed yet is
/// read as it is and sealed when the key is rotated.
pub(crate) fn seal_with(key: [u8; KEY_BYTES]) {
    // The same key again changes nothing.
    let _ = SEAL.set(BoxKey::from_bytes(key));
}

/// What goes into a key's file.
fn to_file(key: &BoxKey, seal: Option<&BoxKey>) -> Result<Vec<u8>, Error> {
    let Some(seal) = seal else { return Ok(key.as_bytes().to_vec()) };
    let sealed = seal.seal(SEALED_FOR, key.as_bytes())?;
    Ok([sealed.nonce.as_slice(), &sealed.bytes].concat())
}

/// What a key's file holds.
fn from_file(bytes: &[u8], seal: Option<&BoxKey>) -> Read {
    if let Ok(plain) = <[u8; KEY_BYTES]>::try_from(bytes) {
        return Read::Key(BoxKey::from_bytes(plain));
    }
    let Some((nonce, sealed)) = bytes.split_first_chunk::<NONCE_LEN>().filter(|_| bytes.len() == SEALED_BYTES) else {
        return Read::Malformed;
    };
    let sealed = Sealed { key_id: String::new(), nonce: *nonce, bytes: sealed.to_vec() };
    let plain = seal.and_then(|seal| seal.open(SEALED_FOR, &sealed));
    plain.and_then(|plain| plain.try_into().ok()).map_or(Read::Closed, |plain| Read::Key(BoxKey::from_bytes(plain)))
}

const CURRENT: &str = "box.key";
const NEXT: &str = "box.key.next";

/// What lies in the state directory.
struct Found {
    current: Option<BoxKey>,
    next: Option<BoxKey>,
    retired: Vec<(PathBuf, BoxKey)>,
    /// Others could read `box.key`; they no longer can.
    was_open: bool,
}

/// How a database gets its key.
enum Way {
    /// `box.key` is its key.
    Current(BoxKey),
    /// A rotation was committed, and only the file has no name yet.
    Next(BoxKey),
    /// It is an older copy: its key is a retired one, and its secrets move to the current one.
    Retired { old: BoxKey, current: BoxKey },
    /// `box.key` is gone, but the file of a retired key is its key.
    Back(PathBuf, BoxKey),
    /// It has no key yet, or lost one that nothing was sealed with.
    New(Option<BoxKey>),
}

/// Whether the keys here open this database; changes nothing.
pub(crate) fn can_open(dir: &Path, conn: &Connection) -> Result<(), OpenError> {
    way(load(dir)?, conn).map(|_| ())
}

/// Finds the key of this database, finishes a rotation that a crash interrupted, and makes a key for a
/// database that has none.
pub(crate) fn unlock(dir: &Path, conn: &mut Connection) -> Result<Keyring, OpenError> {
    let found = load(dir)?;
    if found.was_open {
        pending::add(conn, Happened::KeyClosed, &json!({ "why": "others on this machine could read it" }))?;
    }
    match way(found, conn)? {
        Way::Current(key) => {
            files::remove(&dir.join(NEXT))?;
            Ok(Keyring::new(key))
        }
        Way::Next(key) => {
            promote(dir)?;
            Ok(Keyring::new(key))
        }
        Way::Retired { old, current } => {
            let ring = Keyring::new(old);
            let tx = conn.transaction()?;
            reseal(&tx, &ring, &current)?;
            pending::add(&tx, Happened::SecretsResealed, &json!({ "key": current.id() }))?;
            tx.commit()?;
            Ok(Keyring::new(current))
        }
        Way::Back(path, key) => {
            fs::rename(path, dir.join(CURRENT)).map_err(Error::io("bringing the box key back"))?;
            files::sync_dir(dir)?;
            Ok(Keyring::new(key))
        }
        Way::New(key) => {
            let key = match key {
                Some(key) => key,
                None => make(dir)?,
            };
            let tx = conn.transaction()?;
            super::put_check(&tx, &key)?;
            if events::seal_head_with(&tx, &key)? {
                pending::add(&tx, Happened::KeyReplaced, &json!({ "key": key.id() }))?;
            }
            tx.commit()?;
            Ok(Keyring::new(key))
        }
    }
}

fn way(found: Found, conn: &Connection) -> Result<Way, OpenError> {
    let Found { current, next, retired, .. } = found;
    let has_secrets: bool = conn.query_row("SELECT EXISTS (SELECT 1 FROM secret)", [], |row| row.get(0))?;
    let Some(check) = super::check_of(conn)? else {
        return if has_secrets {
            Err(mismatch("the database does not say which key it belongs to"))
        } else {
            Ok(Way::New(current))
        };
    };
    let opens = |key: &BoxKey| key.opens_check(&check);
    match (current, next) {
        (Some(key), _) if opens(&key) => Ok(Way::Current(key)),
        (_, Some(key)) if opens(&key) => Ok(Way::Next(key)),
        (current, _) => match (current, retired.into_iter().find(|(_, key)| opens(key))) {
            (Some(current), Some((_, old))) => Ok(Way::Retired { old, current }),
            (None, Some((path, key))) => Ok(Way::Back(path, key)),
            (None, None) if !has_secrets => Ok(Way::New(None)),
            (None, None) => Err(mismatch("the file box.key is missing")),
            (Some(_), None) => Err(mismatch("the file box.key holds the key of another box or database")),
        },
    }
}

fn mismatch(detail: &str) -> OpenError {
    OpenError::Recovery(RecoveryReason::KeyMismatch { detail: detail.to_owned() })
}

fn load(dir: &Path) -> Result<Found, OpenError> {
    let path = dir.join(CURRENT);
    let was_open = close_to_others(&path)?;
    let current = match read(&path)? {
        Read::Key(key) => Some(key),
        Read::Missing => None,
        Read::Malformed => return Err(mismatch("the file box.key is not 32 bytes long")),
        Read::Closed => return Err(mismatch("the file box.key is sealed, and this machine does not open it")),
    };
    // A file that a crash cut off was never in use: keys are synced before anything is sealed with them.
    let next = read(&dir.join(NEXT))?.key();
    let mut retired = Vec::new();
    for path in retired_files(dir)? {
        retired.extend(read(&path)?.key().map(|key| (path, key)));
    }
    Ok(Found { current, next, retired, was_open })
}

enum Read {
    Key(BoxKey),
    Missing,
    Malformed,
    /// Sealed with what is not here.
    Closed,
}

impl Read {
    fn key(self) -> Option<BoxKey> {
        if let Self::Key(key) = self { Some(key) } else { None }
    }
}

fn read(path: &Path) -> Result<Read, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(from_file(&bytes, SEAL.get())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Read::Missing),
        Err(e) => Err(Error::io(format!("reading {}", path.display()))(e)),
    }
}

/// Takes the key from everybody else on this machine; says whether somebody had it.
fn close_to_others(path: &Path) -> Result<bool, Error> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(false) };
    if metadata.permissions().mode() & 0o077 == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Error::io("closing the box key to others"))?;
    tracing::warn!(file = %path.display(), "others on this machine could read the box key; its mode is 0600 again");
    Ok(true)
}

fn make(dir: &Path) -> Result<BoxKey, Error> {
    let key = BoxKey::generate()?;
    write(dir, &key)?;
    crash::point("key:written");
    promote(dir)?;
    Ok(key)
}

/// Puts a key beside the current one, on the disk before anything is sealed with it.
pub(super) fn write(dir: &Path, key: &BoxKey) -> Result<(), Error> {
    let path = dir.join(NEXT);
    let contents = to_file(key, SEAL.get())?;
    files::remove(&path)?;
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(&contents).and_then(|()| file.sync_all()))
        .map_err(Error::io("writing the box key"))?;
    files::sync_dir(dir)
}

/// Makes the key that lies beside the current one; the one before is kept for copies that need it.
pub(super) fn promote(dir: &Path) -> Result<(), Error> {
    let path = dir.join(CURRENT);
    if let Read::Key(old) = read(&path)? {
        match fs::hard_link(&path, retired(dir, &old)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("keeping the old box key")(e)),
            _ => crash::point("key:retired"),
        }
    }
    fs::rename(dir.join(NEXT), path).map_err(Error::io("naming the box key"))?;
    files::sync_dir(dir)
}

/// Puts away a key whose rotation failed. A commit that failed may still be on the disk, so the key stays
/// until a start has seen which key the database has.
pub(super) fn withdraw(dir: &Path, key: &BoxKey) -> Result<(), Error> {
    fs::rename(dir.join(NEXT), retired(dir, key)).map_err(Error::io("putting the new box key away"))?;
    files::sync_dir(dir)
}

fn retired(dir: &Path, key: &BoxKey) -> PathBuf {
    dir.join(format!("box-{}.key", key.id()))
}

/// A `box.key` that is no key: where it is, so that it can be set aside.
pub(crate) fn malformed(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let path = dir.join(CURRENT);
    Ok(matches!(read(&path)?, Read::Malformed | Read::Closed).then_some(path))
}

fn retired_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = files::names(dir)?;
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("box-").and_then(|rest| rest.strip_suffix(".key")).is_some_and(|id| !id.is_empty())
    });
    Ok(found)
}

/// Removes retired keys that no database file here needs any more.
pub(crate) fn forget_unused(dir: &Path, db: &Path) -> Result<(), Error> {
    let retired = retired_files(dir)?;
    if retired.is_empty() {
        return Ok(());
    }
    let mut databases = files::databases(db)?;
    databases.extend(files::databases(&db.join("kept"))?);
    for folder in files::names(&db.join("set-aside"))? {
        databases.extend(files::databases(&folder)?);
    }
    // One that cannot be read may need any of them.
    let needed: Option<Vec<String>> = databases.iter().map(|file| key_id_of(&file.path).ok().flatten()).collect();
    let Some(needed) = needed else { return Ok(()) };
    for path in retired {
        if let Some(key) = read(&path)?.key()
            && !needed.iter().any(|id| id == key.id())
        {
            files::remove(&path)?;
        }
    }
    Ok(())
}

fn key_id_of(path: &Path) -> Result<Option<String>, Error> {
    let conn = Connection::open(path)?;
    Ok(super::check_of(&conn)?.map(|check| check.key_id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_sealed_key_is_opened_by_what_sealed_it_and_by_nothing_else() {
        let (key, seal, other) =
            (BoxKey::generate().unwrap(), BoxKey::generate().unwrap(), BoxKey::generate().unwrap());
        let sealed = to_file(&key, Some(&seal)).unwrap();
        assert_eq!(sealed.len(), SEALED_BYTES);
        assert!(!sealed.windows(KEY_BYTES).any(|part| part == key.as_bytes()));
        assert_eq!(from_file(&sealed, Some(&seal)).key().unwrap().id(), key.id());
        assert!(matches!(from_file(&sealed, Some(&other)), Read::Closed));
        assert!(matches!(from_file(&sealed, None), Read::Closed));
        let mut broken = sealed;
        broken[20] ^= 1;
        assert!(matches!(from_file(&broken, Some(&seal)), Read::Closed));
        let plain = to_file(&key, None).unwrap();
        assert_eq!(from_file(&plain, Some(&seal)).key().unwrap().id(), key.id(), "a key from before");
        assert!(matches!(from_file(b"short", Some(&seal)), Read::Malformed));
    }
}
