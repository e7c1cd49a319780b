//! From ready to gone: signals, the watchdog, the orderly end.

use std::{fs, time::Duration};

use anyhow::Context;
use orbitr_host::notify;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
    time::{interval, timeout},
};

use super::{App, announce::Notice, identity, say};

/// The end may take this long; the unit's `TimeoutStopSec=` must be longer. Connections have 10 s of it.
const ENDING: Duration = Duration::from_secs(14);

impl App {
    /// Runs until it is told to stop.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut stop = Stop::listen()?;
        let mut reload = signal(SignalKind::hangup()).context("signals cannot be received")?;
        say(&self.announcement());
        notify::status(&self.status());
        notify::ready();
        tracing::info!(status = self.status(), "ready");

        let look_again = Notify::new();
        let follow = identity::follow(self.config.clone(), self.certificates.clone(), &look_again);
        tokio::select! {
            () = stop.asked() => {}
            () = follow => {}
            () = watchdog() => {}
            () = async { while reload.recv().await.is_some() { look_again.notify_one(); } } => {}
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

    /// No new visitors, jobs put down where they are, the database closed.
    async fn end(&self) {
        tokio::join!(self.front.close(), self.parts.park());
        self.parts.close().await;
        if let Some(path) = &self.listeners.control_file
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!(%error, "the control socket's file cannot be removed");
        }
        tracing::info!("stopped");
    }

    /// In one line, for `systemctl status`.
    fn status(&self) -> String {
        let mut parts = vec![self.parts.summary()];
        parts.extend(self.listeners.missing.iter().cloned());
        parts.join("; ")
    }

    /// What somebody who reads the service's log needs to get in.
    fn announcement(&self) -> String {
        let notice = Notice {
            state: self.parts.summary(),
            urls: self.addresses.urls(&identity::names(&self.config)),
            setup_code: self.parts.setup_code(),
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
async fn watchdog() {
    let Some(every) = notify::watchdog_interval() else { return std::future::pending().await };
    let mut tick = interval(every);
    loop {
        tick.tick().await;
        notify::alive();
    }
}
