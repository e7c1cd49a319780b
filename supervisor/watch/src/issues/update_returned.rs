//! A version of the system was tried, did not do its work, and the one before came back.

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    // The newest stands first; what older ones did not do is on the page.
    let Some(back) = facts.returned.first() else { return };
    let (title, detail) = back.reason.as_ref().map_or_else(
        || ("It did not come so far as to say".to_owned(), String::new()),
        |reason| (format!("{} ({})", reason.title, reason.code), reason.detail.clone()),
    );
    let title_of_issue = format!("Orbitr OS {} did not work here, and the version before is back", back.version);
    let mut found = Found::new(Kind::UpdateReturned, Subject::Box, Severity::Warning, title_of_issue)
        .explained(
            "The box restarted with it, and it did not pass the checks that every new version has to pass: so the box went back \
             to the version that worked. Apps and data are as they were. This version is not installed again unless you say so; \
             a newer one is.",
        )
        .shown_by("Version", back.version.as_str())
        .shown_by("Why", title)
        .shown_by("Seen", detail);
    if let Some(at) = back.at {
        found = found.since(at);
    }
    out.found.push(found.fix(Fix::OpenUpdates));
}
