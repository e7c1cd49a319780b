//! Names of systemd's units.

use std::{fmt, str::FromStr};

use orbitr_model::InvalidName;

/// The name of a unit, whole: `docker.service`. systemd.unit(5): at most 255 characters, a known type at the end. No
/// patterns, so that a name means one unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(String);

const TYPES: [&str; 11] =
    ["service", "socket", "target", "timer", "mount", "automount", "swap", "path", "slice", "scope", "device"];

impl FromStr for UnitName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fits = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
        let named = text.rsplit_once('.').filter(|(name, kind)| !name.is_empty() && TYPES.contains(kind));
        match named {
            Some(_) if text.len() <= 255 && text.chars().all(fits) => Ok(Self(text.to_owned())),
            _ => Err(InvalidName::new("a unit", "is a whole name such as docker.service")),
        }
    }
}

impl UnitName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_whole_and_no_pattern() {
        for good in ["docker.service", "systemd-fsck@dev-disk-by\\x2duuid-a.service", "a.b.socket", "-.mount"] {
            assert!(good.parse::<UnitName>().is_ok(), "{good}");
        }
        for bad in ["", "docker", "*.service", "a b.service", "[a].service", ".service", "a/b.service", "ä.service"] {
            assert!(bad.parse::<UnitName>().is_err(), "{bad}");
        }
        assert!(format!("{}.service", "x".repeat(300)).parse::<UnitName>().is_err());
    }
}
