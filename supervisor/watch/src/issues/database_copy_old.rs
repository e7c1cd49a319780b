//! The box copies its database each day, and has not for days.

use jiff::SignedDuration;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// One is made each day while the box runs.
const OLD: SignedDuration = SignedDuration::from_hours(3 * 24);
/// After a long time without power, the first is made at once.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let age = facts.copies.newest.map(|at| facts.now.duration_since(at));
    let is_old = age.is_some_and(|age| age > OLD);
    let trouble = facts.copies.trouble.as_ref();
    if !is_old && trouble.is_none() {
        return;
    }
    let title = match age {
        Some(age) if is_old => format!("The newest copy of the database is {} days old", age.as_hours() / 24),
        _ => "The database of the box could not be copied".to_owned(),
    };
    let newest = facts.copies.newest.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    let found = Found::new(Kind::DatabaseCopyOld, Subject::Box, Severity::Warning, title)
        .explained(
            "The box keeps a copy of its own database each day: accounts, settings, history, and what belongs to which app. If \
             the database is ever damaged, the box goes back to the newest copy, and what was done since is lost.",
        )
        .shown_by("Newest copy", newest.unwrap_or_else(|| "none".to_owned()))
        .shown_by("Why", trouble.cloned().unwrap_or_default())
        .fix(Fix::CopyDatabase);
    out.found.push(if trouble.is_some() { found } else { found.after(PATIENCE) });
}
