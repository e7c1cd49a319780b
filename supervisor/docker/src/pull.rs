use std::time::Duration;

use bollard::{errors::Error as Bollard, models::CreateImageInfo, query_parameters::CreateImageOptionsBuilder};
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    Docker, Error, Image, ImageReceipt, ImageRef, PullProgress,
    answer::{first_useful_line, recognise_pull},
    error::chain,
    progress::Fold,
};

/// How long a download may stand still.
const STALLED: Duration = Duration::from_secs(60);
/// How long unpacking may stand still: the end of a big layer waits for a slow disk without a word.
const UNPACK_STALLED: Duration = Duration::from_secs(600);
/// How often progress is told at most.
const TELL: Duration = Duration::from_millis(200);

/// What a pull brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// The right to remove it again; none when this machine had an image of that name before.
    pub receipt: Option<ImageReceipt>,
}

impl Docker {
    /// Downloads an image, or what of it is missing. `on_progress` is called at most five times a second.
    ///
    /// Cancelling ends the download; the engine keeps finished layers for the next try and clears them
    /// away itself.
    ///
    /// # Errors
    /// One of the typed pull failures of [`Error`], [`Error::Stalled`] when nothing moved for 60 seconds,
    /// [`Error::Cancelled`], or the engine does not answer.
    pub async fn pull(
        &self,
        image: &ImageRef,
        cancel: &CancellationToken,
        mut on_progress: impl FnMut(PullProgress) + Send,
    ) -> Result<Pulled, Error> {
        Self::unless(cancel, self.pull_now(image, &mut on_progress)).await
    }

    async fn pull_now(
        &self,
        image: &ImageRef,
        on_progress: &mut (dyn FnMut(PullProgress) + Send),
    ) -> Result<Pulled, Error> {
        let before = self.image(image).await?;
        let tag = image.digest().map_or_else(|| image.tag().unwrap_or("latest"), |digest| digest.as_str());
        let options = CreateImageOptionsBuilder::default().from_image(image.name()).tag(tag).build();
        read(image, self.client()?.create_image(Some(options), None, None), on_progress).await?;
        let Some(now) = self.image(image).await? else {
            return Err(Error::ImageMissing { image: image.to_string() });
        };
        let receipt = before.is_none().then(|| ImageReceipt { image: image.clone(), id: now.id.clone() });
        Ok(Pulled { image: now, receipt })
    }
}

async fn read(
    image: &ImageRef,
    stream: impl Stream<Item = Result<CreateImageInfo, Bollard>>,
    on_progress: &mut (dyn FnMut(PullProgress) + Send),
) -> Result<(), Error> {
    let mut stream = std::pin::pin!(stream);
    let mut fold = Fold::default();
    let mut moved = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let limit = if fold.unpacks() { UNPACK_STALLED } else { STALLED };
        let next = tokio::select! {
            next = stream.next() => next,
            () = sleep_until(moved + limit) => {
                return Err(Error::Stalled { image: image.to_string(), after: limit });
            }
        };
        match next {
            None => break,
            Some(Err(error)) => return Err(failure(image, &error)),
            Some(Ok(message)) => {
                if fold.take(&message) {
                    moved = Instant::now();
                    if told.is_none_or(|told| told.elapsed() >= TELL) {
                        told = Some(moved);
                        on_progress(fold.progress());
                    }
                }
            }
        }
    }
    fold.finish();
    on_progress(fold.progress());
    Ok(())
}

fn failure(image: &ImageRef, error: &Bollard) -> Error {
    let text = match error {
        Bollard::DockerStreamError { error } => error.clone(),
        Bollard::DockerResponseServerError { message, .. } => message.clone(),
        // The connection to the engine itself broke.
        Bollard::HyperLegacyError { .. } | Bollard::HyperResponseError { .. } | Bollard::IOError { .. } => {
            return Error::DaemonDown { reason: chain(error) };
        }
        other => return Error::from_api("pull", other),
    };
    recognise_pull(image.as_str(), &text)
        .unwrap_or_else(|| Error::Other { what: format!("pull of {image}"), detail: first_useful_line(&text) })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn message(status: &str) -> Result<CreateImageInfo, Bollard> {
        Ok(CreateImageInfo {
            id: Some("layer".to_owned()),
            status: Some(status.to_owned()),
            ..CreateImageInfo::default()
        })
    }

    /// How long a pull is waited for when the engine says this and then only that it tries again.
    async fn waited(said: &[&str]) -> Duration {
        let image = "some/thing:1".parse().unwrap();
        let again = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((message("Retrying in 5 seconds"), ()))
        });
        let said: Vec<_> = said.iter().map(|status| message(status)).collect();
        let began = Instant::now();
        let stalled = read(&image, stream::iter(said).chain(again), &mut |_| {}).await;
        assert!(matches!(stalled, Err(Error::Stalled { .. })), "{stalled:?}");
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_that_stands_still_is_given_up_after_a_minute() {
        let waited = waited(&["Pulling fs layer", "Downloading"]).await;
        assert!((60..63).contains(&waited.as_secs()), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_disk_is_given_more_time_than_the_network() {
        let waited = waited(&["Pulling fs layer", "Download complete"]).await;
        assert!((600..603).contains(&waited.as_secs()), "{waited:?}");
    }
}
