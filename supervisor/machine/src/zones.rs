//! Time zones by their IANA names.

use jiff::tz::TimeZone;

/// The zone that stands in where the machine does not say one.
const FALLBACK: &str = "UTC";

/// Every time zone that can be chosen, by name and in order: `Africa/Abidjan` to `Zulu`.
#[must_use]
pub fn all() -> Vec<String> {
    let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    // Copies with other rules that a system's database may hold, and the zone of nowhere.
    names.retain(|name| find(name).is_some_and(|(found, _)| found == *name));
    names.sort_unstable();
    names.dedup();
    names
}

/// The zone of that name, whatever its capitals, with its proper name.
#[must_use]
pub fn find(name: &str) -> Option<(String, TimeZone)> {
    let copies = ["posix/", "right/"].iter().any(|copy| name.starts_with(copy));
    if copies || name.len() > 64 || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
    let proper = zone.iana_name()?.to_owned();
    Some((proper, zone))
}

/// The zone that the machine is set to; UTC when it does not say.
#[must_use]
pub fn of_the_machine() -> (String, TimeZone) {
    let system = TimeZone::try_system().ok();
    let found = system.as_ref().and_then(TimeZone::iana_name).and_then(find);
    found.unwrap_or_else(|| (FALLBACK.to_owned(), TimeZone::UTC))
}
