//! How an app was lately, and what the box does about one that is not well.

use maud::{Markup, html};
use orbitr_apps::{AppView, Health, Phase, Span};
use orbitr_model::AppId;

use crate::ui::{self, Clock, Icon, Moment, Tone};

/// Outages on the card.
const SHOWN: usize = 5;

/// What the box does to bring the app back; nothing while it is well or a job is at it.
pub(super) fn care(app: &AppView, clock: &Clock) -> Markup {
    let Some(care) = app.care.as_ref().filter(|_| app.job.is_none()) else { return html! {} };
    let times = match care.tries {
        1 => "once".to_owned(),
        tries => format!("{tries} times"),
    };
    let logs = ui::link_button("Look at its log", logs_of(&app.id)).small();
    match (care.gave_up, care.tries) {
        (true, _) => html! {
            (ui::banner(Tone::Bad, "The app does not come back by itself")
                .body(html! { p { "The box has tried " (times) " since " (clock.ago(care.since)) " and leaves it alone now. Mend what is wrong, then start it." } })
                .actions(logs))
        },
        (false, 0) => html! {
            (ui::banner(Tone::Warn, "The app is not as it should be")
                .body(html! { p { "The box brings it back, unless it comes back by itself within seconds." } }).actions(logs))
        },
        (false, _) => html! {
            (ui::banner(Tone::Warn, "The box brings the app back")
                .body(html! { p { "It has tried " (times) " since " (clock.ago(care.since)) ", and tries again soon." } }).actions(logs))
        },
    }
}

fn logs_of(app: &AppId) -> String {
    format!("/apps/{app}/logs")
}

/// The share of time in which it answered, and when it did not.
pub(super) fn card(app: &AppView, health: &Health, clock: &Clock) -> Markup {
    if app.phase == Phase::Kept {
        return html! {};
    }
    let outages: Vec<Moment> =
        health.spans.iter().filter(|span| !span.up).take(SHOWN).map(|span| outage(span, clock)).collect();
    let share = |part: Option<f64>| part.map(|part| html! { (percent(part)) });
    let body = html! {
        @if health.day.or(health.month).is_none() {
            p { "Nothing is known yet: the box counts from when the app first answers." }
        } @else {
            (ui::key_values()
                .maybe("Last 24 hours", share(health.day))
                .maybe("Last 7 days", share(health.week))
                .maybe("Last 30 days", share(health.month)))
            @if !outages.is_empty() { (ui::timeline(&outages, clock)) }
        }
    };
    html! { (ui::card("Answered", body).hint("Asked from outside, while the app was meant to run.")) }
}

fn outage(span: &Span, clock: &Clock) -> Moment {
    let (tone, icon) = if span.open { (Tone::Bad, Icon::TriangleAlert) } else { (Tone::Neutral, Icon::CircleCheck) };
    Moment {
        tone,
        icon,
        text: html! { @if span.open { "Does not answer for " } @else { "Did not answer for " } (clock.took(span.since, Some(span.until))) },
        detail: Some(html! { (span.reason) }),
        at: span.since,
    }
}

/// A share with two digits after the point, cut and not rounded: what failed once was never up all the time.
fn percent(part: f64) -> String {
    let hundredths = (part.clamp(0.0, 1.0) * 10_000.0).floor() / 100.0;
    format!("{hundredths} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_for_a_moment_was_not_up_all_the_time() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.999_999), "99.99 %");
        assert_eq!(percent(0.5), "50 %");
        assert_eq!(percent(0.0), "0 %");
    }
}
