//! Times as the database keeps them: INTEGER unix milliseconds, UTC.

use orbitr_model::Timestamp;

/// Unix milliseconds of a moment.
#[must_use]
pub fn to_ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The moment of unix milliseconds; values outside the calendar become its first or last moment.
#[must_use]
pub fn from_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Now, in the precision that the database keeps.
#[must_use]
pub fn now() -> Timestamp {
    from_ms(to_ms(Timestamp::now()))
}
