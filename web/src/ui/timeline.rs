//! Timeline: history, the newest first.

use maud::{Markup, html};
use orbitr_model::Timestamp;

use super::{Clock, Icon, Tone};

/// One line of history.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The colour of its mark.
    pub tone: Tone,
    /// The picture in its mark.
    pub icon: Icon,
    /// What happened: «anna stopped PostgreSQL»; may hold links.
    pub text: Markup,
    /// A second, quieter line.
    pub detail: Option<Markup>,
    /// When.
    pub at: Timestamp,
}

/// The lines in the order they are given.
#[must_use]
pub fn timeline(moments: &[Moment], clock: &Clock) -> Markup {
    html! {
        ol class="timeline" {
            @for moment in moments {
                li {
                    span class="timeline-mark" data-tone=(moment.tone.as_str()) { (moment.icon) }
                    div class="timeline-text" {
                        p { (moment.text) }
                        @if let Some(detail) = &moment.detail { p class="timeline-detail" { (detail) } }
                    }
                    (clock.ago(moment.at))
                }
            }
        }
    }
}
