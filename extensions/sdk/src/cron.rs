//! Five cron fields: minute, hour, day of the month, month, day of the week, as crontab(5) reads them.

use std::str::FromStr;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// When something happens, again and again: days and times of a wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

/// Text that is not five cron fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Fewer fields, or more.
    #[error("write five fields: minute, hour, day of the month, month, day of the week, for example \"30 4 * * *\"")]
    Fields,
    /// One of them cannot be read.
    #[error(
        "«{text}» is no {what}: write *, numbers from {least} to {most}, ranges (1-5), lists (1,15) or steps (*/10)"
    )]
    Field {
        /// The field.
        text: String,
        /// What it stands for.
        what: &'static str,
        /// The least number.
        least: u32,
        /// The most.
        most: u32,
    },
    /// No month has such a day.
    #[error("no month that it names has such a day")]
    Never,
}

impl Cron {
    /// Whether it happens on a day: `month` from 1, `day` from 1, `weekday` from 0 for Sunday. Where both the day of the
    /// month and the day of the week are given, either will do.
    #[must_use]
    pub const fn on(&self, month: u32, day: u32, weekday: u32) -> bool {
        if !has(self.months, month) {
            return false;
        }
        let (any_day, any_weekday) = (self.days == all(1, 31), self.weekdays == all(0, 6));
        match (any_day, any_weekday) {
            (true, true) => true,
            (true, false) => has(self.weekdays, weekday),
            (false, true) => has(self.days, day),
            (false, false) => has(self.days, day) || has(self.weekdays, weekday),
        }
    }

    /// The hours and minutes at which it happens on such a day, in order.
    pub fn times(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let minutes = |hour| (0..60).filter(|minute| has(self.minutes, *minute)).map(move |minute| (hour, minute));
        (0..24).filter(|hour| has(self.hours, *hour)).flat_map(minutes)
    }
}

const fn has(set: u64, number: u32) -> bool {
    set & (1 << number) != 0
}

/// The set of all numbers from `least` to `most`.
const fn all(least: u32, most: u32) -> u64 {
    ((1 << (most + 1)) - 1) & !((1 << least) - 1)
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minutes, hours, days, months, weekdays] = fields.as_slice() else { return Err(InvalidCron::Fields) };
        let weekdays = field(weekdays, "day of the week", 0, 7, &DAYS, 0)?;
        let cron = Self {
            minutes: field(minutes, "minute", 0, 59, &[], 0)?,
            hours: field(hours, "hour", 0, 23, &[], 0)?,
            days: field(days, "day of the month", 1, 31, &[], 0)?,
            months: field(months, "month", 1, 12, &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | (weekdays >> 7)) & all(0, 6),
        };
        let longest = |month| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let comes = (1..=12).filter(|month| has(cron.months, *month));
        let comes = comes.flat_map(|month| (1..=longest(month)).map(move |day| (month, day)));
        let ever = comes.into_iter().any(|(_, day)| has(cron.days, day)) || cron.weekdays != all(0, 6);
        if ever { Ok(cron) } else { Err(InvalidCron::Never) }
    }
}

/// One field: parts with commas between, each `*`, a number, or a range, perhaps with a step.
fn field(
    text: &str,
    what: &'static str,
    least: u32,
    most: u32,
    names: &[&str],
    first: u32,
) -> Result<u64, InvalidCron> {
    let wrong = || InvalidCron::Field { text: text.to_owned(), what, least, most };
    let number = |word: &str| -> Option<u32> {
        let named = names.iter().position(|name| word.eq_ignore_ascii_case(name));
        let read = match named {
            Some(place) => u32::try_from(place).ok()? + first,
            None if word.bytes().all(|b| b.is_ascii_digit()) => word.parse().ok()?,
            None => return None,
        };
        (least..=most).contains(&read).then_some(read)
    };
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0_usize).ok_or_else(wrong)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from).ok_or_else(wrong)?, number(to).ok_or_else(wrong)?),
            // «5/10» begins at 5
            None if part.contains('/') => (number(range).ok_or_else(wrong)?, most),
            None => (number(range).ok_or_else(wrong)?, number(range).ok_or_else(wrong)?),
        };
        if from > to {
            return Err(wrong());
        }
        set |= (from..=to).step_by(step).fold(0, |set, number| set | (1_u64 << number));
    }
    Ok(set)
}
