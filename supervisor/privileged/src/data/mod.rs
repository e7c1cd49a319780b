//! The data partition: what is there, what to do about it, and the two acts that do it.

pub(crate) mod erase;
mod grow;
pub(crate) mod make;
mod mark;
pub(crate) mod open;
pub(crate) mod survey;
mod unlock;

use orbitr_model::{DataReason, DataState, PartUuid};

pub(crate) use self::mark::Mark;

/// The GPT type of a box's data partition: ours alone, so that nothing else is ever taken for one.
pub(crate) const DATA_TYPE: &str = "4d1e513e-77f6-48fa-9e3d-a004057c625a";

/// What a partition of our type holds, as far as a decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing was ever written to it: its beginning is all zeros.
    Nothing,
    /// What `make-data` had begun, and nothing else.
    Begun,
    /// The data of a box.
    Data,
    /// Nobody can tell: it is encrypted, damaged, has a twin, or is not a box's.
    Unknown,
}

/// One partition of our type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its identifier.
    pub partuuid: PartUuid,
    /// What it holds.
    pub holds: Holds,
    /// Whether it is on the disk that the box runs from.
    pub on_boot_disk: bool,
}

/// Everything that decides what happens with the data partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The one that the ESP says is this box's.
    pub recorded: Option<PartUuid>,
    /// The one that the ESP says was being made; it can hold nobody's data.
    pub making: Option<PartUuid>,
    /// Every partition of our type.
    pub found: Vec<Found>,
}

/// What to do about the data partition at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Open this one of those found: it is the recorded one.
    Open(usize),
    /// Open this one, after recording it: it was made here, and only the record was cut off.
    Record(usize),
    /// Open nothing and say this.
    Leave(DataState, Option<DataReason>),
}

impl Seen {
    /// Whether this one can hold nobody's data, so that it may be made again.
    #[must_use]
    pub fn is_unfinished(&self, found: &Found) -> bool {
        let begun_here = self.making == Some(found.partuuid) && self.recorded != Some(found.partuuid);
        match found.holds {
            Holds::Nothing | Holds::Begun => true,
            Holds::Unknown => begun_here,
            Holds::Data => false,
        }
    }

    fn with(&self, partuuid: PartUuid) -> impl Iterator<Item = usize> {
        self.found.iter().enumerate().filter(move |(_, found)| found.partuuid == partuuid).map(|(index, _)| index)
    }

    /// The only one with this identifier.
    ///
    /// # Errors
    /// How many there are instead.
    pub fn only(&self, partuuid: PartUuid) -> Result<usize, usize> {
        let mut with = self.with(partuuid);
        match (with.next(), with.count()) {
            (Some(index), 0) => Ok(index),
            (None, _) => Err(0),
            (Some(_), more) => Err(more + 1),
        }
    }

    /// The unfinished one on the disk that runs, to be made again; none when there is none, and when there is more than one
    /// nobody can say which.
    ///
    /// # Errors
    /// The first on that disk that may hold somebody's data.
    pub fn to_make_again(&self) -> Result<Option<usize>, usize> {
        let mut here = self.found.iter().enumerate().filter(|(_, found)| found.on_boot_disk);
        if let Some((index, _)) = here.clone().find(|(_, found)| !self.is_unfinished(found)) {
            return Err(index);
        }
        match (here.next(), here.next()) {
            (Some((index, _)), Some(_)) => Err(index),
            (first, _) => Ok(first.map(|(index, _)| index)),
        }
    }
}

/// From what was seen to what to do. Nothing is ever formatted by a decision of this.
#[must_use]
pub fn decide(seen: &Seen) -> Decision {
    let choice = |reason| Decision::Leave(DataState::Choice, Some(reason));
    if let Some(recorded) = seen.recorded {
        return match seen.only(recorded) {
            Ok(index) if seen.found.get(index).is_some_and(|found| seen.is_unfinished(found)) => {
                choice(DataReason::Unfinished)
            }
            Ok(index) => Decision::Open(index),
            Err(0) => choice(DataReason::Missing),
            Err(_) => choice(DataReason::Ambiguous),
        };
    }
    if seen.found.is_empty() {
        return Decision::Leave(DataState::None, None);
    }
    let made_here = seen.making.and_then(|making| seen.only(making).ok());
    if let Some(index) = made_here
        && seen.found.get(index).is_some_and(|found| found.holds == Holds::Data)
    {
        return Decision::Record(index);
    }
    if seen.found.iter().all(|found| seen.is_unfinished(found)) {
        return choice(DataReason::Unfinished);
    }
    if seen.found.iter().any(|found| seen.only(found.partuuid).is_err()) {
        return choice(DataReason::Ambiguous);
    }
    choice(DataReason::Unrecorded)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
