//! The disk will be full soon.

use orbitr_model::ByteSize;

use super::{Findings, Found};
use crate::{
    disk::{Forecast, forecast},
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    // One that is full is told as such.
    let Some(disk) = facts.disk.filter(|disk| !disk.is_full()) else { return };
    let Some(found) = forecast(&facts.samples, facts.now) else { return };
    let title = format!("The disk will be full in {}", days(found));
    out.found.push(
        Found::new(Kind::DiskFilling, Subject::Box, Severity::Warning, title)
            .explained(
                "That is when it goes on as in the last days. See which app writes so much, remove what nobody needs, or use \
                 a larger disk.",
            )
            .shown_by("Free", disk.free().to_string())
            .shown_by("Added each day", format!("about {}", daily(found)))
            .fix(Fix::OpenApps),
    );
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded and positive")]
fn days(found: Forecast) -> String {
    match found.days.clamp(0.0, 99.0).round() as u32 {
        0 => "less than a day".to_owned(),
        1 => "about one day".to_owned(),
        n => format!("about {n} days"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded and positive")]
fn daily(found: Forecast) -> ByteSize {
    ByteSize(found.daily.max(0.0) as u64)
}
