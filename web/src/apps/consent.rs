//! What a version asks of people before it may run: its notices, and consent to its permissions by name.

use std::collections::BTreeSet;

use maud::{Markup, html};
use orbitr_apps::{NoticeView, PermissionView};
use orbitr_model::Problem;
use orbitr_sdk::NoticeLevel;

use crate::ui::{self, Choice, Field, Tone};

/// The field's name; those that are typed have the permission behind it.
const NAME: &str = "consent";

/// What people must know, the words that matter most first to be seen.
pub(super) fn notices(notices: &[NoticeView]) -> Markup {
    html! {
        @for notice in notices {
            @let (tone, title) = match notice.level {
                NoticeLevel::Info => (Tone::Neutral, format!("About version {}", notice.version)),
                NoticeLevel::Action => (Tone::Warn, format!("Version {} gives you something to do", notice.version)),
                NoticeLevel::Breaking => (Tone::Warn, format!("Version {} stops something from working as before", notice.version)),
            };
            (ui::banner(tone, title).body(ui::prose(&notice.text)))
        }
    }
}

/// That breaking ones were read.
pub(super) fn read(notices: &[NoticeView], on: bool, problem: Option<&Problem>) -> Markup {
    html! {
        @if notices.iter().any(|notice| notice.level == NoticeLevel::Breaking) {
            (Field::checkbox("breaking", "I have read what stops from working").on(on).required().problem(problem))
        }
    }
}

/// The permissions that need consent: those that give the box away are typed, the others pressed.
pub(super) fn fields(asked: &[PermissionView], given: &BTreeSet<String>, problem: Option<&Problem>) -> Markup {
    let (typed, pressed): (Vec<_>, Vec<_>) = asked.iter().partition(|permission| permission.typed);
    let wrong = problem.and_then(|problem| problem.message_for(NAME)).map(str::to_owned);
    let choices: Vec<_> =
        pressed.iter().map(|it| Choice::new(&it.grant, &it.grant).help(sentence(&it.reason))).collect();
    html! {
        @if !choices.is_empty() {
            (Field::multi(NAME, "I consent to these permissions", choices)
                .values(given.iter().cloned()).error(wrong.clone()))
        }
        @for (index, permission) in typed.iter().enumerate() {
            @let name = if index == 0 && pressed.is_empty() { NAME.to_owned() } else { format!("{NAME}.{}", permission.grant) };
            (Field::text(name, format!("To consent to {}, type it", permission.grant)).mono().required()
                .value(given.get(&permission.grant).map(String::as_str).unwrap_or_default())
                .help(html! { (sentence(&permission.reason)) " With it the app can do whatever it likes with this box." })
                .error(wrong.clone()))
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let text: String = chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
    format!("{text}.")
}

/// What was consented to: a name that nobody asked for is none.
pub(super) fn given(asked: &[PermissionView], pairs: &[(String, String)]) -> BTreeSet<String> {
    let is_ours = |name: &str| name == NAME || name.strip_prefix(NAME).is_some_and(|rest| rest.starts_with('.'));
    let named = pairs.iter().filter(|(name, _)| is_ours(name)).map(|(_, value)| value.trim());
    named.filter(|value| asked.iter().any(|it| it.grant == *value)).map(str::to_owned).collect()
}
