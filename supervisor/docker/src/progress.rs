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
    seconds: i64,
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
                match (current, total) {
                    (Some(current), Some(total)) => layer.unpacked = layer.unpacked.max(ratio(current, total)),
                    // The containerd store counts seconds instead of bytes: it moves, nobody knows how far.
                    (Some(current), None) => self.seconds = self.seconds.wrapping_add(i64::from(current > 0)),
                    _ => {}
                }
            }
            "Pull complete" | "Already exists" => {
                layer.finish_download();
                layer.done = true;
            }
            _ => {}
        }
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
        let sizes: Vec<u64> = self.layers.values().map(|layer| layer.total).filter(|total| *total > 0).collect();
        let average = if sizes.is_empty() { 1.0 } else { sizes.iter().sum::<u64>() as f64 / sizes.len() as f64 };
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
