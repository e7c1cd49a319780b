//! An update that somebody brings as one file: a plain tar archive of six files in one order. Its list is checked before
//! anything that it lists is written; names are compared with those that must come, and never used as they stand there.

use std::{fmt, net::IpAddr, path::PathBuf, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use orbitr_access::{Permit, action::UpdateBox};
use orbitr_jobs::unfinished;
use orbitr_model::{Actor, Topic, deed};
use orbitr_store::{NewEvent, Outcome, Store, Subject, Tx};
use serde_json::json;
use tokio::{fs::File, io::AsyncWriteExt, sync::OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use super::{
    Offer,
    error::Refused,
    job,
    look::{Known, Works},
    manifest::{self, MANIFEST_MAX, Manifest, SIGNATURE, SIGNATURE_MAX, SUMS, SUMS_MAX},
    sets::{self, Papers, Set},
};
use crate::{Error, Machine};

const BLOCK: usize = 512;
/// Behind the last file there are two empty blocks, and whatever fills a tape.
const TAIL_MAX: u64 = 1 << 20;

/// An update that comes in. Dropped before its end, it leaves nothing.
pub struct UpdateUpload {
    works: Works,
    known: Known,
    /// The list, the signature, the manifest.
    papers: Vec<Vec<u8>>,
    set: Option<Set>,
    /// How many files have begun.
    begun: usize,
    header: Vec<u8>,
    /// Of the file at hand, and what fills its last block.
    left: u64,
    padding: u64,
    out: Option<(File, Context)>,
    tail: u64,
    kept: bool,
    _alone: OwnedMutexGuard<()>,
}

impl fmt::Debug for UpdateUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateUpload").field("begun", &self.begun).finish_non_exhaustive()
    }
}

impl Drop for UpdateUpload {
    fn drop(&mut self) {
        if self.set.is_some() && !self.kept {
            // What stays all the same goes with the next update.
            let _ = sets::clear(self.works.state(), None);
        }
    }
}

fn odd(why: impl Into<String>) -> Error {
    Refused::Odd(why.into()).into()
}

/// A number of a tar header: octal digits, filled up with spaces or zeros.
fn octal(field: &[u8]) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    u64::from_str_radix(text, 8).ok()
}

/// The name and the length in a tar header; none at the end of the archive.
fn parse(header: &[u8]) -> Result<Option<(String, u64)>, Error> {
    if header.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let field = |from: usize, to: usize| header.get(from..to).unwrap_or_default();
    let sum: u64 =
        header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    let plain = matches!(field(156, 157), [b'0' | 0]) && field(345, 346) == [0];
    let name = field(0, 100).split(|byte| *byte == 0).next().unwrap_or_default();
    match (octal(field(148, 156)), octal(field(124, 136)), str::from_utf8(name)) {
        (Some(found), Some(size), Ok(name)) if found == sum && plain => Ok(Some((name.to_owned(), size))),
        _ => Err(odd("the file is no update: a plain tar archive of six files")),
    }
}

impl UpdateUpload {
    /// The name that must come next, and how long it may be.
    fn expected(&self) -> Option<(String, u64)> {
        match (self.begun, &self.set) {
            (0, _) => Some((SUMS.to_owned(), SUMS_MAX)),
            (1, _) => Some((SIGNATURE.to_owned(), SIGNATURE_MAX)),
            (2, _) => {
                let list = self.papers.first().and_then(|bytes| manifest::sums(bytes).ok()).unwrap_or_default();
                Some((manifest::manifest_name(manifest::versions(&list).first()?), MANIFEST_MAX))
            }
            (at, Some(set)) => {
                set.manifest.files.get(at.checked_sub(3)?).map(|piece| (piece.name.clone(), piece.bytes))
            }
            _ => None,
        }
    }

    /// Takes the next piece in.
    ///
    /// # Errors
    /// It is no update, not signed, or none for this box; the disk is full.
    pub async fn write(&mut self, piece: impl AsRef<[u8]> + Send) -> Result<(), Error> {
        let mut rest = piece.as_ref();
        while !rest.is_empty() {
            if self.left > 0 {
                let (now, later) = rest.split_at(rest.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)));
                self.content(now).await?;
                rest = later;
            } else if self.padding > 0 {
                let passed = rest.len().min(usize::try_from(self.padding).unwrap_or(usize::MAX));
                self.padding -= passed as u64;
                rest = rest.get(passed..).unwrap_or_default();
            } else if self.tail > 0 {
                self.tail = self.tail.saturating_add(rest.len() as u64);
                if self.tail > TAIL_MAX || rest.iter().any(|byte| *byte != 0) {
                    return Err(odd("something stands behind its last file"));
                }
                return Ok(());
            } else {
                let (now, later) = rest.split_at(rest.len().min(BLOCK - self.header.len()));
                self.header.extend_from_slice(now);
                rest = later;
                if self.header.len() == BLOCK {
                    self.begin().await?;
                }
            }
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), Error> {
        let header = std::mem::take(&mut self.header);
        let Some((name, size)) = parse(&header)? else {
            self.tail = 1;
            return Ok(());
        };
        let Some((wanted, longest)) = self.expected() else {
            return Err(odd(format!("«{name}» has no place in it")));
        };
        let exact = self.begun >= 3;
        if name != wanted || size > longest || size == 0 || (exact && size != longest) {
            return Err(odd(format!("«{wanted}» must come next, of the length that was signed")));
        }
        self.begun += 1;
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        match &self.set {
            None => self.papers.push(Vec::new()),
            Some(set) => {
                let file = File::create(set.folder.join(&wanted)).await.map_err(Refused::from)?;
                self.out = Some((file, Context::new(&SHA256)));
            }
        }
        Ok(())
    }

    async fn content(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.left -= bytes.len() as u64;
        match (&mut self.out, self.papers.last_mut()) {
            (Some((file, sum)), _) => {
                sum.update(bytes);
                file.write_all(bytes).await.map_err(Refused::from)?;
            }
            (None, Some(paper)) => paper.extend_from_slice(bytes),
            (None, None) => {}
        }
        if self.left > 0 {
            return Ok(());
        }
        if let Some((file, sum)) = self.out.take() {
            file.sync_all().await.map_err(Refused::from)?;
            let found = HEXLOWER.encode(sum.finish().as_ref());
            let piece = self.set.as_ref().and_then(|set| set.manifest.files.get(self.begun.checked_sub(4)?));
            return match piece {
                Some(piece) if piece.sha256 == found => Ok(()),
                Some(piece) => Err(Refused::Damaged(piece.name.clone()).into()),
                None => Err(odd("a file has no place in it")),
            };
        }
        if self.begun == 3 { self.look().await } else { Ok(()) }
    }

    /// With the three papers here: whether they are signed, and whether this version can be installed.
    async fn look(&mut self) -> Result<(), Error> {
        let [sums, signature, bytes] = self.papers.as_slice() else { return Err(odd("it is not whole")) };
        let (state, keyring): (PathBuf, PathBuf) = (self.works.state().to_owned(), self.works.keyring());
        let list = sets::verify(&state, &keyring, sums, signature, &CancellationToken::new()).await?;
        let version = manifest::versions(&list).into_iter().next().ok_or_else(|| odd("it has no manifest"))?;
        if list.get(&manifest::manifest_name(&version)) != Some(&sets::sha256(bytes)) {
            return Err(Refused::Damaged(manifest::manifest_name(&version)).into());
        }
        let manifest = Manifest::read(bytes, &version, &list).map_err(Refused::Odd)?;
        self.known.judge(&manifest)?;
        sets::room(&state, manifest.size().0)?;
        let papers = Papers { sums: sums.clone(), signature: signature.clone(), bytes: bytes.clone(), manifest };
        // From now on what is there is ours: cleared when this ends early.
        sets::clear(&state, None).map_err(Refused::from)?;
        self.set = Some(sets::begin(&state, &version, &papers)?);
        Ok(())
    }
}

/// Who brings an update, and how.
#[derive(Clone, Debug)]
pub(super) struct Bringer {
    pub(super) actor: Actor,
    pub(super) address: Option<IpAddr>,
    /// `browser` or `stick`.
    pub(super) from: &'static str,
}

impl UpdateUpload {
    pub(super) const fn new(works: Works, known: Known, alone: OwnedMutexGuard<()>) -> Self {
        Self {
            works,
            known,
            papers: Vec::new(),
            set: None,
            begun: 0,
            header: Vec::new(),
            left: 0,
            padding: 0,
            out: None,
            tail: 0,
            kept: false,
            _alone: alone,
        }
    }

    /// Takes what has come in as an update, if it is whole.
    pub(super) async fn finish(mut self, store: &Store, by: Bringer) -> Result<Offer, Error> {
        let whole = self.left == 0 && self.expected().is_none();
        let Some(set) = self.set.clone().filter(|_| whole) else { return Err(odd("it did not come in as a whole")) };
        set.make_uploaded().and_then(|()| set.make_ready()).map_err(Refused::from)?;
        let version = &set.manifest.version;
        let event = NewEvent {
            actor: by.actor,
            action: deed::BOX_UPDATE_UPLOAD,
            subject: Subject::new("version", version, version),
            outcome: Outcome::Ok,
            detail: json!({ "from": by.from }),
            address: by.address,
        };
        let write = move |tx: &mut Tx<'_>| {
            tx.event(event)?;
            tx.changed(Topic::Box);
            Ok::<_, Error>(())
        };
        store.write(write).await?;
        self.kept = true;
        Ok(Offer::of(&set.manifest, true, true))
    }
}

impl Machine {
    /// Begins to take in an update as one file.
    ///
    /// # Errors
    /// [`Error::Unavailable`] in hosted mode; [`Error::Update`] while an update is under way.
    pub async fn upload_update(&self, _permit: &Permit<UpdateBox>) -> Result<UpdateUpload, Error> {
        let works = self.works();
        let known = works.known(&self.inner.store).await?;
        let alone = Arc::clone(&self.inner.uploading).try_lock_owned().map_err(|_| Refused::AtWork(None))?;
        let jobs = self.inner.store.read(|conn| unfinished(conn, None)).await?;
        if let Some(job) = job::at_work(&jobs) {
            return Err(Refused::AtWork(Some(job.id)).into());
        }
        Ok(UpdateUpload::new(works, known, alone))
    }

    /// Takes what has come in as an update, if it is whole.
    ///
    /// # Errors
    /// It is not whole; when the database does not answer.
    pub async fn uploaded_update(&self, permit: &Permit<UpdateBox>, upload: UpdateUpload) -> Result<Offer, Error> {
        let by = Bringer { actor: permit.actor().clone(), address: permit.address(), from: "browser" };
        upload.finish(&self.inner.store, by).await
    }
}
