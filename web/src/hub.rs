//! The stream of changes: one feed from the store, numbered, for every page that is open.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{Sse, sse},
};
use futures_util::{Stream, stream};
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{OwnAccount, ViewJournal},
};
use orbitr_machine::JournalWatch;
use orbitr_model::Topic;
use orbitr_store::Store;
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::site::Site;

/// Changes that a page which lost its connection can catch up on; beyond that it fetches everything.
const KEPT: usize = 512;
/// So often a silent stream says that it is alive; the script gives up after 45 s of silence.
const ALIVE: Duration = Duration::from_secs(15);
/// Topics that one page may follow.
const TOPICS_MAX: usize = 64;

#[derive(Clone, Debug)]
struct Change {
    number: u64,
    topic: Topic,
}

struct Kept {
    next: u64,
    changes: VecDeque<Change>,
}

/// Numbers the changes of the store and hands them to every open page.
#[derive(Clone)]
pub struct Hub {
    /// Which run of the supervisor the numbers belong to.
    run: Arc<str>,
    kept: Arc<Mutex<Kept>>,
    feed: broadcast::Sender<Change>,
}

impl Hub {
    /// Begins to listen; must be called within a tokio runtime. Ends with the store.
    #[must_use]
    pub fn start(store: &Store) -> Self {
        let hub = Self {
            run: orbitr_model::SessionId::new().to_string().into(),
            kept: Arc::new(Mutex::new(Kept { next: 1, changes: VecDeque::with_capacity(KEPT) })),
            feed: broadcast::channel(KEPT).0,
        };
        let mut changes = store.changes();
        let listener = hub.clone();
        tokio::spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(topic) => listener.add(topic),
                    Err(RecvError::Lagged(_)) => listener.forget(),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        hub
    }

    fn add(&self, topic: Topic) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let change = Change { number: kept.next, topic };
        kept.next += 1;
        if kept.changes.len() == KEPT {
            kept.changes.pop_front();
        }
        kept.changes.push_back(change.clone());
        // Nobody listens: that is fine.
        let _ = self.feed.send(change);
    }

    /// Some changes were missed: whoever comes back has to fetch everything.
    fn forget(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.next += 1;
        kept.changes.clear();
    }

    /// Where the stream is now: what a page passes as `after`.
    #[must_use]
    pub fn position(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        self.id(kept.next - 1)
    }

    fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.run)
    }

    /// What was missed since a position; none when that cannot be told.
    fn since(&self, position: &str) -> Option<Vec<Change>> {
        let (run, number) = position.split_once('.')?;
        let number: u64 = number.parse().ok().filter(|_| *run == *self.run)?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = kept.changes.front().map_or(kept.next, |change| change.number);
        (number + 1 >= oldest && number < kept.next)
            .then(|| kept.changes.iter().filter(|change| change.number > number).cloned().collect())
    }
}

/// The query of the stream.
#[derive(Debug, Deserialize)]
pub(crate) struct EventsQuery {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    topics: String,
}

/// `GET /events`: which of the page's topics changed.
pub(crate) async fn events(
    State(site): State<Site>,
    permit: Permit<OwnAccount>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let hub = site.hub.clone();
    // Subscribed before what was missed is read, so that nothing falls between.
    let feed = hub.feed.subscribe();
    let topics = wanted(&query.topics, permit.caller());
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let missed = last.or(query.after.as_deref()).map(|position| hub.since(position));
    let first = match missed {
        Some(Some(changes)) => changes.into_iter().map(Told::Changed).collect(),
        Some(None) => VecDeque::from([Told::Reset]),
        None => VecDeque::new(),
    };
    // The machine's journal is only watched while a page shows it.
    let watch = topics.contains(&Topic::Journal).then(|| site.machine.watch_journal());
    let reader = Reader { hub, feed, topics, first, heard: 0, _watch: watch };
    let events =
        stream::unfold(reader, |mut reader| async move { reader.next().await.map(|event| (Ok(event), reader)) });
    Sse::new(events).keep_alive(sse::KeepAlive::new().interval(ALIVE))
}

/// The topics that a page asks for and its reader may know of.
fn wanted(list: &str, caller: &Caller) -> Vec<Topic> {
    let allowed = |topic: &Topic| match topic {
        Topic::App(app) => caller.level_on_app(app).is_some(),
        Topic::Journal => caller.may::<ViewJournal>(&TheBox),
        _ => true,
    };
    list.split(',').filter_map(|topic| topic.parse().ok()).filter(allowed).take(TOPICS_MAX).collect()
}

enum Told {
    Changed(Change),
    Reset,
}

struct Reader {
    hub: Hub,
    feed: broadcast::Receiver<Change>,
    topics: Vec<Topic>,
    first: VecDeque<Told>,
    /// The last change that was told: the feed may hold it once more.
    heard: u64,
    _watch: Option<JournalWatch>,
}

impl Reader {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            let told = match self.first.pop_front() {
                Some(told) => told,
                None => match self.feed.recv().await {
                    Ok(change) => Told::Changed(change),
                    Err(RecvError::Lagged(_)) => Told::Reset,
                    Err(RecvError::Closed) => return None,
                },
            };
            match told {
                Told::Reset => return Some(sse::Event::default().event("reset").id(self.hub.position()).data("all")),
                Told::Changed(change) if change.number <= self.heard || !self.topics.contains(&change.topic) => {}
                Told::Changed(change) => {
                    self.heard = change.number;
                    let id = self.hub.id(change.number);
                    return Some(sse::Event::default().event("changed").id(id).data(change.topic.to_string()));
                }
            }
        }
    }
}
