//! The machine's journal: a window of it, followed, downloaded. Known secrets are taken out of every line.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt, stream};
use orbitr_access::{Permit, action::ViewJournal};
use orbitr_host::journal::{self as host, Entry, Followed, Journal, LINES_MAX, Query, Start};
use orbitr_model::{FieldError, InvalidName, Timestamp, deed};
use orbitr_store::{NewEvent, Outcome, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{Error, Machine};

/// The most lines of one window.
pub const JOURNAL_LINES_MAX: u32 = LINES_MAX;
/// The most lines of a download.
const DOWNLOAD_LINES: usize = 20_000;
/// The words of syslog for how urgent a line is, by their numbers.
pub const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalQuery {
    /// Only those about this unit, for example `docker.service`.
    pub unit: Option<String>,
    /// Only those that are at least so urgent: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`.
    pub priority: Option<String>,
    /// Only those of this boot: `0` the current one, `-1` the one before, or its id.
    pub boot: Option<String>,
    /// Only those that hold this text, in upper or lower case.
    pub text: Option<String>,
    /// Only those before the line with this `cursor`; the newest of them.
    pub before: Option<String>,
    /// Only those after the line with this `cursor`; the oldest of them.
    pub after: Option<String>,
    /// At most this many; 1 to 1000, 200 when left out.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
}

/// A window of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JournalPage {
    /// Whether this machine has a journal; if not, there are no lines.
    pub available: bool,
    /// Why not; empty when it has.
    pub reason: String,
    /// The lines, the oldest first.
    pub lines: Vec<JournalLine>,
    /// Whether there are more in the direction that was asked for: backwards, or forwards with `after`.
    pub more: bool,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JournalLine {
    /// Where it is, for `before` and `after`.
    pub cursor: String,
    /// When it was written.
    pub at: Timestamp,
    /// Which boot it is from.
    pub boot: String,
    /// The unit that it is about.
    pub unit: Option<String>,
    /// What wrote it, by its own word.
    pub identifier: String,
    /// The process that wrote it.
    pub process: Option<u32>,
    /// How urgent it is, as `priority` of the query.
    pub priority: String,
    /// What it says.
    pub message: String,
}

/// One boot that the journal knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Boot {
    /// 0 is the current one, -1 the one before.
    pub index: i64,
    /// Its id.
    pub id: String,
    /// Its first line.
    pub first: Timestamp,
    /// Its last line so far.
    pub last: Timestamp,
}

/// What somebody who follows is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A new line.
    Line(Box<JournalLine>),
    /// Lines were left out here, because the reader was too slow.
    Missed,
}

/// Lines as they come. Dropping it ends the reading.
pub type JournalStream = Pin<Box<dyn Stream<Item = Result<Told, Error>> + Send>>;

impl JournalLine {
    /// The line as text: when, who, what. Urgent ones say so in a word.
    #[must_use]
    pub fn text(&self, zone: &jiff::tz::TimeZone) -> String {
        let at = self.at.to_zoned(zone.clone()).strftime("%b %d %H:%M:%S").to_string();
        let process = self.process.map(|process| format!("[{process}]")).unwrap_or_default();
        let urgent = match self.priority.as_str() {
            "emerg" | "alert" | "crit" | "err" | "warning" => format!(" {}", self.priority.to_uppercase()),
            _ => String::new(),
        };
        format!("{at}{urgent} {}{process}: {}", self.identifier, self.message)
    }
}

impl JournalQuery {
    /// Checks every word; all that is wrong is named at once.
    fn parse(&self) -> Result<Query, Error> {
        let mut wrong = Vec::new();
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        fn read<T: std::str::FromStr<Err = InvalidName>>(
            wrong: &mut Vec<FieldError>,
            field: &str,
            text: Option<String>,
        ) -> Option<T> {
            let parsed: Result<T, InvalidName> = text?.parse();
            parsed.map_err(|rule| wrong.push(FieldError { field: field.to_owned(), message: rule.to_string() })).ok()
        }
        let mut query = Query {
            unit: read(&mut wrong, "unit", given(&self.unit)),
            boot: read(&mut wrong, "boot", given(&self.boot)),
            lines: self.limit.unwrap_or(0),
            ..Query::default()
        };
        let mut refuse = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        };
        if let Some(word) = given(&self.priority) {
            query.priority = PRIORITIES.iter().position(|known| *known == word).and_then(|n| u8::try_from(n).ok());
            if query.priority.is_none() {
                refuse("priority", "one of emerg, alert, crit, err, warning, notice, info, debug");
            }
        }
        query.text = given(&self.text);
        // The second stands where bytes were no text: nothing would be found by it.
        let fits = |text: &str| Query::text_fits(text) && !text.contains(char::REPLACEMENT_CHARACTER);
        if query.text.as_deref().is_some_and(|text| !fits(text)) {
            refuse("text", "at most 200 characters of text, on one line");
        }
        if self.limit.is_some_and(|limit| !(1..=LINES_MAX).contains(&limit)) {
            refuse("limit", "1 to 1000");
        }
        let (before, after) = (given(&self.before), given(&self.after));
        if before.is_some() && after.is_some() {
            refuse("after", "not together with before");
        }
        let before: Option<host::Cursor> = read(&mut wrong, "before", before);
        let after: Option<host::Cursor> = read(&mut wrong, "after", after);
        query.from = match (before, after) {
            (Some(before), _) => Start::Before(before),
            (None, Some(after)) => Start::After(after),
            (None, None) => Start::End,
        };
        if wrong.is_empty() { Ok(query) } else { Err(Error::Invalid(wrong)) }
    }
}

impl Machine {
    fn line(&self, entry: Entry) -> JournalLine {
        let priority = PRIORITIES.get(usize::from(entry.priority)).copied().unwrap_or("info");
        JournalLine {
            cursor: entry.cursor,
            at: Timestamp::from_microsecond(entry.at_us).unwrap_or_default(),
            boot: entry.boot,
            unit: entry.unit,
            identifier: entry.identifier,
            process: entry.process,
            priority: priority.to_owned(),
            message: self.inner.store.redactor().redact(&entry.message).into_owned(),
        }
    }

    fn page(&self, found: Result<host::Window, host::Error>) -> Result<JournalPage, Error> {
        let window = match found {
            Ok(window) => window,
            // A boot that the journal does not know has no lines; systemd calls it an error, in its own words.
            Err(host::Error::Failed(why)) if why.contains("specified boot") => host::Window::default(),
            Err(host::Error::NotInstalled) => {
                let reason = "The journal needs systemd, and this machine has no journalctl.".to_owned();
                return Ok(JournalPage { available: false, reason, lines: Vec::new(), more: false });
            }
            Err(error) => return Err(error.into()),
        };
        let lines = window.entries.into_iter().map(|entry| self.line(entry)).collect();
        Ok(JournalPage { available: true, reason: String::new(), lines, more: window.more })
    }

    /// A window of the journal. A machine without one is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::Invalid`] names every word that is not right; [`Error::Journal`].
    pub async fn journal(&self, _permit: &Permit<ViewJournal>, query: &JournalQuery) -> Result<JournalPage, Error> {
        let query = query.parse()?;
        self.page(self.outside().journal.window(&query, &CancellationToken::new()).await)
    }

    /// What was written from a moment on, in microseconds since 1970, that fits the query.
    ///
    /// # Errors
    /// As [`Machine::journal`].
    pub async fn journal_since(
        &self,
        _permit: &Permit<ViewJournal>,
        query: &JournalQuery,
        from_us: i64,
    ) -> Result<JournalPage, Error> {
        let query = Query { from: Start::Moment(from_us), ..query.parse()? };
        self.page(self.outside().journal.window(&query, &CancellationToken::new()).await)
    }

    /// The boots that the journal knows, the newest first; none on a machine without a journal.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub async fn boots(&self, _permit: &Permit<ViewJournal>) -> Result<Vec<Boot>, Error> {
        let rows = match self.outside().journal.boots(&CancellationToken::new()).await {
            Ok(rows) => rows,
            Err(host::Error::NotInstalled) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let moment = |us| Timestamp::from_microsecond(us).unwrap_or_default();
        let boot = |row: host::BootRow| Boot {
            index: row.index,
            id: row.boot_id,
            first: moment(row.first_entry),
            last: moment(row.last_entry),
        };
        Ok(rows.into_iter().rev().map(boot).collect())
    }

    /// New lines as they are written; with `after`, from that line on. Ends after an hour: the reader goes on from its last
    /// cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`]; in the stream [`Error::Journal`].
    pub fn follow_journal(&self, _permit: &Permit<ViewJournal>, query: &JournalQuery) -> Result<JournalStream, Error> {
        let query = query.parse()?;
        let (to, told) = Journal::channel();
        let (journal, machine) = (self.outside().journal.clone(), self.clone());
        // Dropping the stream drops the guard, which ends the child.
        let cancel = CancellationToken::new();
        let guard = Arc::new(cancel.clone().drop_guard());
        let child = tokio::spawn(async move { journal.follow(&query, to, &cancel).await });
        let lines = stream::unfold((told, guard), |(mut told, guard)| async move {
            let next = told.recv().await?;
            Some((next, (told, guard)))
        });
        let lines = lines.map(move |followed| {
            Ok(match followed {
                Followed::Entry(entry) => Told::Line(Box::new(machine.line(*entry))),
                Followed::Missed => Told::Missed,
            })
        });
        let end = stream::once(child).filter_map(|ended| async move {
            match ended {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Err(Error::from(error))),
                Err(error) => Some(Err(Error::Host(error.into()))),
            }
        });
        Ok(lines.chain(end).boxed())
    }

    /// The lines that fit as text, the oldest first, at most 20,000 of the newest. That it was downloaded is itself written
    /// down.
    ///
    /// # Errors
    /// As [`Machine::journal`].
    pub async fn download_journal(&self, permit: &Permit<ViewJournal>, query: &JournalQuery) -> Result<String, Error> {
        let lines = self.journal_text(query, DOWNLOAD_LINES).await?;
        let event = NewEvent {
            actor: permit.actor().clone(),
            action: deed::JOURNAL_EXPORT,
            subject: Subject::the_box(),
            outcome: Outcome::Ok,
            detail: json!({ "unit": query.unit, "priority": query.priority, "boot": query.boot }),
            address: permit.address(),
        };
        self.inner.store.write(move |tx| Ok::<_, Error>(tx.event(event).map(drop)?)).await?;
        Ok(lines)
    }

    /// The newest lines that fit, as text with full times.
    pub(crate) async fn journal_text(&self, query: &JournalQuery, most: usize) -> Result<String, Error> {
        let mut query = Query { lines: LINES_MAX, ..query.parse()? };
        let (mut parts, mut count) = (Vec::new(), 0);
        while count < most {
            let page = self.page(self.outside().journal.window(&query, &CancellationToken::new()).await)?;
            count += page.lines.len();
            let first = page.lines.first().and_then(|line| line.cursor.parse().ok());
            let text: String =
                page.lines.iter().map(|line| format!("{} {}\n", line.at, line.text_after_time())).collect();
            parts.push(text);
            let (true, Some(first)) = (page.more, first) else { break };
            query.from = Start::Before(first);
        }
        parts.reverse();
        Ok(parts.concat())
    }
}

impl JournalLine {
    /// As [`JournalLine::text`], for where the time stands already.
    fn text_after_time(&self) -> String {
        let process = self.process.map(|process| format!("[{process}]")).unwrap_or_default();
        let unit = self.unit.as_deref().unwrap_or("-");
        format!("{} {unit} {}{process}: {}", self.priority, self.identifier, self.message)
    }
}
