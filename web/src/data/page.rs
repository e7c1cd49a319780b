//! What a box without its data shows.

use maud::{Markup, html};
use orbitr_machine::data::Stage;
use orbitr_model::{ActReport, ByteSize, DataCandidate, DataFacts, DataReason, DataState, Disk, Problem, RecoveryKey};

use super::{Site, act};
use crate::{
    shell::{self, PageCx},
    ui::{self, Choice, Field, Icon, Tone},
};

pub(crate) const STEPS: [&str; 5] = ["Code", "Data", "Account", "Box", "Done"];

/// The door: the code from the screen.
pub(super) fn door(cx: &PageCx, stage: Stage, problem: Option<&Problem>) -> Markup {
    let (title, lead) = match stage {
        Stage::Installer => {
            ("Install Orbitr OS", "Type the code that this machine's screen shows, so that it knows that you are near.")
        }
        Stage::Setup | Stage::Open => (
            "Claim this box",
            "Nobody owns it yet. Type the code that its screen shows, so that it knows that you are near.",
        ),
        Stage::Degraded => (
            "This box needs a decision",
            "It cannot open its data, so nobody can sign in. Nothing is lost by that, and nothing is changed before you say so. Type the code that its screen shows.",
        ),
    };
    let body = html! {
        @if matches!(stage, Stage::Setup) { (ui::stepper("Setup", &STEPS, 0)) }
        div { h1 { (title) } p class="lead" { (lead) } }
        (ui::Form::post("/setup").problem(problem).body(
            Field::code("code", "Setup code").placeholder("XXXX-XXXX-XXXX").autocomplete("off").required().problem(problem).autofocus()
                .help("It stands on the box's screen and on its serial console.")
        ).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, title, body)
}

/// The step that the facts ask for.
pub(super) fn step(site: &Site, cx: &PageCx, stage: Stage, problem: Option<&Problem>) -> Markup {
    let facts = site.acts().facts();
    let body = match (facts.state, facts.reason) {
        (DataState::Locked, _) => locked(&facts, problem),
        (DataState::Failed, _) | (DataState::Open, _) => failed(&facts, problem),
        (DataState::None, _) | (DataState::Choice, Some(DataReason::Unfinished)) => fresh(site, &facts, problem),
        (DataState::Choice, _) => choose(site, &facts, problem),
    };
    let body = html! {
        @if matches!(stage, Stage::Setup) { (ui::stepper("Setup", &STEPS, 1)) }
        (body)
    };
    shell::bare_page(cx, "Data", body)
}

/// A new box.
fn fresh(site: &Site, facts: &DataFacts, problem: Option<&Problem>) -> Markup {
    html! {
        div {
            h1 { "Where your data will live" }
            p class="lead" { "The box makes one partition for everything that is yours, on the disk that it runs from." }
        }
        @if facts.reason == Some(DataReason::ResetDone) {
            (ui::banner(Tone::Good, "The box was reset").body(html! { p { "The old data partition is erased." } }))
        }
        @if facts.reason == Some(DataReason::Unfinished) {
            (ui::banner(Tone::Neutral, "It was begun before").body(html! { p { "A power cut or a restart stopped it. Nothing was on it yet, so it is made again." } }))
        }
        @if let Some(disk) = &facts.boot_disk { (about(disk)) }
        @else {
            (ui::banner(Tone::Warn, "The disk that this box runs from cannot be told").body(html! { p { "Unplug other disks that hold Orbitr OS, then restart the box." } }))
        }
        // Root would refuse to guess.
        @if facts.boot_disk.is_some() {
            (ui::Form::post("/setup/data").problem(problem).body(html! {
                input type="hidden" name="choice" value="new";
                (encryption(site, problem))
            }).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
        } @else { (look_again()) }
    }
}

fn encryption(site: &Site, problem: Option<&Problem>) -> Markup {
    let chip = site.acts().has_chip();
    html! {
        (Field::switch("encrypt", "Encrypt the data").problem(problem)
            .help("Whoever takes the disk away can then read nothing. You get a recovery key to write down; without it and without this machine, the data cannot be opened by anybody."))
        div class="only-encrypted" { @if chip {
            (Field::switch("chip", "Open them by itself on this machine").on(true)
                .help("The machine's security chip keeps a key. Without this, the box waits for the recovery key at each start."))
        } @else {
            p { "This machine has no security chip (TPM 2.0), so an encrypted box waits for its recovery key at each start." }
        } }
    }
}

/// Data partitions are there, and the box does not know which is its own.
fn choose(site: &Site, facts: &DataFacts, problem: Option<&Problem>) -> Markup {
    let (title, lead) = match facts.reason {
        Some(DataReason::Missing) => (
            "The data partition of this box is not there",
            "The disk that held it is unplugged or does not answer. Plug it in and look again; everything is as it was then.",
        ),
        Some(DataReason::Ambiguous) => (
            "Two data partitions cannot be told apart",
            "They are copies of each other. Choose the one to go on with; the other is left alone. Or unplug the copy and look again.",
        ),
        _ => (
            "There are data of a box here",
            "This box does not know them yet. Keep them, and everything comes back: apps, accounts, settings.",
        ),
    };
    let mine = facts.boot_disk.as_ref();
    let on_boot_disk = facts.candidates.iter().any(|found| mine.is_some_and(|disk| disk.device == found.disk.device));
    let mut choices: Vec<Choice> = facts.candidates.iter().map(candidate).collect();
    let may_be_new = !on_boot_disk && facts.reason != Some(DataReason::Ambiguous);
    if may_be_new {
        let other = match facts.candidates.is_empty() {
            true => "On the disk that the box runs from. If the old one comes back, what is on it is as it was.",
            false => "On the disk that the box runs from. What was found stays as it is.",
        };
        choices.push(Choice::new("new", "Start with a new, empty data partition").help(other));
    }
    html! {
        div { h1 { (title) } p class="lead" { (lead) } }
        @if let Some(recorded) = facts.recorded {
            (ui::key_values().copy("Partition of this box", &recorded.to_string()))
        }
        @if !choices.is_empty() {
            (ui::Form::post("/setup/data").problem(problem).body(html! {
                (Field::radio("choice", "How to go on", choices).required().problem(problem))
                @if may_be_new { div class="form only-new" { (encryption(site, None)) } }
            }).button(ui::button("Go on").primary().trailing(Icon::ArrowRight)))
        }
        (look_again())
    }
}

fn candidate(found: &DataCandidate) -> Choice {
    let made = found.made_at.map(|at| format!("made {}", at.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
    let state = match (found.encrypted, found.complete) {
        (true, _) => "encrypted; its recovery key is asked for next",
        (false, Some(true)) => "whole",
        (false, Some(false)) => "empty: making it was cut off",
        (false, None) => "what is on it cannot be told",
    };
    let facts = [ByteSize(found.bytes).to_string(), name(&found.disk), made, state.to_owned()];
    let help = facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(" · ");
    Choice::new(format!("adopt:{}:{}", found.partuuid, found.device), format!("Keep the data on {}", found.device))
        .help(help)
}

/// It is encrypted, and nothing opened it.
fn locked(facts: &DataFacts, problem: Option<&Problem>) -> Markup {
    let partition = facts.recorded.map(|id| id.to_string()).or_else(|| match &facts.candidates[..] {
        [only] => Some(only.partuuid.to_string()),
        _ => None,
    });
    html! {
        div {
            h1 { "The data are locked" }
            p class="lead" { "They are encrypted, and this machine could not open them by itself. Type the recovery key that you wrote down." }
        }
        (ui::Form::post("/setup/unlock").problem(problem).body(html! {
            @if let Some(partition) = partition { input type="hidden" name="partition" value=(partition); }
            (Field::text("key", "Recovery key").mono().placeholder("XXXX-XXXX-XXXX-…").autocomplete("off").required().problem(problem).autofocus()
                .help("28 letters and digits. Capitals and dashes do not matter."))
        }).button(ui::button("Unlock").primary().icon(Icon::KeyRound)))
        (look_again())
    }
}

/// Something is there that should not be.
fn failed(facts: &DataFacts, problem: Option<&Problem>) -> Markup {
    let told = facts.problem.clone().map(Problem::from);
    html! {
        div {
            h1 { "The data partition cannot be used" }
            p class="lead" { "Nothing was changed. Apps do not run until this is solved." }
        }
        @if let Some(problem) = problem.or(told.as_ref()) { (ui::banner(Tone::Bad, &problem.title).body(html! {
            @if !problem.detail.is_empty() { p { (problem.detail) } }
            @if !problem.next.is_empty() { p { (problem.next) } }
            p class="banner-code" { "Code " (ui::copyable(&problem.code)) }
        })) }
        @else if facts.state == DataState::Open {
            (ui::banner(Tone::Bad, "It is open, and its folders could not be mounted").body(html! { p { "Restart the box. If it stays, the file system is damaged: the console's log says more." } }))
        }
        (look_again())
    }
}

fn look_again() -> Markup {
    html! {
        (ui::Form::post("/setup/again").button(ui::button("Look again").icon(Icon::RotateCw)))
    }
}

/// A disk in a few words.
pub(crate) fn name(disk: &Disk) -> String {
    let model = disk.model.clone().unwrap_or_else(|| "Disk".to_owned());
    format!("{model} ({})", disk.device)
}

/// A disk as facts.
pub(crate) fn about(disk: &Disk) -> Markup {
    html! {
        (ui::key_values()
            .row("Disk", name(disk))
            .row("Size", ByteSize(disk.bytes).to_string())
            .row("Attached by", disk.transport.to_uppercase())
            .maybe("Serial number", disk.serial.as_deref()))
    }
}

/// The recovery key, with the field to type it back into.
pub(super) fn key(cx: &PageCx, key: &RecoveryKey, problem: Option<&Problem>) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 1))
        div {
            h1 { "Write this key down" }
            p class="lead" { "It opens your data when this machine cannot. It is shown now and never again, and nobody else has it." }
        }
        p { code class="recovery-key" { (key.readable()) } }
        (ui::Form::post("/setup/key").problem(problem).body(
            Field::text("key", "The key, from your paper").mono().placeholder("XXXX-XXXX-XXXX-…").autocomplete("off").required().problem(problem)
                .help("Typed back, so that you know that it was written down right.")
        ).button(ui::link_button("Back", "/").quiet()).button(ui::button("Make the data partition").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, "Recovery key", body)
}

/// An act at work.
pub(super) fn progress(cx: &PageCx, report: &ActReport) -> Markup {
    let title = match report.act {
        orbitr_model::Act::Install => "Installing",
        orbitr_model::Act::MakeData => "Making the data partition",
        _ => "Opening the data partition",
    };
    let percent = report.fraction.map(|done| format!("{:.0} %", done * 100.0));
    let body = html! {
        div { h1 { (title) } p class="lead" { "Leave the machine on. This page looks by itself; leaving and coming back loses nothing." } }
        div role="status" { p { (report.step) @if let Some(percent) = &percent { " · " (percent) } } }
        (ui::progress(title, report.fraction))
        (ui::link_button("Look now", act::PROGRESS).wide().icon(Icon::RotateCw))
    };
    shell::bare_page(cx, title, body)
}

/// Asked for and not begun.
pub(super) fn waiting(cx: &PageCx) -> Markup {
    let body = html! {
        div { h1 { "One moment" } p class="lead" role="status" { "The machine is about to begin." } }
        (ui::link_button("Look now", act::PROGRESS).wide().icon(Icon::RotateCw))
    };
    shell::bare_page(cx, "One moment", body)
}

/// The data partition is open.
pub(super) fn opened(cx: &PageCx) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 2))
        div { h1 { "Your data partition is ready" } p class="lead" role="status" { "Orbitr is starting on it. This page goes on by itself in a few seconds." } }
        (ui::link_button("Go on", "/setup").wide().icon(Icon::RotateCw))
    };
    shell::bare_page(cx, "Ready", body)
}

/// The machine restarts.
pub(super) fn restarting(cx: &PageCx) -> Markup {
    let body = html! {
        div { h1 { "The machine is restarting" } p class="lead" role="status" { "From the disk, if the stick is out. This page looks by itself; the address may be another one then, and the screen shows it." } }
        (ui::link_button("Look now", "/").wide().icon(Icon::RotateCw))
    };
    shell::bare_page(cx, "Restarting", body)
}
