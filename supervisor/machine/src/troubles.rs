//! What keeps the machine itself from doing its work, as sentences for every page, the console and the API.

use orbitr_model::ByteSize;

use crate::{Machine, Used, Verdict};

/// With less room than this no app can be installed or updated, and soon nothing can be written.
const ROOM: u64 = 512 << 20;
/// On a small disk: this part of it.
const PART_OF_A_SMALL_DISK: u64 = 20;

impl Machine {
    /// All of it; empty when nothing is wrong.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let clock = if self.clock().is_usable() { None } else { self.clock_trouble() };
        let disk = self.disk().filter(Used::is_full).map(|disk| too_full(&disk));
        clock.into_iter().chain(disk).collect()
    }

    /// The disk that holds the box's state and apps, now; none when it does not say. Costs next to nothing.
    #[must_use]
    pub fn disk(&self) -> Option<Used> {
        orbitr_host::figures::disk(&self.inner.state_dir).ok().map(Used::from)
    }

    /// Whether the clock is wrong, as a sentence; none when it is not.
    #[must_use]
    pub fn clock_trouble(&self) -> Option<String> {
        let verdict = self.clock();
        let why = verdict.why()?;
        let then = match verdict {
            Verdict::Behind { .. } | Verdict::Ahead { .. } => " Until it is right, certificates cannot be checked.",
            _ => "",
        };
        Some(format!("{why}{then}"))
    }
}

impl Used {
    /// What can still be had.
    #[must_use]
    pub const fn free(&self) -> ByteSize {
        ByteSize(self.total.0.saturating_sub(self.used.0))
    }

    /// Whether a disk has too little room left for the box to do its work.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.total.0 > 0 && self.free().0 < ROOM.min(self.total.0 / PART_OF_A_SMALL_DISK)
    }
}

fn too_full(disk: &Used) -> String {
    let (free, total) = (disk.free(), disk.total);
    format!(
        "The disk with the data is full: {free} of {total} are free. Remove what is not needed, or use a larger disk."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(total: u64, available: u64) -> bool {
        Used { total: ByteSize(total), used: ByteSize(total - available) }.is_full()
    }

    #[test]
    fn a_disk_without_room_for_an_app_is_full_and_a_small_one_is_not_always() {
        let (mebibyte, gibibyte) = (1 << 20, 1 << 30);
        assert!(told(4_000 * gibibyte, 500 * mebibyte));
        assert!(!told(4_000 * gibibyte, 600 * mebibyte));
        assert!(told(16 * gibibyte, 0));
        assert!(told(2 * gibibyte, 100 * mebibyte));
        assert!(!told(2 * gibibyte, 200 * mebibyte));
        assert!(!told(0, 0), "a file system that does not say how large it is");
    }
}
