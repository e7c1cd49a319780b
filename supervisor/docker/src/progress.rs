//! The many messages of a pull, folded into one figure.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;

/// How far a pull is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PullProgress {
    /// Layers that the image has, as far as is known yet.
    pub layers: u32,
    /// Layers that are unpacked or were there already.
    pub layers_done: u32,
    /// Bytes downloaded.
    pub bytes: u64,
    /// Bytes to download, of the layers that have said so yet: grows while a pull begins.
    pub total: u64,
    /// How far all of it is, downloading and unpacking, 0 to 1; never goes back.
    pub fraction: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Layer {
    total: u64,
    downloaded: u64,
    unpacked: f64,
    fetched: bool,
    done: bool,
}

impl Layer {
    /// Half for the download, half for unpacking.
    fn fraction(&self) -> f64 {
        if self.done {
            return 1.0;
        }
        let downloaded = if self.fetched { 1.0 } else { ratio(self.downloaded, self.total) };
        0.5 * downloaded + 0.5 * self.unpacked
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for a bar")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).clamp(0.0, 1.0) }
}

/// The state of one pull.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    layers: BTreeMap<String, Layer>,
    fraction: f64,
}

impl Fold {
    /// Takes one message; true when it moved something.
    pub(crate) fn take(&mut self, message: &CreateImageInfo) -> bool {
        let (Some(id), Some(status)) = (&message.id, &message.status) else { return false };
        // The first message carries the tag where the others carry a layer.
        if status.starts_with("Pulling from") {
            return false;
        }
        let detail = message.progress_detail.as_ref();
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        let current = detail.and_then(|detail| number(detail.current));
        let total = detail.and_then(|detail| number(detail.total)).filter(|total| *total > 0);
        let known = self.layers.contains_key(id);
        let layer = self.layers.entry(id.clone()).or_default();
        let before = *layer;
        match status.as_str() {
            "Downloading" => {
                layer.total = total.unwrap_or(layer.total).max(layer.total);
                layer.downloaded = current.unwrap_or(layer.downloaded).max(layer.downloaded);
            }
            "Verifying Checksum" | "Download complete" => layer.finish_download(),
            "Extracting" => {
                layer.finish_download();
                if let Some((current, total)) = current.zip(total) {
                    layer.unpacked = layer.unpacked.max(ratio(current, total));
                }
            }
            "Pull complete" | "Already exists" => {
                layer.finish_download();
                layer.done = true;
            }
            _ => {}
        }
        // The containerd store counts seconds instead of bytes: it moves, nobody knows how far.
        let unpacks_by_seconds = status == "Extracting" && total.is_none() && current.is_some();
        let moved = !known || *layer != before || unpacks_by_seconds;
        self.fraction = self.fraction.max(self.now());
        moved
    }

    /// Whether every layer known so far is downloaded: what is left is work of this machine.
    pub(crate) fn unpacks(&self) -> bool {
        !self.layers.is_empty() && self.layers.values().all(|layer| layer.fetched || layer.done)
    }

    /// The image is here, whatever was not told on the way.
    pub(crate) fn finish(&mut self) {
        for layer in self.layers.values_mut() {
            layer.finish_download();
            layer.done = true;
        }
        self.fraction = 1.0;
    }

    pub(crate) fn progress(&self) -> PullProgress {
        let count = |layers: usize| u32::try_from(layers).unwrap_or(u32::MAX);
        PullProgress {
            layers: count(self.layers.len()),
            layers_done: count(self.layers.values().filter(|layer| layer.done).count()),
            bytes: self.layers.values().map(|layer| layer.downloaded).fold(0, u64::saturating_add),
            total: self.layers.values().map(|layer| layer.total).fold(0, u64::saturating_add),
            fraction: self.fraction,
        }
    }

    /// Each layer weighs as much as its size; one of unknown size as much as an average one.
    #[expect(clippy::cast_precision_loss, reason = "a figure for a bar")]
    fn now(&self) -> f64 {
        let sizes: Vec<f64> = self.layers.values().map(|one| one.total as f64).filter(|total| *total > 0.0).collect();
        let average = if sizes.is_empty() { 1.0 } else { sizes.iter().sum::<f64>() / sizes.len() as f64 };
        let (mut done, mut all) = (0.0, 0.0);
        for layer in self.layers.values() {
            let weight = if layer.total > 0 { layer.total as f64 } else { average };
            done += weight * layer.fraction();
            all += weight;
        }
        if all > 0.0 { done / all } else { 0.0 }
    }
}

impl Layer {
    fn finish_download(&mut self) {
        self.fetched = true;
        self.downloaded = self.downloaded.max(self.total);
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;
    use proptest::prelude::*;

    use super::*;

    fn message(id: &str, status: &str, current: Option<i64>, total: Option<i64>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: Some(ProgressDetail { current, total }),
            error_detail: None,
        }
    }

    #[test]
    fn two_layers_are_folded_by_their_size() {
        let mut fold = Fold::default();
        assert!(!fold.take(&message("17.9", "Pulling from library/postgres", None, None)));
        assert!(fold.take(&message("a", "Pulling fs layer", None, None)));
        assert!(fold.take(&message("b", "Pulling fs layer", None, None)));
        assert!(!fold.take(&message("b", "Waiting", None, None)), "nothing moved");
        fold.take(&message("a", "Downloading", Some(30), Some(30)));
        fold.take(&message("b", "Downloading", Some(35), Some(70)));
        let half = fold.progress();
        assert_eq!((half.layers, half.layers_done, half.bytes, half.total), (2, 0, 65, 100));
        assert!((half.fraction - 0.325).abs() < 1e-9, "{half:?}");
        assert!(!fold.unpacks());
        fold.take(&message("a", "Pull complete", None, None));
        fold.take(&message("b", "Download complete", None, None));
        assert!(fold.unpacks());
        // the containerd store counts seconds
        assert!(fold.take(&message("b", "Extracting", Some(1), None)));
        assert!(fold.take(&message("b", "Extracting", Some(2), None)));
        fold.take(&message("b", "Pull complete", None, None));
        assert!((fold.progress().fraction - 1.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn progress_never_goes_back_whatever_the_engine_says(
            messages in proptest::collection::vec(
                ("[a-d]", prop_oneof![
                    Just("Pulling fs layer"), Just("Downloading"), Just("Download complete"), Just("Extracting"),
                    Just("Pull complete"), Just("Already exists"), Just("Retrying in 5 seconds"), Just("news"),
                ], proptest::option::of(any::<i64>()), proptest::option::of(any::<i64>())),
                0..60,
            )
        ) {
            let mut fold = Fold::default();
            let mut last = 0.0;
            for (id, status, current, total) in messages {
                fold.take(&message(&id, status, current, total));
                let now = fold.progress();
                prop_assert!(now.fraction >= last && now.fraction <= 1.0 + 1e-9, "{now:?}");
                prop_assert!(now.layers_done <= now.layers);
                last = now.fraction;
            }
        }
    }
}
