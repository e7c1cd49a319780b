//! Which entries are wanted, as checked words and as journalctl's arguments.

use std::str::FromStr;

use orbitr_model::InvalidName;

use super::{LINES_MAX, Window};
use crate::units::UnitName;

/// The longest text that can be looked for.
const TEXT_MAX_CHARS: usize = 200;

/// A boot: `0` the current one, `-1` the one before, or the id of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot(String);

impl FromStr for Boot {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_id = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let is_offset = text.parse::<i32>().is_ok_and(|n| (-1000..=0).contains(&n));
        if is_id || is_offset {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(InvalidName::new("a boot", "is 0 for the current one, -1 for the one before, or an id of 32 digits"))
        }
    }
}

/// A position in the journal, as an entry names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl FromStr for Cursor {
    type Err = InvalidName;

    /// `s=…;i=…;b=…;m=…;t=…;x=…`, each a hexadecimal number (sd_journal_get_cursor(3)).
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let part = |part: &str| {
            part.split_once('=').is_some_and(|(name, number)| {
                name.len() == 1
                    && "sibmtx".contains(name)
                    && (1..=32).contains(&number.len())
                    && number.bytes().all(|b| b.is_ascii_hexdigit())
            })
        };
        if text.split(';').count() == 6 && text.split(';').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName::new("a cursor", "is what an entry names as its own"))
        }
    }
}

impl Cursor {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a look begins and which way it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the end, backwards.
    #[default]
    End,
    /// At the beginning, forwards.
    Beginning,
    /// Before an entry, backwards.
    Before(Cursor),
    /// After an entry, forwards.
    After(Cursor),
    /// At a moment, in microseconds since 1970, forwards.
    Moment(i64),
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only those about this unit.
    pub unit: Option<UnitName>,
    /// Only those that are at least so urgent: 0 (emergency) to 7 (everything).
    pub priority: Option<u8>,
    /// Only those of this boot.
    pub boot: Option<Boot>,
    /// Only those that say this, in upper or lower case.
    pub text: Option<String>,
    /// Where to begin.
    pub from: Start,
    /// How many at most; 0 stands for 200.
    pub lines: u32,
}

impl Query {
    pub(super) fn lines(&self) -> usize {
        let lines = if self.lines == 0 { 200 } else { self.lines };
        lines.clamp(1, LINES_MAX) as usize
    }

    fn filter_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        args.extend(self.unit.as_ref().map(|unit| format!("--unit={unit}")));
        args.extend(self.priority.map(|priority| format!("--priority={}", priority.min(7))));
        args.extend(self.boot.as_ref().map(|boot| format!("--boot={}", boot.0)));
        if let Some(text) = &self.text {
            args.push(format!("--grep={}", literally(text)));
            args.push("--case-sensitive=false".to_owned());
        }
        args
    }

    /// For one look. One entry more than wanted tells whether there are more; another one is the entry that a backward
    /// look begins with.
    pub(super) fn window_args(&self) -> Vec<String> {
        let mut args = self.filter_args();
        args.push(format!("--lines={}", self.lines() + 2));
        match &self.from {
            Start::End => args.push("--reverse".to_owned()),
            Start::Beginning => args.push("--since=@0".to_owned()),
            Start::Before(cursor) => args.extend(["--reverse".to_owned(), format!("--cursor={}", cursor.0)]),
            Start::After(cursor) => args.push(format!("--after-cursor={}", cursor.0)),
            Start::Moment(us) => {
                args.push(format!("--since=@{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000)))
            }
        }
        args
    }

    /// For following: what was written before is not repeated, except after a cursor.
    pub(super) fn follow_args(&self) -> Vec<String> {
        let mut args = self.filter_args();
        args.push("--follow".to_owned());
        match &self.from {
            Start::After(cursor) => args.extend([format!("--after-cursor={}", cursor.0), "--no-tail".to_owned()]),
            _ => args.push("--lines=0".to_owned()),
        }
        args
    }

    /// Puts what journalctl wrote in the order of time and cuts it to what was wanted.
    pub(super) fn arrange(&self, window: &mut Window, wanted: usize) {
        if let Start::Before(cursor) = &self.from {
            window.entries.retain(|entry| entry.cursor != cursor.0);
        }
        // journalctl turns the order around by itself when a text is looked for.
        let backwards = match (window.entries.first(), window.entries.last()) {
            (Some(first), Some(last)) => first.at_us > last.at_us,
            _ => false,
        };
        let from_end = matches!(self.from, Start::End | Start::Before(_));
        if backwards || from_end {
            window.entries.sort_by_key(|entry| entry.at_us);
        }
        window.more = window.entries.len() > wanted;
        let surplus = window.entries.len().saturating_sub(wanted);
        if from_end {
            window.entries.drain(..surplus);
        } else {
            window.entries.truncate(wanted);
        }
    }

    /// Whether the text can be looked for.
    #[must_use]
    pub fn text_fits(text: &str) -> bool {
        (1..=TEXT_MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    }
}

/// The regular expression (PCRE2) that finds exactly this text.
fn literally(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_carry_an_option_or_a_pattern() {
        for (boot, good) in
            [("0", true), ("-1", true), ("1", false), ("-", false), (&*"a".repeat(32), true), ("all", false)]
        {
            assert_eq!(boot.parse::<Boot>().is_ok(), good, "{boot}");
        }
        let cursor =
            "s=dc2373dbe5024f958381a9321b2e855e;i=1;b=11111111111111111111111111111111;m=3e8;t=6442ab0747000;x=b8";
        assert!(cursor.parse::<Cursor>().is_ok());
        assert!(["", "s=1", "--help", "s=1;i=2;b=3;m=4;t=5;x=g"].iter().all(|bad| bad.parse::<Cursor>().is_err()));
    }

    #[test]
    fn a_text_is_looked_for_as_it_is() {
        assert_eq!(literally("a.b (c) größe"), "a\\.b\\ \\(c\\)\\ größe");
    }
}
