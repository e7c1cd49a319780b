//! Stepping stones: versions that must run, one after another, before the new one may take over the data. Each is the new
//! release with other images, which stand in a third Compose file beside its own.
//!
//! In the release's folder: `stones.json` says what each stone runs and which images were brought for it, and
//! `stone-<n>.json` is the Compose file, both until the update is over.

use std::{collections::BTreeMap, path::PathBuf};

use orbitr_docker::ImageRef;
use orbitr_host::files;
use orbitr_jobs::{StepContext, StepError};
use orbitr_model::Problem;
use orbitr_sdk::STEPS_MAX;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Error,
    model::Image,
    work::{Hands, Loaded, blocking, write},
};

/// Where stones are noted.
const FILE: &str = "stones.json";

/// The names of their steps.
pub(crate) const STEPS: [&str; STEPS_MAX] =
    ["stone-1", "stone-2", "stone-3", "stone-4", "stone-5", "stone-6", "stone-7", "stone-8"];

/// One version on the way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stone {
    version: String,
    /// By service.
    images: BTreeMap<String, Image>,
}

impl Hands {
    /// Gets the images of the versions on the way, and notes what they are.
    pub(crate) async fn pull_stones(&self, cx: &StepContext, loaded: &Loaded, from: &str) -> Result<(), StepError> {
        let mut stones = match read(loaded).await? {
            Some(noted) => noted,
            None => wanted(loaded, from)?,
        };
        let count = stones.iter().map(|stone| stone.images.len()).sum();
        let mut done = 0;
        for at in 0..stones.len() {
            let Some(stone) = stones.get_mut(at) else { break };
            for image in stone.images.values_mut().filter(|image| image.digest.is_none() && image.receipt.is_none()) {
                let (found, receipt) = self.pull_one(cx, image, done, count).await?;
                image.digest = found.digest;
                image.receipt = receipt;
                done += 1;
            }
            // Noted at once, so that what was brought is known wherever this is cut off.
            note(loaded, &stones).await?;
        }
        Ok(())
    }

    /// Runs one of the versions on the way until it has done its work.
    pub(crate) async fn step_onto(&self, cx: &StepContext, loaded: &Loaded, number: usize) -> Result<(), StepError> {
        let stones = read(loaded).await?.unwrap_or_default();
        let Some(stone) = stones.get(number) else {
            let gone = Problem::new(500, "stone-unknown", format!("Version {} of the way is not noted", number + 1));
            return Err(StepError::lasting(gone.why(format!("{} is missing or too short.", file(loaded).display()))));
        };
        cx.log(&format!("Going over version {}", stone.version));
        let path = loaded.folder.release(loaded.release.number).join(format!("stone-{}.json", number + 1));
        let images: serde_json::Map<_, _> = stone
            .images
            .iter()
            .map(|(service, image)| (service.clone(), json!({ "image": image.pinned().as_str() })))
            .collect();
        let text = json!({ "services": images }).to_string();
        let at = path.clone();
        blocking(move || write(&at, text.as_bytes(), 0o600)).await?;
        self.up_with(cx, loaded, Some(path)).await?;
        self.reach(cx, loaded).await?;
        self.settle(cx, loaded).await
    }

    /// Takes away what was only there for the way.
    pub(crate) async fn drop_stones(&self, cx: &StepContext, loaded: &Loaded) -> Result<(), Error> {
        let Some(stones) = read(loaded).await? else { return Ok(()) };
        let count = stones.len();
        let images = stones.into_iter().flat_map(|stone| stone.images.into_values());
        self.drop_image_list(cx, images, Vec::new()).await?;
        let dir = loaded.folder.release(loaded.release.number);
        blocking(move || {
            let ours = (1..=count).map(|number| format!("stone-{number}.json")).chain([FILE.to_owned()]);
            for path in ours.map(|name| dir.join(name)) {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(Error::file(format!("removing {}", path.display()))(error));
                    }
                    _ => {}
                }
            }
            Ok(())
        })
        .await
    }
}

fn file(loaded: &Loaded) -> PathBuf {
    loaded.folder.release(loaded.release.number).join(FILE)
}

fn wanted(loaded: &Loaded, from: &str) -> Result<Vec<Stone>, Error> {
    let way = loaded.extension.manifest().way_from(from).unwrap_or_default();
    way.into_iter()
        .map(|step| {
            let images = step.images.iter().map(|(service, text)| {
                let reference: ImageRef =
                    text.parse().map_err(|error: orbitr_docker::InvalidReference| Error::Compose(error.to_string()))?;
                Ok((service.clone(), Image::new(reference)))
            });
            Ok(Stone { version: step.version.clone(), images: images.collect::<Result<_, Error>>()? })
        })
        .collect()
}

async fn read(loaded: &Loaded) -> Result<Option<Vec<Stone>>, Error> {
    let path = file(loaded);
    blocking(move || match std::fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| Error::file(format!("reading {}", path.display()))(std::io::Error::other(error))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(format!("reading {}", path.display()))(error)),
    })
    .await
}

async fn note(loaded: &Loaded, stones: &[Stone]) -> Result<(), Error> {
    let path = file(loaded);
    let text = serde_json::to_vec_pretty(stones).map_err(|error| Error::Compose(error.to_string()))?;
    blocking(move || files::write(&path, &text, 0o600).map_err(Error::file(format!("writing {}", path.display()))))
        .await
}
