//! Crash tests only (feature `fault-injection`): the process aborts at one committed point, once.
//!
//! `ORBITR_ABORT_AT` names the point, `<kind>/<step>/<before|after|undo-before|undo-after>`.
//! `ORBITR_ABORT_ONCE` names a file that is made just before the abort; while it is there, nothing
//! happens, so that the next start gets past the point.

/// Where in the life of a step a point lies; each comes right after a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// The step's beginning is written, nothing of it is done.
    Before,
    /// The step's end is written.
    After,
    /// The beginning of its undo is written, nothing is undone.
    UndoBefore,
    /// The end of its undo is written.
    UndoAfter,
}

#[cfg(feature = "fault-injection")]
pub(crate) fn point(kind: &str, step: &str, moment: Moment) {
    let moment = match moment {
        Moment::Before => "before",
        Moment::After => "after",
        Moment::UndoBefore => "undo-before",
        Moment::UndoAfter => "undo-after",
    };
    let here = format!("{kind}/{step}/{moment}");
    if std::env::var("ORBITR_ABORT_AT").is_ok_and(|wanted| wanted == here) && first_time() {
        tracing::error!(point = here, "aborting here, as this crash test wants");
        std::process::abort();
    }
}

#[cfg(feature = "fault-injection")]
fn first_time() -> bool {
    std::env::var_os("ORBITR_ABORT_ONCE").is_none_or(|marker| std::fs::File::create_new(marker).is_ok())
}

#[cfg(not(feature = "fault-injection"))]
pub(crate) const fn point(_kind: &str, _step: &str, _moment: Moment) {}
