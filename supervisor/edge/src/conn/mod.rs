//! One connection, whatever carries it: HTTP/1 or HTTP/2 over a stream, within its limits.

mod activity;
mod body;
mod io;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::{body::Body, http::Request};
use http::{Extensions, Response};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    activity::{Activity, Verdict},
    body::{Paced, Tracked},
    io::Watched,
};
use crate::{Limits, Site};

/// How long a client has to take leave after it was told that its idle connection closes.
const FAREWELL: Duration = Duration::from_secs(5);
/// The most bytes of an HTTP/1 header; hyper answers 431 to more.
const MAX_HTTP1_HEAD: usize = 64 * 1024;
/// The most bytes of an HTTP/2 request's header list.
const MAX_HTTP2_HEAD: u32 = 32 * 1024;
/// The most requests at once in one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;
/// The most streams that a client may have reset before they were looked at, and the most that its own
/// errors may have reset; beyond, its connection ends (CVE-2023-44487, "rapid reset").
const MAX_RESETS: usize = 20;
const MAX_ERROR_RESETS: usize = 100;

/// What the bytes of a connection mean; TLS clients say it in their ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What all connections of a front door share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) limits: Arc<Limits>,
    /// No new work; requests in progress end.
    pub(crate) stop: CancellationToken,
    /// Everything ends.
    pub(crate) abort: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl House {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: Arc::new(limits),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Runs a task until it ends or everything does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            abort.run_until_cancelled(task).await;
        });
    }

    /// Serves one connection to its end. `introduction` goes into every request's extensions.
    pub(crate) async fn serve<S>(&self, stream: S, protocol: Protocol, site: &Site, introduction: Extensions)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(protocol, Instant::now());
        let io = TokioIo::new(Watched::new(stream, activity.clone()));
        let (site, stop, pace) = (site.clone(), self.stop.clone(), self.limits.body);
        let requests = activity.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (site, stop, guard) = (site.clone(), stop.clone(), requests.request());
            let mut request = request.map(|body| Body::new(Paced::new(body, pace)));
            request.extensions_mut().extend(introduction.clone());
            async move {
                let answer = site.answer(request).await?;
                Ok::<Response<Tracked>, Infallible>(Tracked::wrap(answer, guard, &stop))
            }
        });
        match protocol {
            Protocol::Http1 => {
                let connection = http1().serve_connection(io, service);
                self.drive(connection, http1::Connection::graceful_shutdown, &activity).await;
            }
            Protocol::Http2 => {
                let connection = http2(self.clone()).serve_connection(io, service);
                self.drive(connection, http2::Connection::graceful_shutdown, &activity).await;
            }
        }
    }

    async fn drive<C>(&self, connection: C, say_goodbye: fn(Pin<&mut C>), activity: &Activity)
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = pin!(connection);
        let mut stop = pin!(self.stop.cancelled());
        let mut timer = pin!(sleep_until(Instant::now()));
        let (mut stopping, mut cut_at) = (false, None);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(result) = connection.as_mut().poll(cx) {
                    if let Err(error) = result {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return Poll::Ready(());
                }
                if !stopping && stop.as_mut().poll(cx).is_ready() {
                    stopping = true;
                    say_goodbye(connection.as_mut());
                    continue;
                }
                let now = Instant::now();
                let (due, verdict) = cut_at.map_or_else(|| activity.due(&self.limits, now), |at| (at, Verdict::Cut));
                if timer.deadline() != due {
                    timer.as_mut().reset(due);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                match verdict {
                    Verdict::Look => {}
                    Verdict::Close => {
                        cut_at = Some(now + FAREWELL);
                        say_goodbye(connection.as_mut());
                    }
                    Verdict::Cut => {
                        tracing::debug!("a connection held its place without using it and was cut");
                        return Poll::Ready(());
                    }
                }
            }
        })
        .await;
    }
}

/// Runs the requests of HTTP/2 connections as tasks of the house.
impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for House {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The header's time is kept in `activity`, which says why.
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_HTTP1_HEAD);
    builder
}

fn http2(house: House) -> http2::Builder<House> {
    let mut builder = http2::Builder::new(house);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(MAX_HTTP2_HEAD);
    builder
}
