//! The box's own certificate ends soon, and was not renewed.

use jiff::SignedDuration;
use orbitr_machine::CertificateState;
use orbitr_model::Timestamp;

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity, Subject},
};

/// The box renews both long before: a certificate that comes so near its end was not renewed.
const NEAR: SignedDuration = SignedDuration::from_hours(24 * 30);
/// Then browsers are about to refuse it.
const AT_ONCE: SignedDuration = SignedDuration::from_hours(24 * 3);

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    let Some(state) = &facts.certificates else { return };
    let ends = state.leaf_ends.min(state.authority_ends);
    let left = ends.duration_since(facts.now);
    if left < NEAR || state.trouble.is_some() {
        out.found.push(found(state, ends, left));
    }
}

fn found(state: &CertificateState, ends: Timestamp, left: SignedDuration) -> Found {
    let (severity, title) = if left < SignedDuration::ZERO {
        (Severity::Bad, "The certificate of the box has ended".to_owned())
    } else if left < NEAR {
        let severity = if left < AT_ONCE { Severity::Bad } else { Severity::Warning };
        (severity, format!("The certificate of the box ends in {}", days(left)))
    } else {
        (Severity::Warning, "The certificate of the box could not be renewed".to_owned())
    };
    let which =
        if state.authority_ends < state.leaf_ends { "the authority's" } else { "the one that browsers are shown" };
    Found::new(Kind::CertificateEnding, Subject::Box, severity, title)
        .explained(
            "The box renews its certificates by itself, and could not. When one has ended, browsers and programs refuse the \
             box. Mend what keeps it from being renewed, then renew it; who has installed the box's authority notices nothing.",
        )
        .shown_by("Ends", ends.strftime("%Y-%m-%d").to_string())
        .shown_by("Which", which)
        .shown_by("Why it was not renewed", state.trouble.clone().unwrap_or_default())
        .fix(Fix::RenewCertificate)
}

fn days(left: SignedDuration) -> String {
    match left.as_hours() / 24 {
        0 => "less than a day".to_owned(),
        1 => "one day".to_owned(),
        n => format!("{n} days"),
    }
}
