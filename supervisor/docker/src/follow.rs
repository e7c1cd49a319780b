//! Listens to the engine for as long as the supervisor runs.
//!
//! One session: ask who answers, fill the table by one list, then let the event stream drive it; only
//! the container an event names is looked at again. While the engine is up there is no timer here at
//! all. A session ends when the stream does; the next one is tried with growing pauses.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::EventMessage,
    query_parameters::{EventsOptions, EventsOptionsBuilder},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use orbitr_model::Timestamp;
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Connection, Container, Docker, Engine, Error, Event, Scope,
    connection::api_version,
    event::{ACTIONS, Heard},
};

/// Docker 20.10, the oldest that Debian releases in use carry.
const OLDEST_API: (u32, u32) = (1, 41);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many containers are looked at at the same time.
const AT_ONCE: usize = 4;
/// Events that may wait while a container is looked at. More than this at once, and the table is filled
/// afresh instead.
const WAITING: usize = 4096;
const STREAM_ENDED: &str = "the stream of events ended";

pub(crate) async fn follow(docker: Docker) {
    let mut pause = FIRST_PAUSE;
    loop {
        let reason = match session(&docker).await {
            Ok(never) => match never {},
            Err(error) => reason(&error),
        };
        let was_up = docker.connection().borrow().is_up();
        if was_up {
            pause = FIRST_PAUSE;
            tracing::warn!(%reason, "Docker does not answer any more");
        }
        let since = match &*docker.connection().borrow() {
            Connection::Down { since, .. } => *since,
            Connection::Up(_) => Timestamp::now(),
        };
        docker.set_connection(Connection::Down { reason, since });
        if was_up {
            docker.publish(Event::Disconnected);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::DaemonDown { reason } => reason.clone(),
        Error::Other { detail, .. } => detail.clone(),
        other => other.to_string(),
    }
}

/// Ends only when the engine is lost.
async fn session(docker: &Docker) -> Result<std::convert::Infallible, Error> {
    let engine = hello(docker).await?;
    // The stream begins before the list does, so that nothing falls between them; what happens meanwhile
    // is looked at twice, which does no harm. The engine keeps its last events, so the stream has those
    // that come before it is really open, too.
    let since = Timestamp::now();
    let (mut events, _listener) = listen(docker, since)?;
    let containers = list(docker).await?;
    docker.table().refill(containers);
    tracing::info!(version = %engine.version, "Docker answers");
    docker.set_connection(Connection::Up(engine));
    docker.publish(Event::Connected);
    loop {
        let Some(heard) = events.recv().await else {
            return Err(Error::DaemonDown { reason: STREAM_ENDED.to_owned() });
        };
        let heard = heard?;
        look_at(docker, &heard).await?;
        docker.publish(heard.into_event());
    }
}

async fn hello(docker: &Docker) -> Result<Engine, Error> {
    let client = docker.client()?;
    let version = docker.call("version", client.version()).await?;
    let api = version.api_version.as_deref().and_then(api_version);
    let name = version.version.unwrap_or_else(|| "?".to_owned());
    match api {
        Some(api) if api >= OLDEST_API => Ok(Engine { version: name, api }),
        _ => Err(Error::other("version", &format!("Docker {name} is too old; 20.10 or newer is needed"))),
    }
}

type Events = mpsc::Receiver<Result<Heard, Error>>;

/// Reads the streams as fast as they come: the engine drops events for a listener that is slow.
fn listen(docker: &Docker, since: Timestamp) -> Result<(Events, [AbortOnDropHandle<()>; 2]), Error> {
    let since = format!("{}.{:09}", since.as_second(), since.subsec_nanosecond());
    let options = |mut filters: HashMap<String, Vec<String>>, kind: &str, actions: &[&str]| {
        filters.insert("type".to_owned(), vec![kind.to_owned()]);
        filters.insert("event".to_owned(), actions.iter().map(|&action| action.to_owned()).collect());
        EventsOptionsBuilder::default().since(&since).filters(&filters).build()
    };
    let (tx, rx) = mpsc::channel(WAITING);
    let containers = options(docker.filters(Scope::Box), "container", &ACTIONS);
    let networks = options(HashMap::new(), "network", &["disconnect"]);
    let table = docker.clone();
    let readers = [
        read(docker.client()?.clone(), containers, tx.clone(), Heard::read),
        read(docker.client()?.clone(), networks, tx, move |message| {
            Heard::cut_off(message, |id| table.table().get(id))
        }),
    ];
    Ok((rx, readers))
}

fn read(
    client: bollard::Docker,
    options: EventsOptions,
    tx: mpsc::Sender<Result<Heard, Error>>,
    hear: impl Fn(EventMessage) -> Option<Heard> + Send + 'static,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut stream = std::pin::pin!(client.events(Some(options)));
        while let Some(next) = stream.next().await {
            let heard = match next {
                Ok(message) => hear(message).map(Ok),
                Err(error) => Some(Err(Error::from_api("events", &error))),
            };
            // Full means that we cannot keep up: end the session, the next one fills the table afresh.
            if heard.is_some_and(|heard| tx.try_send(heard).is_err()) {
                return;
            }
        }
        // The other stream may go on for a while: the session ends with the first.
        let _ = tx.try_send(Err(Error::DaemonDown { reason: STREAM_ENDED.to_owned() }));
    }))
}

async fn list(docker: &Docker) -> Result<Vec<Container>, Error> {
    let found = docker.owned_containers(Scope::Box).await?;
    stream::iter(found)
        .map(|owned| async move { there(docker.inspect(owned.get()).await) })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}

async fn look_at(docker: &Docker, heard: &Heard) -> Result<(), Error> {
    match there(docker.inspect(&heard.id).await)? {
        Some(container) => docker.table().put(container),
        None => docker.table().remove(&heard.id),
    }
    Ok(())
}

/// None for a container that went away meanwhile.
fn there(inspected: Result<Container, Error>) -> Result<Option<Container>, Error> {
    match inspected {
        Ok(container) => Ok(Some(container)),
        Err(Error::Gone { .. } | Error::NotOurs { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
