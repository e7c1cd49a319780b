//! An app's logs: the lines of all its containers, in the order of time.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use orbitr_access::{Permit, action::ViewApp};
use orbitr_docker::{Container, LogLine, Source, Tail};
use orbitr_model::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Apps, Error, view::LogEntry};

/// The most lines that one request gets of what was written before.
pub const LOG_LINES_MAX: u32 = 5000;

/// Which lines are wanted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    /// Only those of this service.
    pub service: Option<String>,
    /// The last so many; 1 to 5000.
    #[schemars(range(min = 1, max = 5000))]
    pub tail: u32,
    /// Only those written after this moment.
    pub since: Option<Timestamp>,
    /// Only those that hold this text, in upper or lower case.
    pub search: Option<String>,
    /// Whether to go on with new lines as they are written.
    pub follow: bool,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self { service: None, tail: 200, since: None, search: None, follow: false }
    }
}

impl LogQuery {
    fn wants(&self, entry: &LogEntry) -> bool {
        self.search.as_ref().is_none_or(|text| entry.text.to_lowercase().contains(&text.to_lowercase()))
    }

    fn tail(&self) -> u32 {
        self.tail.clamp(1, LOG_LINES_MAX)
    }
}

/// Lines as they come; ends when the containers end. Dropping it ends the reading at the engine too.
pub type LogStream = Pin<Box<dyn Stream<Item = Result<LogEntry, Error>> + Send>>;

impl Apps {
    /// The last lines of an app's logs, the oldest first.
    ///
    /// # Errors
    /// There is no such app, or Docker does not answer.
    pub async fn log_window(&self, permit: &Permit<ViewApp>, query: &LogQuery) -> Result<Vec<LogEntry>, Error> {
        self.exists(permit.resource()).await?;
        let mut entries = Vec::new();
        for container in self.docker().containers_of(permit.resource())? {
            let Some(service) = wanted(&container, query) else { continue };
            let request = request(query, false);
            let mut lines = self.docker().logs(container.id(), request).await?;
            while let Some(line) = lines.next().await {
                let entry = entry(&service, line?);
                if query.wants(&entry) {
                    entries.push(entry);
                }
            }
        }
        entries.sort_by_key(|entry| entry.time);
        let surplus = entries.len().saturating_sub(query.tail() as usize);
        Ok(entries.split_off(surplus))
    }

    /// An app's logs as they are written, after the last lines of what was written before.
    ///
    /// # Errors
    /// As [`Apps::log_window`].
    pub async fn log_stream(&self, permit: &Permit<ViewApp>, query: LogQuery) -> Result<LogStream, Error> {
        self.exists(permit.resource()).await?;
        let mut streams = Vec::new();
        for container in self.docker().containers_of(permit.resource())? {
            let Some(service) = wanted(&container, &query) else { continue };
            let lines = self.docker().logs(container.id(), request(&query, true)).await?;
            streams.push(lines.map(move |line| line.map(|line| entry(&service, line)).map_err(Error::from)).boxed());
        }
        let all = stream::select_all(streams)
            .filter(move |line| std::future::ready(line.as_ref().map_or(true, |entry| query.wants(entry))));
        Ok(all.boxed())
    }
}

/// The service's name, if its lines are wanted.
fn wanted(container: &Container, query: &LogQuery) -> Option<String> {
    let service = container.service.clone().unwrap_or_else(|| container.name.clone());
    query.service.as_ref().is_none_or(|wanted| *wanted == service).then_some(service)
}

fn request(query: &LogQuery, follow: bool) -> orbitr_docker::LogRequest {
    // A search looks through all that Docker kept; without one, the last lines are enough.
    let tail = if query.search.is_some() { Tail::All } else { Tail::Lines(query.tail()) };
    orbitr_docker::LogRequest { follow, tail, since: query.since, ..orbitr_docker::LogRequest::default() }
}

fn entry(service: &str, line: LogLine) -> LogEntry {
    let source = match line.source {
        Source::Stdout => "stdout",
        Source::Stderr => "stderr",
    };
    LogEntry { time: line.time, service: service.to_owned(), source: source.to_owned(), text: line.text }
}
