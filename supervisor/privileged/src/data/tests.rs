#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;

fn id(n: u8) -> PartUuid {
    format!("0f410f90-ea92-4bcf-b701-b7503621b1{n:02x}").parse().unwrap()
}

fn found(n: u8, holds: Holds) -> Found {
    Found { partuuid: id(n), holds, on_boot_disk: true }
}

fn seen(recorded: Option<u8>, making: Option<u8>, of: &[(u8, Holds)]) -> Seen {
    Seen {
        recorded: recorded.map(id),
        making: making.map(id),
        found: of.iter().map(|(n, holds)| found(*n, *holds)).collect(),
    }
}

#[test]
fn every_case_of_the_contract() {
    use DataReason::{Ambiguous, Missing, Unfinished, Unrecorded};
    use Decision::{Leave, Open, Record};
    use Holds::{Begun, Data, Nothing, Unknown};
    let choice = |reason| Leave(DataState::Choice, Some(reason));
    for (recorded, making, of, then) in [
        (None, None, &[][..], Leave(DataState::None, None)),
        (None, Some(1), &[], Leave(DataState::None, None)),
        (Some(1), None, &[(1, Data)], Open(0)),
        // Damaged or locked: opening says so, and nothing else may.
        (Some(1), None, &[(1, Unknown)], Open(0)),
        (Some(1), Some(1), &[(1, Unknown)], Open(0)),
        (Some(1), None, &[(2, Data), (1, Data)], Open(1)),
        (Some(1), None, &[], choice(Missing)),
        (Some(1), None, &[(2, Data)], choice(Missing)),
        (Some(1), None, &[(1, Data), (1, Data)], choice(Ambiguous)),
        (Some(1), None, &[(1, Unknown), (1, Unknown)], choice(Ambiguous)),
        (Some(1), None, &[(1, Begun)], choice(Unfinished)),
        (None, None, &[(1, Data)], choice(Unrecorded)),
        (None, None, &[(1, Unknown)], choice(Unrecorded)),
        (None, None, &[(1, Data), (2, Data)], choice(Unrecorded)),
        (None, None, &[(1, Unknown), (1, Unknown)], choice(Ambiguous)),
        (None, None, &[(1, Nothing)], choice(Unfinished)),
        (None, None, &[(1, Begun)], choice(Unfinished)),
        (None, Some(1), &[(1, Unknown)], choice(Unfinished)),
        (None, Some(1), &[(1, Data)], Record(0)),
        (None, Some(1), &[(1, Data), (1, Data)], choice(Ambiguous)),
        (None, Some(1), &[(2, Data), (1, Data)], Record(1)),
        (None, Some(2), &[(1, Data)], choice(Unrecorded)),
    ] {
        assert_eq!(decide(&seen(recorded, making, of)), then, "{recorded:?} {making:?} {of:?}");
    }
}

#[test]
fn only_what_was_begun_here_is_made_again() {
    use Holds::{Begun, Data, Nothing, Unknown};
    for (making, of, then) in [
        (None, &[][..], Ok(None)),
        (None, &[(1, Nothing)], Ok(Some(0))),
        (None, &[(1, Begun)], Ok(Some(0))),
        (Some(1), &[(1, Unknown)], Ok(Some(0))),
        (None, &[(1, Unknown)], Err(0)),
        (Some(2), &[(1, Unknown)], Err(0)),
        (Some(1), &[(1, Data)], Err(0)),
        (None, &[(1, Nothing), (2, Data)], Err(1)),
        (None, &[(1, Nothing), (2, Nothing)], Err(0)),
    ] {
        assert_eq!(seen(None, making, of).to_make_again(), then, "{making:?} {of:?}");
    }
    let mut elsewhere = seen(None, None, &[(1, Data)]);
    elsewhere.found[0].on_boot_disk = false;
    assert_eq!(elsewhere.to_make_again(), Ok(None), "another disk's data are in nobody's way");
}

/// A disk and an ESP, and what the two acts write to them, in their order. A power cut keeps what was written before.
#[derive(Clone, Debug, Default)]
struct World {
    recorded: Option<PartUuid>,
    making: Option<PartUuid>,
    /// What is really on each, which is more than an act can see.
    disks: Vec<(PartUuid, Holds, Real)>,
    formatted_somebodys: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Real {
    /// Somebody's files.
    Precious,
    /// Nothing of anybody.
    Empty,
}

impl World {
    fn see(&self) -> Seen {
        let found = self.disks.iter();
        Seen {
            recorded: self.recorded,
            making: self.making,
            found: found.map(|(id, holds, _)| Found { partuuid: *id, holds: *holds, on_boot_disk: true }).collect(),
        }
    }

    /// `make-data`, cut off after so many writes; false when it was refused or cut.
    fn make(&mut self, fresh: PartUuid, encrypted: bool, mut writes: usize) -> bool {
        let Ok(again) = self.see().to_make_again() else { return false };
        if self.recorded.is_some_and(|recorded| self.see().only(recorded).is_ok_and(|i| Some(i) != again)) {
            return false;
        }
        let mut may_write = || {
            writes = writes.saturating_sub(1);
            writes > 0
        };
        let index = match again {
            Some(index) => index,
            None => {
                if !may_write() {
                    return false;
                }
                self.disks.push((fresh, Holds::Nothing, Real::Empty));
                self.disks.len() - 1
            }
        };
        let id = self.disks[index].0;
        if !may_write() {
            return false;
        }
        self.making = Some(id);
        // Half a header, a locked one, an empty file system, the mark.
        for holds in [Holds::Unknown, Holds::Begun, Holds::Data] {
            if !may_write() {
                return false;
            }
            self.formatted_somebodys |= self.disks[index].2 == Real::Precious;
            self.disks[index].1 = if encrypted { Holds::Unknown } else { holds };
        }
        if !may_write() {
            return false;
        }
        self.recorded = Some(id);
        if may_write() {
            self.making = None;
        }
        self.disks[index].2 = Real::Precious;
        true
    }

    /// `open-data` at a start.
    fn start(&mut self) -> Decision {
        let decision = decide(&self.see());
        if let Decision::Record(index) = decision {
            self.recorded = Some(self.disks[index].0);
            self.making = None;
        }
        if let Decision::Open(index) | Decision::Record(index) = decision {
            // From now on somebody writes to it.
            self.disks[index].2 = Real::Precious;
        }
        decision
    }
}

proptest! {
    #[test]
    fn a_power_cut_at_any_step_ends_with_one_data_partition_or_a_choice(
        cuts in prop::collection::vec((1_usize..9, any::<bool>()), 0..6),
        others in prop::collection::vec((0_u8..4, prop_oneof![Just(Holds::Data), Just(Holds::Unknown)]), 0..3),
        recorded in prop::option::of(0_u8..4),
    ) {
        let mut world = World {
            recorded: recorded.map(id),
            disks: others.iter().map(|(n, holds)| (id(*n), *holds, Real::Precious)).collect(),
            ..World::default()
        };
        let before = world.disks.len();
        for (n, (cut, encrypted)) in cuts.iter().enumerate() {
            world.make(id(100 + u8::try_from(n).unwrap()), *encrypted, *cut);
            let decision = world.start();
            if let Decision::Open(index) | Decision::Record(index) = decision {
                let opened = world.disks[index].0;
                prop_assert_eq!(world.disks.iter().filter(|(id, ..)| *id == opened).count(), 1, "a twin was opened silently");
                prop_assert_eq!(world.recorded, Some(opened), "what is open is recorded");
            }
            prop_assert!(!world.formatted_somebodys, "{:?}", world);
            prop_assert!(world.disks.len() <= before + 1, "a second data partition was made: {:?}", world);
        }
        // With time enough, a box without anybody's data in the way gets its partition, and the next start opens it.
        if before == 0 && recorded.is_none() {
            if !matches!(world.start(), Decision::Open(_) | Decision::Record(_)) {
                prop_assert!(world.make(id(200), false, 100), "{:?}", world);
            }
            prop_assert!(matches!(world.start(), Decision::Open(_)), "{:?}", world);
            prop_assert_eq!(world.disks.len(), 1);
        }
    }
}
