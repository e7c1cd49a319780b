//! What is printed: JSON as the API says it, or lines and tables for people.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde_json::Value;

use super::failure::Failure;

/// Standard output.
pub(super) struct Output {
    to: BufWriter<Stdout>,
    json: bool,
    terminal: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { to: BufWriter::new(stdout), json, terminal }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// A line of our own words, without what could steer a terminal.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{}", clean(text))?)
    }

    /// A line that somebody else wrote: as it is for a program, harmless for a terminal.
    pub(super) fn foreign(&mut self, text: &str) -> Result<(), Failure> {
        if self.terminal { self.line(text) } else { Ok(writeln!(self.to, "{text}")?) }
    }

    /// One value, readable.
    pub(super) fn json(&mut self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        Ok(writeln!(self.to, "{text}")?)
    }

    /// One value in one line, for streams.
    pub(super) fn json_line(&mut self, value: &Value) -> Result<(), Failure> {
        Ok(writeln!(self.to, "{value}")?)
    }

    /// Columns under their heads, as wide as they need to be; `nothing` instead of an empty table.
    pub(super) fn table(&mut self, heads: &[&str], rows: &[Vec<String>], nothing: &str) -> Result<(), Failure> {
        if rows.is_empty() {
            return self.line(nothing);
        }
        let heads: Vec<String> = heads.iter().map(|head| (*head).to_uppercase()).collect();
        for line in columns(std::iter::once(&heads).chain(rows)) {
            self.line(&line)?;
        }
        Ok(())
    }

    /// Labels and values below each other; what is empty is left out.
    pub(super) fn pairs(&mut self, pairs: &[(&str, String)]) -> Result<(), Failure> {
        let rows: Vec<Vec<String>> = pairs
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| vec![(*label).to_owned(), value.clone()])
            .collect();
        for line in columns(&rows) {
            self.line(&line)?;
        }
        Ok(())
    }

    /// Shows what was said so far, for a reader who waits.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.to.flush()?)
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()
    }
}

/// Pads every cell to the width of its column. The last one is not padded.
fn columns<'a>(rows: impl IntoIterator<Item = &'a Vec<String>> + Clone) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.clone() {
        for (i, cell) in row.iter().enumerate() {
            let width = clean(cell).chars().count();
            match widths.get_mut(i) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    rows.into_iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:<width$}", clean(cell)));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

/// The text without control characters and marks that turn text around: names and log lines are other
/// people's, and must not steer the terminal. Line ends become spaces.
pub(super) fn clean(text: &str) -> String {
    let harmless = |c: char| match c {
        '\t' => '\t',
        '\n' | '\r' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '·',
        c if c.is_control() => '·',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// The text at a pointer (RFC 6901); empty when there is none. Numbers and truths are written out.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The members of the list at a pointer; none when there is no list.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Who did it, as the model writes it: `alice`, `alice (token backup)`, `the box` …
pub(super) fn actor(value: &Value, pointer: &str) -> String {
    let actor = value.pointer(pointer).cloned().unwrap_or_default();
    serde_json::from_value::<orbitr_model::Actor>(actor).map_or_else(|_| String::new(), |actor| actor.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["ID", "NAME"], ["db", "Größe"], ["longer", "x"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), ["ID      NAME", "db      Größe", "longer  x"]);
    }

    #[test]
    fn nothing_can_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2J\u{7}b\nc\u{202e}"), "a·[2J·b c·");
    }
}
