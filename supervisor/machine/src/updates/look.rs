//! What the room works with, and looking at a source: which version of it can follow the one that runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use orbitr_model::{GateState, ImageVersion, InstalledVersion, Problem, UpdateFacts};
use orbitr_store::Store;
use tokio_util::sync::CancellationToken;

use super::{
    Offer, PassedOver,
    error::Refused,
    fit::Supplies,
    manifest::{self, MANIFEST_MAX, Manifest, SIGNATURE, SIGNATURE_MAX, SUMS, SUMS_MAX},
    proof::Pace,
    sets::{self, Papers},
    settings::{self, Checked, UpdateSettings},
    source::Source,
};
use crate::{Error, data::Acts, outside::Outside};

/// So many newer versions are looked at.
const VERSIONS: usize = 8;
const CAME_BACK: &str = "it was tried and came back";

/// The image's part of updates, and how patient we are with servers.
#[derive(Clone, Debug)]
pub struct Updating {
    /// The image's folder with the keys and the address that is built in.
    pub image: PathBuf,
    /// How long a server may say nothing.
    pub patience: Duration,
    /// Where the machine tells of its battery and its memory.
    pub supplies: Supplies,
}

impl Default for Updating {
    fn default() -> Self {
        let supplies = Supplies::default();
        Self { image: "/usr/lib/orbitr/updates".into(), patience: Duration::from_secs(30), supplies }
    }
}

impl Updating {
    /// How patient one is with apps after an update: usually as the code says; images of tests say so many seconds.
    pub(super) fn pace(&self) -> Pace {
        let said = fs::read_to_string(self.image.join("apps-grace")).ok();
        let Some(least) = said.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs) else {
            return Pace::default();
        };
        Pace { every: Duration::from_secs(1), least, each: Duration::ZERO, steady: least.min(Pace::default().steady) }
    }
}

/// What updates are made with.
#[derive(Clone, Debug)]
pub(crate) struct Works {
    pub(super) outside: Outside,
    pub(super) state: PathBuf,
    pub(super) version: &'static str,
}

/// What is known when one looks.
pub(super) struct Known {
    pub(super) settings: UpdateSettings,
    pub(super) facts: UpdateFacts,
    pub(super) running: ImageVersion,
    lifted: Vec<String>,
}

impl Known {
    /// Whether a version came back and nobody has lifted that.
    pub(super) fn is_quarantined(&self, version: &ImageVersion) -> bool {
        let of = |name: &String| self.lifted.contains(name);
        self.facts.returned.iter().any(|back| back.version == *version && !of(&settings::name_of(back)))
    }

    /// Whether a version came back, lifted or not: root has to be told that it is wanted all the same.
    pub(super) fn came_back(&self, version: &ImageVersion) -> bool {
        self.facts.returned.iter().any(|back| back.version == *version)
    }

    /// Whether the version that runs has passed the machine's own part of the health gate.
    pub(super) fn is_kept(&self) -> bool {
        let passed = self.facts.gate.as_ref().is_some_and(|gate| gate.state == GateState::Passed);
        passed || self.facts.installed.iter().any(|known| known.running && known.blessed)
    }

    /// Whether the machine's own part of the health gate decides about the version that runs, and has not yet.
    pub(super) fn is_on_trial(&self) -> bool {
        !self.is_kept() && self.facts.gate.as_ref().is_none_or(|gate| gate.counted)
    }

    /// Whether that version is there, has proved itself, and did not come back.
    pub(super) fn is_way_back(&self, version: &ImageVersion) -> bool {
        let good = |known: &&InstalledVersion| known.version == *version && known.blessed && !known.running;
        self.facts.installed.iter().any(|known| good(&known)) && !self.came_back(version)
    }

    /// The newest version on the disk that is newer than the one that runs and did not come back.
    pub(super) fn kept(&self) -> Option<&ImageVersion> {
        // The loader passes over one whose tries are used up, also when its quarantine was lifted.
        let starts = |other: &&InstalledVersion| !other.running && other.tries_left != Some(0);
        let others = self.facts.installed.iter().filter(|other| other.version > self.running && starts(other));
        others.map(|other| &other.version).filter(|version| !self.is_quarantined(version)).max()
    }

    /// The same, where the next start is of it: unless somebody chose another one.
    pub(super) fn waiting(&self) -> Option<&ImageVersion> {
        let chosen = self.facts.default.as_ref();
        self.kept().filter(|version| chosen.is_none_or(|chosen| chosen == *version))
    }

    /// Refuses what cannot follow the version that runs.
    pub(super) fn judge(&self, manifest: &Manifest) -> Result<(), Refused> {
        if self.is_quarantined(&manifest.version) {
            return Err(Refused::Quarantined(manifest.version.clone()));
        }
        let version = manifest.version.to_string();
        manifest.obstacle(&self.running).map_or(Ok(()), |why| Err(Refused::Unfit { version, why }))
    }
}

/// What a source offers.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) papers: Option<Papers>,
    passed_over: Vec<PassedOver>,
}

impl Works {
    /// What it reaches outside of the supervisor.
    pub(crate) const fn outside(&self) -> &Outside {
        &self.outside
    }

    pub(super) const fn supplies(&self) -> &Supplies {
        &self.outside.updating.supplies
    }

    pub(super) fn keyring(&self) -> PathBuf {
        self.outside.updating.image.join("keyring.gpg")
    }

    pub(super) fn acts(&self) -> Result<&Acts, Error> {
        self.outside.acts.as_ref().ok_or_else(|| Error::Unavailable(super::HOSTED.to_owned()))
    }

    pub(super) async fn known(&self, store: &Store) -> Result<Known, Error> {
        let facts = self.acts()?.updates().map_err(Refused::Unknown)?;
        let nameless = || Refused::Unknown("The image does not say which version it is.".to_owned());
        let running = facts.running.clone().ok_or_else(nameless)?;
        let read = |conn: &_| Ok::<_, Error>((settings::load(conn)?, settings::lifted(conn)?));
        let (settings, lifted) = store.read(read).await?;
        Ok(Known { settings, facts, running, lifted })
    }

    pub(super) fn source(&self, settings: &UpdateSettings) -> Result<Source, Refused> {
        let updating = &self.outside.updating;
        let address = settings.address(&updating.image).ok_or(Refused::NoSource)?;
        Source::new(address, self.version, updating.patience)
    }

    /// Looks at the source for the newest version that can follow, or for the one that is `wanted`.
    pub(super) async fn look(
        &self,
        known: &Known,
        wanted: Option<&ImageVersion>,
        cancel: &CancellationToken,
    ) -> Result<Found, Refused> {
        let source = self.source(&known.settings)?;
        let sums = source.small(SUMS, SUMS_MAX).await?;
        let signature = source.small(SIGNATURE, SIGNATURE_MAX).await?;
        let list = sets::verify(&self.state, &self.keyring(), &sums, &signature, cancel).await?;
        let mut found = Found::default();
        let newer = manifest::versions(&list).into_iter().filter(|version| match wanted {
            Some(wanted) => version == wanted,
            None => *version > known.running,
        });
        for version in newer.take(VERSIONS) {
            if wanted.is_none() && known.is_quarantined(&version) {
                found.passed_over.push(PassedOver { version, why: CAME_BACK.to_owned() });
                continue;
            }
            let name = manifest::manifest_name(&version);
            let bytes = source.small(&name, MANIFEST_MAX).await?;
            if list.get(&name) != Some(&sets::sha256(&bytes)) {
                return Err(Refused::Damaged(name));
            }
            let manifest = Manifest::read(&bytes, &version, &list).map_err(Refused::Odd)?;
            if let Some(why) = manifest.obstacle(&known.running).filter(|_| wanted.is_none()) {
                found.passed_over.push(PassedOver { version, why });
                continue;
            }
            found.papers = Some(Papers { sums, signature, bytes, manifest });
            break;
        }
        Ok(found)
    }

    /// Looks, and writes down what was found.
    pub(super) async fn check(&self, store: &Store, cancel: &CancellationToken) -> Result<Checked, Error> {
        let known = self.known(store).await?;
        let looked = self.look(&known, None, cancel).await;
        let at = orbitr_store::time::now();
        let checked = match looked {
            Ok(found) => {
                let offer = found.papers.map(|papers| Offer::of(&papers.manifest, false, false));
                Checked { at, problem: None, offer, passed_over: found.passed_over }
            }
            Err(refused) => {
                let problem = Some(Problem::from(refused));
                // What was found before is still the best that is known.
                let before = store.read(settings::checked).await?;
                let (offer, passed_over) = before.map(|old| (old.offer, old.passed_over)).unwrap_or_default();
                Checked { at, problem, offer, passed_over }
            }
        };
        let kept = checked.clone();
        let write = move |tx: &mut orbitr_store::Tx<'_>| {
            tx.changed(orbitr_model::Topic::Box);
            settings::note_check(tx, &kept)
        };
        store.write(write).await?;
        Ok(checked)
    }

    pub(super) fn state(&self) -> &Path {
        &self.state
    }
}
