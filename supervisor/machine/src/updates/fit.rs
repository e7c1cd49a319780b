//! Whether the machine itself is fit for an update: a version is not written, and the machine not restarted into one, on a
//! battery that is nearly empty; and unpacking one takes memory.

use std::path::PathBuf;

use orbitr_host::{
    battery::{self, POWER_SUPPLIES},
    figures::{self, MEMORY},
};
use orbitr_model::ByteSize;

use super::error::Refused;

/// A battery that feeds the machine must be so full, in per cent: an update takes minutes, and the first start after it, too.
const PERCENT: u8 = 20;
/// What xz may need to unpack a root (64 MiB, its largest usual dictionary), and as much for those who pass it on.
const ROOM: u64 = 160 << 20;

/// Where the machine tells of its battery and its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplies {
    /// The kernel's folder of power supplies.
    pub power: PathBuf,
    /// The kernel's file about memory.
    pub memory: PathBuf,
}

impl Default for Supplies {
    fn default() -> Self {
        Self { power: POWER_SUPPLIES.into(), memory: MEMORY.into() }
    }
}

impl Supplies {
    /// Refuses to restart on a battery that is nearly empty. What the machine does not tell of is no obstacle.
    pub(super) fn fit_to_restart(&self) -> Result<(), Refused> {
        match battery::on_battery(&self.power) {
            Some(battery) if battery.percent < PERCENT => {
                Err(Refused::BatteryLow { percent: battery.percent, needed: PERCENT })
            }
            _ => Ok(()),
        }
    }

    /// The same for writing a version, which takes memory as well.
    pub(super) fn fit_to_install(&self) -> Result<(), Refused> {
        self.fit_to_restart()?;
        match figures::available_memory(&self.memory) {
            Some(free) if free < ROOM => Err(Refused::MemoryShort { needed: ByteSize(ROOM), free: ByteSize(free) }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    fn supplies(battery: &[(&str, &str)], memory: &str) -> (tempfile::TempDir, Supplies) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("power/BAT0")).unwrap();
        for (file, text) in battery {
            fs::write(folder.path().join("power/BAT0").join(file), text).unwrap();
        }
        fs::write(folder.path().join("meminfo"), memory).unwrap();
        let supplies = Supplies { power: folder.path().join("power"), memory: folder.path().join("meminfo") };
        (folder, supplies)
    }

    #[test]
    fn a_nearly_empty_battery_stops_both_and_short_memory_only_the_writing() {
        let at = |percent| [("type", "Battery"), ("status", "Discharging"), ("capacity", percent)];
        let enough = "MemAvailable: 163840 kB\n";
        let (_folder, low) = supplies(&at("19"), enough);
        assert!(matches!(low.fit_to_restart(), Err(Refused::BatteryLow { percent: 19, needed: 20 })));
        assert!(matches!(low.fit_to_install(), Err(Refused::BatteryLow { .. })));
        let (_folder, full) = supplies(&at("20"), enough);
        assert!(full.fit_to_restart().is_ok() && full.fit_to_install().is_ok());
        let (_folder, short) = supplies(&[], "MemAvailable: 163839 kB\n");
        assert!(short.fit_to_restart().is_ok());
        assert!(matches!(short.fit_to_install(), Err(Refused::MemoryShort { .. })));
        let silent = Supplies { power: "/nowhere".into(), memory: "/nowhere".into() };
        assert!(silent.fit_to_install().is_ok(), "what nobody tells of stops nothing");
    }
}
