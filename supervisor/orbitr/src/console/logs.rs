//! Lines of the journal: through the supervisor, which takes known secrets out of them; without it, as they are.

use std::time::Duration;

use orbitr_console::{Event, Line, LogSource, Said};
use orbitr_host::journal::{Entry, Followed, Journal, Query, Start};
use orbitr_model::{Problem, Timestamp};
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::work::{Works, problem};
use crate::cli::stream::Events;

/// Lines at a time.
const LINES: u32 = 200;
/// Before a stream that has ended is begun again.
const AGAIN: Duration = Duration::from_secs(2);
/// From this priority on it is bad: «err», as syslog counts.
const BAD: u8 = 3;
const BAD_WORDS: [&str; 4] = ["emerg", "alert", "crit", "err"];

const OURS: &str = "orbitr.service";

fn query(source: LogSource) -> Vec<(&'static str, String)> {
    let unit = (source == LogSource::Orbitr).then(|| ("unit", OURS.to_owned()));
    unit.into_iter().collect()
}

fn local_query(source: LogSource) -> Query {
    let unit = (source == LogSource::Orbitr).then(|| OURS.parse().ok()).flatten();
    Query { unit, lines: LINES, ..Query::default() }
}

/// The last lines, and each new one; until it is aborted.
pub(super) async fn follow(works: &Works, source: LogSource) {
    let mut asked = query(source);
    asked.push(("limit", LINES.to_string()));
    match works.client().get(&["box", "journal"], &asked).await {
        Ok(page) if page.pointer("/available") == Some(&Value::Bool(true)) => over_api(works, source, &page).await,
        _ => here(works, source).await,
    }
}

async fn over_api(works: &Works, source: LogSource, page: &Value) {
    let lines: Vec<Line> = page.pointer("/lines").and_then(Value::as_array).into_iter().flatten().map(line).collect();
    let mut last = lines.last().map(|line| line.cursor.clone());
    if works.tell(Event::Log(Said::Window(lines))).await.is_err() {
        return;
    }
    loop {
        let mut asked = query(source);
        asked.extend(last.clone().map(|cursor| ("after", cursor)));
        let Ok(answer) = works.client().stream(&["box", "journal", "follow"], &asked).await else {
            // The supervisor has gone: the journal has not.
            return here(works, source).await;
        };
        let mut events = Events::new(works.client(), answer);
        while let Ok(Some(event)) = events.next().await {
            let Ok(value) = serde_json::from_str::<Value>(&event.data) else { continue };
            let said = match event.name.as_str() {
                "message" => {
                    let line = line(&value);
                    last = Some(line.cursor.clone());
                    Said::New(line)
                }
                "problem" => Said::Broken(serde_json::from_value(value).unwrap_or_else(|_| Problem::internal())),
                _ => continue,
            };
            if works.tell(Event::Log(said)).await.is_err() {
                return;
            }
        }
        sleep(AGAIN).await;
    }
}

async fn here(works: &Works, source: LogSource) {
    let (journal, cancel) = (Journal::system(), CancellationToken::new());
    // The child ends with this task.
    let _guard = cancel.clone().drop_guard();
    let window = match journal.window(&local_query(source), &cancel).await {
        Ok(window) => window,
        Err(error) => {
            let _ = works.tell(Event::Log(Said::Broken(error.into()))).await;
            return;
        }
    };
    let mut from = window.entries.last().and_then(|entry| entry.cursor.parse().ok()).map_or(Start::End, Start::After);
    let lines = window.entries.iter().map(entry).collect();
    if works.tell(Event::Log(Said::Window(lines))).await.is_err() {
        return;
    }
    loop {
        let (to, mut heard) = Journal::channel();
        let query = Query { from: from.clone(), ..local_query(source) };
        let listen = async {
            while let Some(told) = heard.recv().await {
                let Followed::Entry(found) = told else { continue };
                from = found.cursor.parse().map_or(Start::End, Start::After);
                if works.tell(Event::Log(Said::New(entry(&found)))).await.is_err() {
                    return;
                }
            }
        };
        let (followed, ()) = tokio::join!(journal.follow(&query, to, &cancel), listen);
        if let Err(error) = followed {
            let _ = works.tell(Event::Log(Said::Broken(error.into()))).await;
            return;
        }
        sleep(AGAIN).await;
    }
}

/// Lines before the one at this position.
pub(super) async fn before(works: &Works, source: LogSource, cursor: &str) -> Said {
    let mut asked = query(source);
    asked.extend([("before", cursor.to_owned()), ("limit", LINES.to_string())]);
    let page = works.client().get(&["box", "journal"], &asked).await;
    let why = match page {
        Ok(page) if page.pointer("/available") == Some(&Value::Bool(true)) => {
            let lines = page.pointer("/lines").and_then(Value::as_array);
            return Said::Older(lines.into_iter().flatten().map(line).collect());
        }
        Ok(_) => None,
        Err(failure) => Some(problem(failure)),
    };
    let Ok(position) = cursor.parse() else { return Said::Broken(why.unwrap_or_else(Problem::internal)) };
    let query = Query { from: Start::Before(position), ..local_query(source) };
    match Journal::system().window(&query, &CancellationToken::new()).await {
        Ok(window) => Said::Older(window.entries.iter().map(entry).collect()),
        Err(error) => Said::Broken(error.into()),
    }
}

fn line(value: &Value) -> Line {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Line {
        cursor: text("/cursor"),
        at: text("/at").parse().map(at).unwrap_or_default(),
        who: text("/identifier"),
        bad: BAD_WORDS.contains(&text("/priority").as_str()),
        text: text("/message"),
    }
}

fn entry(entry: &Entry) -> Line {
    Line {
        cursor: entry.cursor.clone(),
        at: Timestamp::from_microsecond(entry.at_us).map(at).unwrap_or_default(),
        who: entry.identifier.clone(),
        bad: entry.priority <= BAD,
        text: entry.message.clone(),
    }
}

fn at(moment: Timestamp) -> String {
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%b %d %H:%M:%S").to_string()
}
