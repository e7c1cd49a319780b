//! Whether this machine runs on a battery, and how full it is: `/sys/class/power_supply` (Documentation/ABI/testing/sysfs-class-power).

use std::{fs, path::Path};

/// Where the kernel tells of it.
pub const POWER_SUPPLIES: &str = "/sys/class/power_supply";

/// The battery that the machine runs on at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnBattery {
    /// How full it is, 0 to 100 per cent; the fullest of several.
    pub percent: u8,
}

/// The battery that the machine runs on; none where it has none, where the mains feed it, and where the kernel does not say
/// how full it is. Batteries of mice and keyboards do not count.
#[must_use]
pub fn on_battery(folder: &Path) -> Option<OnBattery> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut percent = None;
    for supply in entries {
        let text = |name: &str| fs::read_to_string(supply.path().join(name)).unwrap_or_default().trim().to_owned();
        match (text("type").as_str(), text("scope").as_str()) {
            (_, "Device") => {}
            ("Battery", _) if text("status") == "Discharging" => {
                percent = percent.max(text("capacity").parse::<u8>().ok().filter(|percent| *percent <= 100));
            }
            // Some say that they discharge a little while the mains are there.
            ("Mains" | "USB", _) if text("online") == "1" => return None,
            _ => {}
        }
    }
    percent.map(|percent| OnBattery { percent })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Supply<'a> = (&'a str, &'a [(&'a str, &'a str)]);

    fn seen(supplies: &[Supply<'_>]) -> Option<u8> {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in supplies {
            let supply = folder.path().join(name);
            fs::create_dir(&supply).unwrap();
            for (file, text) in *files {
                fs::write(supply.join(file), format!("{text}\n")).unwrap();
            }
        }
        on_battery(folder.path()).map(|battery| battery.percent)
    }

    #[test]
    fn a_battery_counts_while_it_feeds_the_machine() {
        let battery = |percent| [("type", "Battery"), ("status", "Discharging"), ("capacity", percent)];
        assert_eq!(seen(&[("BAT0", &battery("17"))]), Some(17));
        assert_eq!(seen(&[("BAT0", &battery("17")), ("BAT1", &battery("60"))]), Some(60), "the other one goes on");
        let mains: Supply<'_> = ("AC", &[("type", "Mains"), ("online", "1")]);
        assert_eq!(seen(&[("BAT0", &battery("17")), mains]), None);
        let unplugged: Supply<'_> = ("AC", &[("type", "Mains"), ("online", "0")]);
        assert_eq!(seen(&[unplugged, ("BAT0", &battery("17"))]), Some(17));
    }

    #[test]
    fn what_feeds_nothing_or_says_nothing_does_not_count() {
        assert_eq!(seen(&[]), None);
        assert_eq!(on_battery(Path::new("/nowhere/at/all")), None);
        let charging: Supply<'_> = ("BAT0", &[("type", "Battery"), ("status", "Charging"), ("capacity", "5")]);
        let mouse: Supply<'_> =
            ("hid-1", &[("type", "Battery"), ("scope", "Device"), ("status", "Discharging"), ("capacity", "3")]);
        let odd: Supply<'_> = ("BAT1", &[("type", "Battery"), ("status", "Discharging"), ("capacity", "a lot")]);
        let much: Supply<'_> = ("BAT2", &[("type", "Battery"), ("status", "Discharging"), ("capacity", "255")]);
        assert_eq!(seen(&[charging, mouse, odd, much]), None);
    }
}
