//! Times as people say them.

use orbitr_model::Timestamp;
use serde_json::Value;

use super::output::text;

/// How long ago the moment at a pointer was; empty when there is none.
pub(super) fn ago(value: &Value, pointer: &str, now: Timestamp) -> String {
    let Ok(at) = text(value, pointer).parse::<Timestamp>() else { return String::new() };
    let seconds = now.duration_since(at).as_secs();
    match seconds {
        i64::MIN..=-5 => format!("in {}", span(seconds.unsigned_abs())),
        -4..=4 => "now".to_owned(),
        _ => format!("{} ago", span(seconds.unsigned_abs())),
    }
}

/// Seconds in the largest unit that fits.
pub(super) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_from_now() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let told = |at: &str| ago(&serde_json::json!({ "at": at }), "/at", now);
        assert_eq!(told("2026-01-01T23:59:58Z"), "now");
        assert_eq!(told("2026-01-01T23:59:00Z"), "1 min ago");
        assert_eq!(told("2025-12-30T23:59:00Z"), "2 d ago");
        assert_eq!(told("2026-01-02T02:30:00Z"), "in 2 h");
        assert_eq!(told("no time"), "");
    }
}
