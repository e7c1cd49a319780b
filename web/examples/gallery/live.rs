//! A sample job that goes on by itself, and the stream that says so.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::stream;
use maud::Markup;
use orbitr_model::JobState;
use orbitr_web::shell::{self, TrayJob};
use tokio::sync::broadcast;

use crate::{Routes, Work as WorkState};

pub(crate) const JOB: &str = "0198c0de-0000-7000-8000-000000000001";
const TICKS: u64 = 60;

/// Where the sample job is: one tick a second, round and round.
pub(crate) struct Work {
    tick: AtomicU64,
    changes: broadcast::Sender<u64>,
}

impl Work {
    pub(crate) fn start() -> Arc<Self> {
        let work = Arc::new(Self { tick: AtomicU64::new(20), changes: broadcast::channel(16).0 });
        // Screenshots want it to stand still.
        if std::env::var_os("GALLERY_STILL").is_some() {
            return work;
        }
        let mover = Arc::clone(&work);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let now = mover.tick.fetch_add(1, Ordering::Relaxed) + 1;
                let _ = mover.changes.send(now);
            }
        });
        work
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.tick.load(Ordering::Relaxed)
    }

    /// 0 to [`TICKS`].
    pub(crate) fn position(&self) -> u64 {
        self.cursor() % TICKS
    }

    pub(crate) fn fraction(&self) -> f64 {
        self.position() as f64 / TICKS as f64
    }

    pub(crate) fn tray(&self) -> Vec<TrayJob> {
        vec![TrayJob {
            id: JOB.parse().unwrap(),
            title: "Install PostgreSQL".into(),
            state: JobState::Running,
            progress: Some(self.fraction()),
            message: format!("Pulling images, {} of 148 MiB", self.position() * 148 / TICKS),
        }]
    }
}

async fn tray(State(work): WorkState) -> Markup {
    shell::tray(&work.tray())
}

async fn events(State(work): WorkState) -> Response {
    let changes = work.changes.subscribe();
    let stream = stream::unfold(changes, |mut changes| async move {
        let event = match changes.recv().await {
            Ok(id) => Event::default().event("changed").data(format!("jobs job:{JOB}")).id(id.to_string()),
            Err(broadcast::error::RecvError::Lagged(_)) => Event::default().event("reset").data(""),
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        Some((Ok::<_, Infallible>(event), changes))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response()
}

pub(crate) fn routes() -> Routes {
    Routes::new().route("/events", get(events)).route("/jobs/tray", get(tray))
}
