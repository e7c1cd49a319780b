//! The way from an older version to this one: which versions must run in between.

use std::cmp::Ordering;

use crate::{
    manifest::Manifest,
    sections::{UpgradePath, UpgradeStep, VersionRange, compare_versions},
};

impl Manifest {
    /// The versions that must run, one after another, before this one may take over the data of `version`; none for most
    /// extensions, and none between two revisions of one version.
    ///
    /// # Errors
    /// The versions from which this one can be reached, when `version` is not among them.
    pub fn way_from(&self, version: &str) -> Result<Vec<&UpgradeStep>, &VersionRange> {
        let Some(upgrade) = &self.x().upgrade else { return Ok(Vec::new()) };
        if compare_versions(version, self.version()) == Ordering::Equal {
            return Ok(Vec::new());
        }
        if !upgrade.from.contains(version) {
            return Err(&upgrade.from);
        }
        if upgrade.path == UpgradePath::Any {
            return Ok(Vec::new());
        }
        let between = |step: &&UpgradeStep| {
            compare_versions(&step.version, version) == Ordering::Greater
                && compare_versions(&step.version, self.version()) == Ordering::Less
        };
        let mut steps: Vec<_> = upgrade.steps.iter().filter(between).collect();
        steps.sort_by(|a, b| compare_versions(&a.version, &b.version));
        Ok(steps)
    }

    /// Whether `version`, an older one, can go on with the data that this one has had; extensions that say nothing about
    /// upgrades are taken at their word that nothing changes.
    #[must_use]
    pub fn goes_back_to(&self, version: &str) -> bool {
        let same = compare_versions(version, self.version()) != Ordering::Less;
        same || self.x().upgrade.as_ref().is_none_or(|upgrade| upgrade.reversible)
    }
}
