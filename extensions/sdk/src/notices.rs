//! What people must know on the way from an older version, and whether a box may go that way by itself.

use std::cmp::Ordering;

use crate::{
    manifest::Manifest,
    sections::{NoticeLevel, SidePath, compare_versions},
};

/// Something that people are told about a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// The version.
    pub at: &'a str,
    /// How much it matters.
    pub level: NoticeLevel,
    /// The file with the text.
    pub text: &'a SidePath,
}

impl Manifest {
    /// What people must know before this version takes over from `version`, in the order of the versions that it is about:
    /// everything later than `version` up to this one.
    #[must_use]
    pub fn told_from(&self, version: &str) -> Vec<Told<'_>> {
        let Some(upgrade) = &self.x().upgrade else { return Vec::new() };
        let between = |at: &str| {
            compare_versions(at, version) == Ordering::Greater
                && compare_versions(at, self.version()) != Ordering::Greater
        };
        let notices =
            upgrade.notices.iter().map(|notice| Told { at: &notice.at, level: notice.level, text: &notice.text });
        let steps = self.way_from(version).unwrap_or_default().into_iter();
        let steps = steps
            .filter_map(|step| Some(Told { at: &step.version, level: NoticeLevel::Info, text: step.notice.as_ref()? }));
        let mut told: Vec<_> = notices.filter(|notice| between(notice.at)).chain(steps).collect();
        told.sort_by(|a, b| compare_versions(a.at, b.at));
        told
    }

    /// The first version on the way from `version` to this one, this one included, that no box takes by itself.
    #[must_use]
    pub fn held_from(&self, version: &str) -> Option<&str> {
        let upgrade = self.x().upgrade.as_ref()?;
        let steps = self.way_from(version).unwrap_or_default().into_iter().map(|step| step.version.as_str());
        let held = |at: &&str| upgrade.hold.iter().any(|held| compare_versions(held, at) == Ordering::Equal);
        steps.chain([self.version()]).find(held)
    }
}
