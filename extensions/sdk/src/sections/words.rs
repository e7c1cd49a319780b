//! The small written forms that many sections share.

use std::{borrow::Borrow, cmp::Ordering, fmt, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text that does not have the form its key asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("«{text}» {rule}")]
pub struct InvalidWord {
    text: String,
    rule: &'static str,
}

impl InvalidWord {
    pub(crate) fn new(text: &str, rule: &'static str) -> Self {
        Self { text: text.to_owned(), rule }
    }
}

/// A text type with one rule, read through `FromStr` and written back as it was.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $check:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = $pattern))]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidWord;

            fn from_str(text: &str) -> Result<Self, InvalidWord> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(InvalidWord::new(text, $rule)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidWord;

            fn try_from(text: String) -> Result<Self, InvalidWord> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn starts_and_holds(text: &str, max: usize, more: impl Fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || more(b))
}

word! {
    /// The name of an input, secret, route, port and so on inside a manifest: `^[a-z][a-z0-9_]{0,39}$`. In capitals it
    /// is part of a variable's name.
    Name, r"^[a-z][a-z0-9_]{0,39}$", |text| starts_and_holds(text, 40, |b| b == b'_'),
    "is not a name: a-z first, then a-z, 0-9 and _, at most 40"
}

impl Name {
    /// The name in capitals, as variables carry it.
    #[must_use]
    pub fn in_capitals(&self) -> String {
        self.0.to_ascii_uppercase()
    }
}

word! {
    /// A word of a-z, 0-9 and dashes: `^[a-z][a-z0-9-]{1,39}$`.
    Slug, r"^[a-z][a-z0-9-]{1,39}$", |text| text.len() >= 2 && starts_and_holds(text, 40, |b| b == b'-'),
    "is not an id: 2 to 40 characters, a-z first, then a-z, 0-9 and -"
}

word! {
    /// A file beside the manifest: a relative path with forward slashes that stays inside the extension's folder.
    SidePath, r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$",
    |text| text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && text.split('/').all(|part| !part.is_empty() && part != ".." && part != "."),
    "is not a file of the extension: write a path such as docs/post_install.md"
}

word! {
    /// A web address, `https://…` or `http://…`.
    Link, r"^https?://[^\s]+$",
    |text| text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
        .is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)),
    "is not a web address: write https://…"
}

word! {
    /// The owner of a folder inside containers, as numbers: `uid:gid`.
    Owner, r"^[0-9]{1,9}:[0-9]{1,9}$",
    |text| text.split_once(':').is_some_and(|(uid, gid)| {
        [uid, gid].iter().all(|id| (1..=9).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()))
    }),
    "is not an owner: write the numbers uid:gid, for example \"33:33\""
}

word! {
    /// A range of host ports, both ends included: `8000-8100`.
    PortRange, r"^[0-9]{1,5}-[0-9]{1,5}$",
    |text| text.split_once('-').is_some_and(|(from, to)| {
        matches!((from.parse::<u16>(), to.parse::<u16>()), (Ok(from), Ok(to)) if from > 0 && from <= to)
    }),
    "is not a range of ports: write it like 8000-8100"
}

impl PortRange {
    /// The ports of the range.
    #[must_use]
    pub fn ports(&self) -> std::ops::RangeInclusive<u16> {
        let (from, to) = self.0.split_once('-').unwrap_or_default();
        // Both ends were read when the range was made; an empty range is the harmless answer.
        from.parse().unwrap_or(1)..=to.parse().unwrap_or(0)
    }
}

/// A length of time: whole numbers with units, largest first: `30s`, `5m`, `1h30m`, `2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
pub struct TimeSpan(Duration);

impl TimeSpan {
    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

const SPAN_RULE: &str = "is not a length of time: write it like 30s, 5m or 1h30m";
const SPAN_UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

impl FromStr for TimeSpan {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let wrong = || InvalidWord::new(text, SPAN_RULE);
        let mut rest = text;
        let mut seconds = 0_u64;
        for (unit, factor) in SPAN_UNITS {
            if let Some((number, after)) = rest.split_once(unit) {
                let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                let number: u64 = if digits { number.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
                let part = number.checked_mul(factor).ok_or_else(wrong)?;
                seconds = seconds.checked_add(part).ok_or_else(wrong)?;
                rest = after;
            }
        }
        if text.is_empty() || !rest.is_empty() { Err(wrong()) } else { Ok(Self::from_secs(seconds)) }
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in SPAN_UNITS {
            if rest >= factor {
                write!(f, "{}{unit}", rest / factor)?;
                rest %= factor;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = InvalidWord;

    fn try_from(text: String) -> Result<Self, InvalidWord> {
        text.parse()
    }
}

impl From<TimeSpan> for String {
    fn from(span: TimeSpan) -> Self {
        span.to_string()
    }
}

/// Which versions fit: comparisons that must all hold, `>=14 <18`. Versions are compared number by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^ *(>=|<=|>|<|=)[0-9.]+([ ,]+(>=|<=|>|<|=)[0-9.]+)*[ ,]*$"))]
pub struct VersionRange {
    text: String,
    parts: Vec<(Comparison, Vec<u64>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Comparison {
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
    Same,
}

const RANGE_RULE: &str = "is not a version range: write it like \">=14 <18\"";

impl VersionRange {
    /// Whether `version` lies in the range. What follows the numbers (`-alpine`, `~ynh1`) does not count; a version
    /// without a number fits no range.
    #[must_use]
    pub fn contains(&self, version: &str) -> bool {
        let Some(version) = numbers(version.trim_start_matches('v')) else { return false };
        self.parts.iter().all(|(comparison, bound)| {
            let length = version.len().max(bound.len());
            let padded = |numbers: &[u64]| -> Vec<u64> {
                numbers.iter().copied().chain(std::iter::repeat(0)).take(length).collect()
            };
            let order = padded(&version).cmp(&padded(bound));
            match comparison {
                Comparison::AtLeast => order.is_ge(),
                Comparison::MoreThan => order.is_gt(),
                Comparison::AtMost => order.is_le(),
                Comparison::LessThan => order.is_lt(),
                // `=17` means every 17.x
                Comparison::Same => version.starts_with(bound),
            }
        })
    }

    /// The range as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The leading numbers of a version: `17.9-alpine` is `[17, 9]`.
pub(crate) fn numbers(version: &str) -> Option<Vec<u64>> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version.get(..end)?.trim_end_matches('.').split('.').map(|number| number.parse().ok()).collect()
}

/// Compares the leading numbers of two versions: `17.10` is more than `17.9-alpine`, and `v2` is `2.0`.
pub(crate) fn compare_versions(one: &str, other: &str) -> Ordering {
    let read = |version: &str| numbers(version.trim_start_matches('v')).unwrap_or_default();
    let (one, other) = (read(one), read(other));
    let length = one.len().max(other.len());
    let padded = |numbers: Vec<u64>| numbers.into_iter().chain(std::iter::repeat(0)).take(length).collect::<Vec<_>>();
    padded(one).cmp(&padded(other))
}

impl FromStr for VersionRange {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let wrong = || InvalidWord::new(text, RANGE_RULE);
        let mut parts = Vec::new();
        for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
            let (comparison, version) = [
                (">=", Comparison::AtLeast),
                ("<=", Comparison::AtMost),
                (">", Comparison::MoreThan),
                ("<", Comparison::LessThan),
                ("=", Comparison::Same),
            ]
            .into_iter()
            .find_map(|(sign, comparison)| part.strip_prefix(sign).map(|version| (comparison, version)))
            .ok_or_else(wrong)?;
            if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                return Err(wrong());
            }
            parts.push((comparison, numbers(version).ok_or_else(wrong)?));
        }
        if parts.is_empty() { Err(wrong()) } else { Ok(Self { text: text.to_owned(), parts }) }
    }
}

impl TryFrom<String> for VersionRange {
    type Error = InvalidWord;

    fn try_from(text: String) -> Result<Self, InvalidWord> {
        text.parse()
    }
}

impl From<VersionRange> for String {
    fn from(range: VersionRange) -> Self {
        range.text
    }
}
