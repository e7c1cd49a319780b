//! Sizes in bytes.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of bytes. Read as a whole number with a binary unit (`512Mi`, `2Gi`, `1024`), shown with
/// binary units («1.5 GiB»).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "SizeText", into = "u64")]
#[schemars(with = "SizeText")]
pub struct ByteSize(pub u64);

/// Text that is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number with a unit such as 512Mi or 2Gi")]
pub struct InvalidSize;

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum SizeText {
    Number(u64),
    Text(String),
}

impl TryFrom<SizeText> for ByteSize {
    type Error = InvalidSize;

    fn try_from(size: SizeText) -> Result<Self, InvalidSize> {
        match size {
            SizeText::Number(bytes) => Ok(Self(bytes)),
            SizeText::Text(text) => text.parse(),
        }
    }
}

impl From<ByteSize> for u64 {
    fn from(size: ByteSize) -> Self {
        size.0
    }
}

impl FromStr for ByteSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim_end_matches('B').trim_end_matches('i') {
            "" => 0,
            "K" | "k" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(InvalidSize),
        };
        let number: u64 = number.parse().map_err(|_| InvalidSize)?;
        number.checked_mul(1 << shift).map(Self).ok_or(InvalidSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let mut value = self.0 as f64;
        let mut unit = "B";
        for next in UNITS {
            if value < 1023.95 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        if value < 99.95 { write!(f, "{value:.1} {unit}") } else { write!(f, "{value:.0} {unit}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown_in_binary_units() {
        let shown = |text: &str| text.parse::<ByteSize>().map(|size| size.to_string());
        assert_eq!(shown("512Mi").as_deref(), Ok("512 MiB"));
        assert_eq!(shown("1536Mi").as_deref(), Ok("1.5 GiB"));
        assert_eq!(shown("17").as_deref(), Ok("17 B"));
        for wrong in ["", "Mi", "-1", "1.5Gi", "12Xi", "99999999999Ti"] {
            assert_eq!(shown(wrong), Err(InvalidSize), "{wrong}");
        }
    }
}
