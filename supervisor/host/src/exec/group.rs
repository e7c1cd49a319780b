//! A process group that cannot outlive its owner.

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// The group of a started child. Dropped before [`disarm`](Self::disarm), it kills whatever is in it, so
/// that a future which is dropped half way leaves no process behind.
pub(super) struct Group {
    id: Option<Pid>,
}

impl Group {
    /// The group whose leader is the child with this process id.
    pub(super) fn of(pid: Option<u32>) -> Self {
        Self { id: pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 1).map(Pid::from_raw) }
    }

    pub(super) fn send(&self, signal: Signal) {
        if let Some(id) = self.id {
            // ESRCH: nobody is left, which is what was wanted.
            let _ = killpg(id, signal);
        }
    }

    /// The group ended by itself: nothing to kill any more.
    pub(super) fn disarm(mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(Signal::SIGKILL);
    }
}
