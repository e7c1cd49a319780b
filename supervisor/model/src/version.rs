//! Versions of the image, and which of two is the newer one.

use std::{cmp::Ordering, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest version: `orbitr_VERSION_verity` is the name of a partition, which has room for 36 letters.
const LONGEST: usize = 22;

/// The version of an image, for example `0.2.0`: a digit first, then letters, digits and `.~^-`.
///
/// They are ordered as systemd orders them (UAPI.10, version format), so that root, the loader and the supervisor agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ImageVersion(String);

impl ImageVersion {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b".~^-".contains(&byte);
        let fits = text.len() <= LONGEST && text.bytes().all(rest);
        let number = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
        (fits && number).then(|| Self(text.to_owned())).ok_or("not a version")
    }
}

impl TryFrom<String> for ImageVersion {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageVersion> for String {
    fn from(version: ImageVersion) -> Self {
        version.0
    }
}

impl fmt::Display for ImageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialOrd for ImageVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ImageVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        // `1.0` and `1.00` are the same to systemd; here only what is equal is.
        compare(self.0.as_bytes(), other.0.as_bytes()).then_with(|| self.0.cmp(&other.0))
    }
}

/// What comes before nothing at all, and what separates; each is older than whatever stands in its place.
const MARKS: &[u8; 3] = b"-^.";

fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let first = |text: &[u8]| text.first().copied();
        if first(a) == Some(b'~') || first(b) == Some(b'~') {
            let order = older(a, b, b'~');
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (after(a, 1), after(b, 1));
        }
        if a.is_empty() || b.is_empty() {
            return a.len().min(1).cmp(&b.len().min(1));
        }
        for mark in *MARKS {
            if first(a) == Some(mark) || first(b) == Some(mark) {
                let order = older(a, b, mark);
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (after(a, 1), after(b, 1));
            }
        }
        let digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
        let order = if digit(a) || digit(b) { part(&mut a, &mut b, number) } else { part(&mut a, &mut b, word) };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The one that begins with the mark is the older one.
fn older(a: &[u8], b: &[u8], mark: u8) -> Ordering {
    let without = |text: &[u8]| text.first() != Some(&mark);
    without(a).cmp(&without(b))
}

fn after(text: &[u8], length: usize) -> &[u8] {
    text.get(length..).unwrap_or_default()
}

type Compared = (usize, usize, Ordering);

/// Compares what both begin with and goes behind it.
fn part(a: &mut &[u8], b: &mut &[u8], how: fn(&[u8], &[u8]) -> Compared) -> Ordering {
    let (in_a, in_b, order) = how(a, b);
    (*a, *b) = (after(a, in_a), after(b, in_b));
    order
}

fn run(text: &[u8], of: fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| of(byte)).count()
}

fn number(a: &[u8], b: &[u8]) -> Compared {
    let (in_a, in_b) = (run(a, u8::is_ascii_digit), run(b, u8::is_ascii_digit));
    let significant = |text: &[u8], length: usize| {
        let digits = text.get(..length).unwrap_or_default();
        digits.iter().copied().skip_while(|digit| *digit == b'0').collect::<Vec<u8>>()
    };
    let (one, other) = (significant(a, in_a), significant(b, in_b));
    let order = (in_a > 0).cmp(&(in_b > 0)).then(one.len().cmp(&other.len())).then(one.cmp(&other));
    (in_a, in_b, order)
}

fn word(a: &[u8], b: &[u8]) -> Compared {
    let (in_a, in_b) = (run(a, u8::is_ascii_alphabetic), run(b, u8::is_ascii_alphabetic));
    let order = a.get(..in_a).unwrap_or_default().cmp(b.get(..in_b).unwrap_or_default());
    (in_a, in_b, order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> ImageVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_newer_one_is_the_one_that_systemd_says() {
        // In order, the oldest first; `systemd-analyze compare-versions` says the same.
        let ordered = [
            "0.1.0~rc1",
            "0.1.0",
            "0.1.0-1",
            "0.1.0^git",
            "0.1.0.1",
            "0.1.0a",
            "0.1.2",
            "0.1.10",
            "0.2~1",
            "0.2",
            "0.2.0",
            "1",
            "1.0",
            "2",
            "10",
            "10.0",
            "10a",
        ];
        for (index, older) in ordered.iter().enumerate() {
            for newer in ordered.iter().skip(index + 1) {
                assert!(version(older) < version(newer), "{older} {newer}");
                assert!(version(newer) > version(older), "{newer} {older}");
            }
        }
    }

    #[test]
    fn what_fits_no_partitions_name_is_no_version() {
        for wrong in ["", "v1", "1/2", "1 2", "../1", "1+2", "1_2", "12345678901234567890123", "ä"] {
            assert!(wrong.parse::<ImageVersion>().is_err(), "{wrong}");
        }
        assert!(format!("orbitr_{}_verity", version("1234567890123456789012")).len() <= 36);
        assert!(serde_json::from_str::<ImageVersion>("\"1/2\"").is_err());
    }

    proptest! {
        #[test]
        fn any_two_have_one_order(a in "[0-9][0-9a-z.~^-]{0,8}", b in "[0-9][0-9a-z.~^-]{0,8}") {
            let (a, b) = (version(&a), version(&b));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        }
    }
}
