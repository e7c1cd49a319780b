use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveImageOptionsBuilder};
use serde::{Deserialize, Serialize};

use crate::{Digest, Docker, Error, ImageRef};

/// An image on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Its id, `sha256:…`: that of its configuration or manifest, by the engine's storage.
    pub id: String,
    /// The digest under which the registry of the reference handed it out; none for one that was built
    /// or loaded here.
    pub digest: Option<Digest>,
    /// Its size unpacked, in bytes.
    pub size: u64,
}

/// The proof that this box brought an image: given by a pull that found it missing, kept with the job
/// that pulled, and the only thing that lets the image be removed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReceipt {
    pub(crate) image: ImageRef,
    pub(crate) id: String,
}

impl ImageReceipt {
    /// The image as it was asked for.
    #[must_use]
    pub const fn image(&self) -> &ImageRef {
        &self.image
    }
}

/// What became of an image that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone, or this name of it is.
    Yes,
    /// A container, ours or not, uses it: it stays.
    InUse,
    /// The name stands for another image by now: it stays.
    Changed,
}

impl Docker {
    /// The image with this name, if it is on this machine.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image(&self, image: &ImageRef) -> Result<Option<Image>, Error> {
        let client = self.client()?;
        let answer = match self.call("image", client.inspect_image(image.as_str())).await {
            Err(Error::Gone { .. } | Error::ImageMissing { .. }) => return Ok(None),
            other => other?,
        };
        let digest = digest_of(image, answer.repo_digests.as_deref().unwrap_or_default());
        let size = answer.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        Ok(Some(Image { id: answer.id.unwrap_or_default(), digest, size }))
    }

    /// Removes an image that this box brought, unless something uses it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove_image(&self, receipt: &ImageReceipt) -> Result<Removed, Error> {
        let name = receipt.image.as_str();
        match self.image(&receipt.image).await? {
            None => return Ok(Removed::Yes),
            Some(image) if image.id != receipt.id => return Ok(Removed::Changed),
            Some(_) => {}
        }
        // By itself the engine minds containers only when an image loses its last name.
        let client = self.client()?;
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let containers = self.call("list of containers", client.list_containers(Some(options))).await?;
        if containers.iter().any(|one| one.image_id.as_ref() == Some(&receipt.id)) {
            return Ok(Removed::InUse);
        }
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        match self.call(&format!("image {name}"), client.remove_image(name, Some(options), None)).await {
            Ok(_) | Err(Error::Gone { .. } | Error::ImageMissing { .. }) => Ok(Removed::Yes),
            Err(Error::InUse { .. }) => Ok(Removed::InUse),
            Err(Error::Other { detail, .. }) if detail.contains("conflict") => Ok(Removed::InUse),
            Err(error) => Err(error),
        }
    }
}

/// The digest among `repository@digest` entries that belongs to this image's repository.
fn digest_of(image: &ImageRef, entries: &[String]) -> Option<Digest> {
    let repository = image.repository();
    let ours = |entry: &String| {
        let known: ImageRef = entry.parse().ok()?;
        (known.repository() == repository).then(|| known.digest().cloned())?
    };
    let found: Vec<Digest> = entries.iter().filter_map(ours).collect();
    // One image can have been handed out under several digests; the one asked for is the right one.
    let asked = image.digest().filter(|digest| found.contains(digest)).cloned();
    asked.or_else(|| found.into_iter().next())
}
