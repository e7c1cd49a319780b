//! From ready to gone: signals, the watchdog, the orderly end.

use std::{convert::Infallible, fs, pin::pin, time::Duration};

use anyhow::Context;
use orbitr_host::notify;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{interval, sleep, timeout},
};

use super::{App, announce::Notice, identity, parts::Parts, say, site, waiting, welcome};

/// The end may take this long; the unit's `TimeoutStopSec=` must be longer. Connections have 10 s of it.
const ENDING: Duration = Duration::from_secs(14);

/// How long after a change the state is looked at.
const SETTLE: Duration = Duration::from_secs(1);

impl App {
    /// Runs until it is told to stop.
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        let mut stop = Stop::listen()?;
        let mut reload = signal(SignalKind::hangup()).context("signals cannot be received")?;
        let look_again = Notify::new();
        let follow = identity::follow(self.config.clone(), self.certificates.clone(), &look_again);
        let reloads = async {
            while reload.recv().await.is_some() {
                look_again.notify_one();
            }
        };
        let mut beside = pin!(async { tokio::join!(follow, reloads, watchdog()) });
        loop {
            self.tell_ready();
            tokio::select! {
                () = stop.asked() => break,
                () = self.parts.recovered() => {}
                () = self.parts.data_opened() => {
                    tracing::info!("the data partition is open: starting again on it");
                    break;
                }
                never = self.tell_changes() => match never {},
                never = self.parts.keep_copies(&self.config.state_dir) => match never {},
                never = self.parts.follow_machine() => match never {},
                never = self.parts.watch() => match never {},
                never = self.parts.keep_time() => match never {},
                _ = &mut beside => {}
            }
            // The watchdog wants to be fed meanwhile: opening a database may take its time.
            tokio::select! {
                opened = self.reopen() => opened?,
                _ = &mut beside => {}
            }
        }
        notify::stopping();
        notify::status("Stopping");
        tracing::info!("stopping");
        tokio::select! {
            ended = timeout(ENDING, self.end()) => {
                if ended.is_err() {
                    tracing::warn!("the orderly end takes too long; the next start goes on from here");
                }
            }
            () = stop.asked() => tracing::warn!("asked to stop again: stopping at once; the next start goes on from here"),
        }
        Ok(())
    }

    /// Says where the box is, and in which state.
    fn tell_ready(&self) {
        let status = self.parts.summary();
        let announcement = self.announcement(&status);
        say(&announcement);
        match &self.config.image {
            Some(places) => waiting::welcome(places, &announcement),
            None => welcome::leave(&self.config.socket, &announcement),
        }
        notify::status(&status);
        notify::ready();
        tracing::info!(status, "ready");
    }

    /// Tells the service manager whenever the state becomes another one, for example when the box is claimed.
    async fn tell_changes(&self) -> Infallible {
        let (mut changes, mut told) = (self.parts.changes(), self.parts.summary());
        loop {
            changes.next().await;
            // What a change means is known a moment after it is heard of; and nobody needs this any sooner.
            sleep(SETTLE).await;
            let status = self.parts.summary();
            if status != told {
                notify::status(&status);
                told = status;
            }
        }
    }

    /// Out of Recovery mode: opens the database again and serves what it finds then.
    async fn reopen(&mut self) -> anyhow::Result<()> {
        tracing::info!("opening the database again");
        if let Some(starts) = &mut self.starts {
            starts.count_anew();
        }
        self.parts = Parts::build(&self.config, &self.certificates, None).await?;
        self.site.replace(site::router(&self.parts, &self.certificates));
        Ok(())
    }

    /// No new visitors, jobs put down where they are, the database closed.
    async fn end(&self) {
        tokio::join!(self.front.close(), self.parts.park());
        self.parts.close().await;
        if let Some(starts) = &self.starts {
            starts.ended_well();
        }
        if let Some(path) = &self.listeners.control_file
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "the control socket's file cannot be removed");
        }
        tracing::info!("stopped");
    }

    /// What somebody who reads the service's log needs to get in.
    fn announcement(&self, state: &str) -> String {
        let notice = Notice {
            state,
            urls: self.addresses.urls(&identity::names(&self.config)),
            code: self.parts.code(),
            certificate: self.certificates.leaf_fingerprint().to_string(),
            authority: self.certificates.ca_fingerprint().to_string(),
            missing: &self.listeners.missing,
        };
        notice.to_string()
    }
}

/// Waits for SIGTERM (the service manager) or SIGINT (Ctrl-C).
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("signals cannot be received");
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells the service manager that tasks are still being run, as often as it wants to hear it.
async fn watchdog() -> Infallible {
    let Some(every) = notify::watchdog_interval() else { return std::future::pending().await };
    let mut tick = interval(every);
    loop {
        tick.tick().await;
        notify::alive();
    }
}
