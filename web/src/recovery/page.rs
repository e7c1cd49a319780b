//! What Recovery mode shows.

use maud::{Markup, html};
use orbitr_model::{ImageVersion, Problem, RecoveryReason};
use orbitr_store::recovery::Kept;

use super::choice::WORDS;
use crate::{
    shell::{self, PageCx},
    ui::{self, Choice, Field, Icon, Tone},
};

/// What is wrong, why, and what would help without any choice here.
pub(super) struct Told {
    pub(super) title: &'static str,
    why: String,
    advice: &'static str,
}

pub(super) fn told(reason: &RecoveryReason) -> Told {
    match reason {
        RecoveryReason::Corrupt { detail } => Told {
            title: "The database is damaged",
            why: format!("SQLite cannot read it: {detail}."),
            advice: "A disk that fails or a power cut can do that. Save it before anything else if it matters.",
        },
        RecoveryReason::Incomplete { missing } => Told {
            title: "The database is incomplete",
            why: format!("It has no {missing}, which this Orbitr needs."),
            advice: "Something else than Orbitr changed the file.",
        },
        RecoveryReason::TooNew { found, known } => Told {
            title: "A newer Orbitr wrote the database",
            why: format!(
                "It is of version {found}; this Orbitr knows versions up to {known}, and kept no copy that it could use by itself."
            ),
            advice: "Nothing is broken. Installing the newer Orbitr again brings everything back as it was.",
        },
        RecoveryReason::KeyMismatch { detail } => Told {
            title: "The key to the box's secrets is not the right one",
            why: format!("The file box.key in the state directory does not fit the database: {detail}."),
            advice: "If you have a copy of the file, put it back and choose «Try again». Everything else is whole.",
        },
        RecoveryReason::CrashLoop { times } => Told {
            title: "Orbitr crashed again and again",
            why: format!(
                "It was started again {times} times within five minutes, and came to its end each time. Its log says more: on the box's screen choose Services, or run journalctl -u orbitr."
            ),
            advice: "It tries again by itself after a quarter of an hour; «Try again» does it now. If it crashes again, go back to a copy, or save the database and ask for help.",
        },
        RecoveryReason::MigrationFailed { detail } => Told {
            title: "The database could not be brought up to date",
            why: format!("{detail}. The database itself is untouched."),
            advice: "Often the disk is full: make room, then choose «Try again». The Orbitr from before works with it too.",
        },
    }
}

/// What there is to choose from.
pub(super) struct Given<'a> {
    /// Why there is a choice at all.
    pub(super) reason: &'a RecoveryReason,
    /// None when the copies cannot be listed.
    pub(super) kept: Option<&'a [Kept]>,
    /// Other versions of the system on the disk.
    pub(super) versions: &'a [ImageVersion],
}

/// The page with the choices.
pub(super) fn chooser(cx: &PageCx, given: &Given<'_>, chosen: Option<&str>, problem: Option<&Problem>) -> Markup {
    let told = told(given.reason);
    let choices = choices(cx, given);
    let body = html! {
        div class="wide stack" {
            div {
                h1 { "This box needs a decision" }
                p class="lead" { "Your apps and their data are untouched, and what runs goes on running. Only the box itself cannot go on: it keeps accounts, settings and history in a database." }
            }
            (ui::banner(Tone::Bad, told.title).body(html! { p { (told.why) } p { (told.advice) } }))
            @if given.kept.is_none() {
                (ui::banner(Tone::Warn, "The kept copies cannot be listed").body(html! { p { "The service's log says why." } }))
            }
            (ui::Form::post("/recovery").problem(problem).body(html! {
                (Field::radio("choice", "How to go on", choices).value(chosen.unwrap_or_default()).required().problem(problem))
                (Field::code("code", "Recovery code").placeholder("XXXX-XXXX-XXXX").autocomplete("off").required().problem(problem)
                    .help(html! { "The box's screen shows it, and so does " code { "journalctl -u orbitr" } ". It proves that you are near." }))
            }).button(ui::button("Go on").primary().trailing(Icon::ArrowRight)))
        }
    };
    shell::bare_page(cx, "Recovery", body)
}

fn choices(cx: &PageCx, given: &Given<'_>) -> Vec<Choice> {
    let Given { reason, kept, versions } = given;
    let mut choices = Vec::new();
    let whole = matches!(
        reason,
        RecoveryReason::KeyMismatch { .. } | RecoveryReason::MigrationFailed { .. } | RecoveryReason::CrashLoop { .. }
    );
    if whole {
        choices.push(
            Choice::new("again", "Try again").help("Opens the database once more, as it is. Nothing is changed."),
        );
    }
    for version in *versions {
        choices.push(Choice::new(format!("version:{version}"), format!("Start Orbitr OS {version}, which ran here before")).help(
            "Restarts the machine with it. Where the update changed the form of the database, it goes on with its own, of then. The version that runs now is not tried again by itself.",
        ));
    }
    for copy in kept.unwrap_or_default().iter().filter(|copy| copy.usable) {
        let label = format!("Go back to the copy of {}", cx.clock.exact(copy.at));
        let help = format!("{}, database version {}. What was changed since then is lost.", copy.size, copy.schema);
        choices.push(Choice::new(format!("restore:{}", copy.id), label).help(help));
    }
    if matches!(reason, RecoveryReason::KeyMismatch { .. }) {
        choices.push(Choice::new("forget-secrets", "Go on without the secrets").help(
            "Accounts, apps, settings and history stay. Passwords that the box keeps for apps, and second steps, are given anew.",
        ));
    }
    if !whole {
        choices.push(
            Choice::new("again", "Try again")
                .help("Opens the database once more, for example after you have put a file back."),
        );
    }
    choices.push(
        Choice::new("export", "Save the database as it is")
            .help("Downloads its files. Nothing is changed; secrets in it stay sealed."),
    );
    choices.push(
        Choice::new("start-over", "Start over")
            .help("An empty box, to be claimed again. The old database is set aside, never deleted."),
    );
    choices
}

/// The question before starting over; the code goes along.
pub(super) fn confirm(cx: &PageCx, code: &str, problem: Option<&Problem>) -> Markup {
    let confirm = ui::Confirm {
        title: "Start over?".to_owned(),
        goes: vec![
            "All accounts, settings and history, out of use".to_owned(),
            "Which apps there are: the box no longer knows them".to_owned(),
        ],
        stays: vec![
            "The old database, in db/set-aside of the state directory".to_owned(),
            "Every app's containers and data".to_owned(),
        ],
        typed: Some(WORDS.to_owned()),
        fields: Some(html! {
            input type="hidden" name="choice" value="start-over";
            input type="hidden" name="code" value=(code);
        }),
        action: "/recovery".to_owned(),
        button: "Start over".to_owned(),
        back: "/".to_owned(),
        problem,
    };
    shell::bare_page(cx, "Start over", html! { (confirm) })
}

/// After a choice.
pub(super) fn restarting(cx: &PageCx) -> Markup {
    let body = html! {
        div {
            h1 { "Done. The box is restarting" }
            p class="lead" role="status" { "It opens its database again. This page looks by itself every few seconds." }
        }
        (ui::link_button("Look now", "/").wide().icon(Icon::RotateCw))
    };
    shell::bare_page(cx, "Restarting", body)
}
