//! What one look changes: the issues that are known against those that were found. Pure.

use orbitr_model::{AppId, Timestamp};

use crate::{
    issues::{Findings, Found},
    model::{IssueId, Severity},
};

/// An issue as the database keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: IssueId,
    pub(crate) app: Option<AppId>,
    pub(crate) about: String,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) since: Timestamp,
    /// Whether it has lasted long enough to be shown.
    pub(crate) told: bool,
    pub(crate) dismissed: Option<Timestamp>,
}

impl Known {
    /// One that is seen for the first time.
    fn first(found: &Found, now: Timestamp) -> Self {
        let since = found.since.map_or(now, |since| since.min(now));
        Self {
            id: found.id.clone(),
            app: found.app.clone(),
            about: found.about.clone(),
            title: found.title.clone(),
            severity: found.severity,
            since,
            told: has_lasted(since, found, now),
            dismissed: None,
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is there, or it is another one than before.
    Keep {
        /// As it is from now on.
        issue: Known,
        /// Whether history says that it was found.
        told_now: bool,
    },
    /// It is over.
    End(Known),
}

/// Whether it has been there for as long as its kind wants. A clock that was set back must not hide it.
fn has_lasted(since: Timestamp, found: &Found, now: Timestamp) -> bool {
    now < since || now.duration_since(since) >= found.patience
}

/// What has to change.
pub(crate) fn plan(known: &[Known], findings: &Findings, now: Timestamp) -> Vec<Step> {
    let found = findings.found.iter().filter_map(|found| {
        let Some(before) = known.iter().find(|known| known.id == found.id) else {
            let issue = Known::first(found, now);
            return Some(Step::Keep { told_now: issue.told, issue });
        };
        let issue = after(before, found, now);
        let told_now = (issue.told && !before.told) || (before.dismissed.is_some() && issue.dismissed.is_none());
        (issue != *before).then_some(Step::Keep { issue, told_now })
    });
    let is_there = |known: &&Known| findings.found.iter().any(|found| found.id == known.id);
    let over = known.iter().filter(|known| !is_there(known) && !findings.is_unclear(&known.id));
    found.chain(over.cloned().map(Step::End)).collect()
}

/// A known one, found again.
fn after(before: &Known, found: &Found, now: Timestamp) -> Known {
    let mut issue = before.clone();
    // It has happened once more since.
    if let Some(since) = found.since.map(|since| since.min(now)).filter(|since| *since > before.since) {
        issue.since = since;
    }
    let again = before.dismissed.is_some_and(|dismissed| issue.since > dismissed);
    if again || found.severity > before.severity {
        issue.dismissed = None;
    }
    issue.severity = found.severity;
    issue.told = before.told || has_lasted(issue.since, found, now);
    issue
}

/// When the next one that is not told yet has lasted long enough.
pub(crate) fn due(known: &[Known], findings: &Findings) -> Option<Timestamp> {
    let waiting = known.iter().filter(|known| !known.told);
    let due = waiting.filter_map(|known| {
        let found = findings.found.iter().find(|found| found.id == known.id)?;
        known.since.checked_add(found.patience).ok()
    });
    due.min()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use jiff::SignedDuration;

    use super::*;
    use crate::model::{Kind, Subject};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn found(since: Option<i64>, severity: Severity, patience: i64) -> Findings {
        let found = Found {
            id: IssueId::new(Kind::AppDown, Subject::App("shop".parse().unwrap())),
            severity,
            app: Some("shop".parse().unwrap()),
            about: "Shop".to_owned(),
            title: "Shop is down".to_owned(),
            explanation: String::new(),
            evidence: Vec::new(),
            fixes: Vec::new(),
            since: since.map(at),
            patience: SignedDuration::from_secs(patience),
        };
        Findings { found: vec![found], ..Findings::default() }
    }

    /// What is known after a step that keeps it, and whether history is told.
    fn kept(steps: Vec<Step>) -> (Known, bool) {
        match <[Step; 1]>::try_from(steps) {
            Ok([Step::Keep { issue, told_now }]) => (issue, told_now),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_told_once_it_has_lasted_and_its_beginning_stays() {
        let patient = found(None, Severity::Bad, 20);
        let (first, told) = kept(plan(&[], &patient, at(100)));
        assert_eq!((first.told, told, first.since), (false, false, at(100)));
        assert_eq!(due(from_ref(&first), &patient), Some(at(120)));
        assert!(plan(from_ref(&first), &patient, at(119)).is_empty());
        let (later, told) = kept(plan(&[first], &patient, at(120)));
        assert_eq!((later.told, told, later.since), (true, true, at(100)));
        assert!(plan(from_ref(&later), &patient, at(500)).is_empty(), "nothing changes while it lasts");
        assert_eq!(due(from_ref(&later), &patient), None);
        assert_eq!(plan(from_ref(&later), &Findings::default(), at(501)), [Step::End(later)]);
    }

    #[test]
    fn a_clock_that_is_set_back_hides_nothing() {
        let (first, _) = kept(plan(&[], &found(None, Severity::Bad, 20), at(10_000)));
        let (later, told) = kept(plan(&[first], &found(None, Severity::Bad, 20), at(50)));
        assert!(later.told && told);
    }

    #[test]
    fn what_is_dismissed_stays_so_until_it_happens_again_or_gets_worse() {
        let (mut known, _) = kept(plan(&[], &found(Some(100), Severity::Warning, 0), at(110)));
        known.dismissed = Some(at(120));
        let known = [known];
        assert!(plan(&known, &found(Some(100), Severity::Warning, 0), at(130)).is_empty());
        let (again, told) = kept(plan(&known, &found(Some(125), Severity::Warning, 0), at(130)));
        assert_eq!((again.dismissed, again.since, told), (None, at(125), true));
        let (worse, told) = kept(plan(&known, &found(Some(100), Severity::Bad, 0), at(130)));
        assert_eq!((worse.dismissed, worse.severity, told), (None, Severity::Bad, true));
        let (milder, told) = kept(plan(&known, &found(Some(100), Severity::Info, 0), at(130)));
        assert_eq!((milder.dismissed, told), (Some(at(120)), false));
    }
}
