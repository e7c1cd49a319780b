//! May the box put a newer version in by itself, and when? Pure: what is known goes in, the verdict comes out.

use std::{cmp::Ordering, fmt, time::Duration};

use jiff::Zoned;
use orbitr_model::Timestamp;
use orbitr_sdk::NoticeLevel;

use crate::{
    consent,
    extension::Extension,
    policy::{PassedOver, UpdatePolicy},
};

/// Why a newer version waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It cannot be put in at all.
    Obstacle(String),
    /// A notice says that something stops working.
    Breaking(String),
    /// The older version could not go on with the data.
    Irreversible,
    /// The extension says that nobody should get this version unasked.
    ByExtension(String),
    /// It may do what the version of now may not.
    Permission(String),
    /// It asks something that has no answer yet.
    Question(String),
    /// The box does not want it now.
    Held(String),
    /// Nobody would see whether it comes up.
    Stopped,
    /// The box began to put it in, and the app does not run it.
    Tried,
    /// Somebody went back from it.
    Left,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Obstacle(why) | Self::Held(why) => f.write_str(why),
            Self::Breaking(version) => write!(f, "version {version} stops something from working as before"),
            Self::Irreversible => f.write_str("the version of now cannot go on with what the new one writes"),
            Self::ByExtension(version) => write!(f, "its makers say that version {version} needs somebody at hand"),
            Self::Permission(grant) => write!(f, "it asks for a new permission: {grant}"),
            Self::Question(label) => write!(f, "it asks something new: {label}"),
            Self::Stopped => f.write_str("the app is stopped, so nobody would see whether the new version comes up"),
            Self::Tried => f.write_str("the box has tried it, and it did not stay"),
            Self::Left => f.write_str("somebody went back from it"),
        }
    }
}

/// What is known about a newer version.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// What speaks against doing it without a person.
    pub(crate) waits: Vec<Wait>,
    pub(crate) policy: UpdatePolicy,
    /// How much later than its window opens this app's turn is, so that not all boxes of the world come at once.
    pub(crate) delay: Duration,
}

/// What the box does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody asked for it.
    Off,
    /// It needs a person.
    Waits,
    /// Not before this moment.
    At(Timestamp),
    /// It may be put in now.
    Now,
}

impl Case {
    /// Whether nothing but the box speaks against it.
    pub(crate) fn is_held(&self) -> bool {
        self.waits.iter().all(|wait| matches!(wait, Wait::Held(_)))
    }

    pub(crate) fn verdict(&self, now: &Zoned) -> Verdict {
        if !self.policy.automatic || self.policy.hold.is_some() {
            return Verdict::Off;
        }
        if !self.waits.is_empty() {
            return Verdict::Waits;
        }
        let Some(window) = &self.policy.window else { return Verdict::Now };
        let Some(open) = window.next(now).map(|open| open.later(self.delay)) else { return Verdict::Off };
        if open.is_at(now.timestamp()) { Verdict::Now } else { Verdict::At(open.from) }
    }
}

/// What speaks against putting `new` in over `old` without a person, as the two manifests say it.
pub(crate) fn waits(
    old: &Extension,
    new: &Extension,
    obstacles: &[String],
    stopped: bool,
    passed: Option<PassedOver>,
) -> Vec<Wait> {
    let (from, manifest) = (old.manifest().version(), new.manifest());
    let mut waits: Vec<_> = obstacles.iter().cloned().map(Wait::Obstacle).collect();
    let told = manifest.told_from(from).into_iter();
    waits.extend(told.filter(|it| it.level == NoticeLevel::Breaking).map(|it| Wait::Breaking(it.at.to_owned())));
    if manifest.version() != from && !manifest.goes_back_to(from) {
        waits.push(Wait::Irreversible);
    }
    waits.extend(manifest.held_from(from).map(|version| Wait::ByExtension(version.to_owned())));
    waits.extend(consent::asked(old.manifest(), manifest).into_iter().map(|it| Wait::Permission(it.grant)));
    let asked = manifest.form().fields.into_iter();
    let unanswered = asked.filter(|it| it.required && !old.manifest().inputs().contains_key(it.name.as_str()));
    waits.extend(unanswered.map(|it| Wait::Question(it.label)));
    if stopped {
        waits.push(Wait::Stopped);
    }
    waits.extend(passed.map(|passed| match passed {
        PassedOver::Tried => Wait::Tried,
        PassedOver::Left => Wait::Left,
    }));
    waits
}

/// The sooner of two moments that may not be.
pub(crate) fn sooner(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.cmp(&other) == Ordering::Less { one } else { other }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        policy::Hold,
        window::{Day, Window},
    };

    const MANIFEST: &str = include_str!("../../../extensions/catalog/nginx/extension.yaml");

    fn manifest(version: &str, more: &str) -> Extension {
        let text = MANIFEST.replace("version: \"1.28.0\"", &format!("version: \"{version}\""));
        assert_ne!(text, MANIFEST, "the official nginx has another version by now");
        Extension::parse(&text.replace("\n  tests:", &format!("{more}\n  tests:"))).unwrap()
    }

    fn waits_for(more: &str) -> Vec<String> {
        let (old, new) = (manifest("1.0", ""), manifest("2.0", more));
        waits(&old, &new, &[], false, None).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_breaks_asks_or_has_no_way_back_waits_for_a_person() {
        let upgrade = |more: &str| waits_for(&format!("\n  upgrade: {{from: \">=1\", reversible: true{more}}}"));
        assert_eq!(waits_for(""), Vec::<String>::new());
        assert_eq!(upgrade(""), Vec::<String>::new());
        let notice =
            |at: &str, level: &str| format!(", notices: [{{at: \"{at}\", level: {level}, text: notices/a.md}}]");
        assert_eq!(upgrade(&notice("1.5", "info")), Vec::<String>::new());
        assert_eq!(upgrade(&notice("1.5", "action")), Vec::<String>::new());
        assert_eq!(upgrade(&notice("1.5", "breaking")), ["version 1.5 stops something from working as before"]);
        assert_eq!(upgrade(&notice("1.0", "breaking")), Vec::<String>::new(), "that one is behind");
        assert_eq!(upgrade(", hold: [\"2\"]"), ["its makers say that version 2.0 needs somebody at hand"]);
        let irreversible = waits_for("\n  upgrade: {from: \">=1\"}");
        assert_eq!(irreversible, ["the version of now cannot go on with what the new one writes"]);
        let privileged = MANIFEST.replace("permissions: []", "permissions: [{grant: docker_read, reason: why}]");
        assert_ne!(privileged, MANIFEST);
        let (old, new) = (manifest("1.0", ""), Extension::parse(&privileged).unwrap());
        assert_eq!(waits(&old, &new, &[], false, None), [Wait::Permission("docker_read".to_owned())]);
        assert_eq!(waits(&new, &old, &[], false, None), [], "one permission less asks nobody");
        let others = waits(&old, &old, &["no".to_owned()], true, Some(PassedOver::Tried));
        assert_eq!(others, [Wait::Obstacle("no".to_owned()), Wait::Stopped, Wait::Tried]);
    }

    fn cases() -> impl Strategy<Value = (Case, i64)> {
        let wait = prop_oneof![
            Just(Wait::Obstacle("no".to_owned())),
            Just(Wait::Breaking("2".to_owned())),
            Just(Wait::Irreversible),
            Just(Wait::ByExtension("2".to_owned())),
            Just(Wait::Permission("privileged".to_owned())),
            Just(Wait::Question("Name".to_owned())),
            Just(Wait::Stopped),
            Just(Wait::Tried),
            Just(Wait::Left),
        ];
        let waits = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(wait, 1..3)];
        let hour = || (0_u8..24).prop_map(|hour| format!("{hour:02}:00").parse().unwrap());
        let window = (proptest::sample::subsequence(Day::ALL.to_vec(), 0..4), hour(), hour())
            .prop_map(|(days, from, until)| Window { days, from, until });
        let hold = prop_oneof![4 => Just(None), 1 => Just(Some(Hold::default()))];
        (waits, hold, any::<bool>(), proptest::option::of(window), 0_u64..600, 1_700_000_000_i64..1_900_000_000)
            .prop_map(|(waits, hold, automatic, window, delay, now)| {
                let policy = UpdatePolicy { hold, automatic, window };
                (Case { waits, policy, delay: Duration::from_secs(delay) }, now)
            })
    }

    proptest! {
        #[test]
        fn nothing_happens_by_itself_that_nobody_allowed((case, now) in cases()) {
            let now = Timestamp::from_second(now).unwrap().in_tz("Europe/Berlin").unwrap();
            let open = case.policy.window.as_ref().map(|window| window.next(&now).unwrap().later(case.delay));
            match case.verdict(&now) {
                Verdict::Off => prop_assert!(!case.policy.automatic || case.policy.hold.is_some()),
                other => {
                    prop_assert!(case.policy.automatic && case.policy.hold.is_none());
                    match other {
                        Verdict::Waits => prop_assert!(!case.waits.is_empty()),
                        Verdict::Now => {
                            prop_assert!(case.waits.is_empty());
                            prop_assert!(open.is_none_or(|open| open.is_at(now.timestamp())));
                        }
                        Verdict::At(at) => {
                            prop_assert!(case.waits.is_empty() && at > now.timestamp());
                            // Then, and not before, it is its turn.
                            prop_assert_eq!(case.verdict(&at.in_tz("Europe/Berlin").unwrap()), Verdict::Now);
                        }
                        Verdict::Off => {}
                    }
                }
            }
        }
    }
}
