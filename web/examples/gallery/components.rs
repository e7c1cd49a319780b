//! Every component on one page.

use maud::{Markup, html};
use orbitr_model::{AppState, JobState, Problem, StepState};
use orbitr_web::{
    flash::Flash,
    shell,
    ui::{self, Choice, Field, Icon, Status, Tone},
};

use crate::Cx;

pub(crate) async fn page(Cx(mut cx): Cx) -> Markup {
    cx.flash = Some(Flash::good("Valkey was stopped").undo("/apps/valkey/restart"));
    let cx = cx.here("Components");
    let problem =
        Problem::new(409, "port-taken", "Port 80 is taken").why("Nginx listens there.").then("Choose another port.");
    let body = html! {
        (ui::header("Components").lead("Everything that pages are made of.").actions(html! {
            (ui::button("Quiet").quiet()) (ui::button("Secondary")) (ui::button("Primary").primary().icon(Icon::Plus))
        }))
        (ui::card("Buttons", html! {
            div class="stack" {
                div class="cluster" {
                    (ui::button("Save").primary()) (ui::button("Restart").icon(Icon::RotateCw)) (ui::button("Cancel").quiet())
                    (ui::button("Remove app").danger().icon(Icon::Trash2)) (ui::button("More").icon_only(Icon::Ellipsis))
                    (ui::button("Stop").disabled_because("You may look at this app, but not stop it")) (ui::button("Waiting").count(3))
                }
                div class="cluster" {
                    (ui::button("Save").primary().small()) (ui::button("Restart").icon(Icon::RotateCw).small()) (ui::button("Cancel").quiet().small())
                    (ui::button("Remove").danger().small()) (ui::button("More").icon_only(Icon::Ellipsis).small().quiet())
                    (ui::link_button("All jobs", "/jobs").small().trailing(Icon::ArrowRight))
                }
            }
        }))
        (ui::card("States", html! {
            div class="stack stack-s" {
                div class="cluster" { @for state in AppState::ALL { (ui::status(state)) } }
                div class="cluster" { @for state in [JobState::Queued, JobState::Running, JobState::Undoing, JobState::Succeeded, JobState::Failed, JobState::Cancelled] { (ui::status(state)) } }
                div class="cluster" { @for state in [StepState::Pending, StepState::Running, StepState::Done, StepState::Failed, StepState::Undoing, StepState::Undone] { (ui::status_dot(state)) } }
                div class="cluster" { (ui::status(Status::new(Tone::Warn, Icon::Timer, "Expires soon"))) }
            }
        }))
        div class="grid-2" {
            div class="stack" {
                (ui::problem(&problem))
                @for (tone, title) in [(Tone::Neutral, "A word"), (Tone::Good, "Done"), (Tone::Busy, "Good to know"), (Tone::Warn, "Look at this"), (Tone::Bad, "This does not work")] {
                    (ui::banner(tone, title).body(html! { p { "One sentence that says what it means." } }))
                }
            }
            div class="stack" {
                (ui::card("Meters", html! { div class="stack stack-s" {
                    (ui::Meter::new("Memory", 0.34, "5.1 GiB of 15.6 GiB")) (ui::Meter::new("Data", 0.84, "16.8 GiB of 20 GiB")) (ui::Meter::new("Disk", 0.97, "904 GiB of 932 GiB"))
                    (ui::progress("Known", Some(0.6))) (ui::progress("Unknown", None))
                } }))
                (ui::card("Text", html! { div class="stack stack-s" {
                    (ui::copyable("0198c0de-0000-7000-8000-000000000001")) (ui::copyable_as("0198c0de", "0198c0de-0000-7000-8000-000000000001"))
                    (ui::code_block("Command", "docker run --rm -it registry.example/very/long/name:1.2.3 --option value --another-option another-value"))
                    p { "Changed " (cx.clock.ago(cx.clock.now() - jiff::SignedDuration::from_mins(7))) ", " (cx.clock.moment(cx.clock.now())) ", see " a href="/jobs" { "the job" } "." }
                } }))
                (ui::card("Empty", ui::empty(Icon::Archive, "No snapshots yet").text("The first one is made tonight at 03:00.").action(ui::button("Make one now"))))
            }
        }
        div class="grid-2" {
            (ui::card("Fields", html! { div class="form" {
                (Field::text("a", "Text").placeholder("Type here").help("A sentence of help."))
                (Field::text("b", "Wrong").value("Ünïcode").error(Some("Only a-z, 0-9 and -")))
                (Field::password("c", "Password").generates())
                (Field::number("d", "Number").value("512").unit("MiB"))
                (Field::select("e", "Select", vec![Choice::new("1", "One"), Choice::new("2", "Two")]))
                (Field::date("f", "Date"))
                (Field::text("g", "Disabled").value("fixed").disabled(true))
                (Field::area("h", "Area", 3).optional())
                (Field::code("i", "Code"))
            } }))
            (ui::card("Choices", html! { div class="form" {
                (Field::radio("j", "Radio", vec![Choice::new("1", "This box only").help("Other apps on this box."), Choice::new("2", "Your network").help("Everyone with the password.")]).value("2"))
                (Field::radio("k", "Plain radio", vec![Choice::new("1", "One"), Choice::new("2", "Two")]).value("1"))
                (Field::multi("l", "Several", vec![Choice::new("1", "Monday"), Choice::new("2", "Tuesday")]).value("1"))
                (Field::switch("m", "Switch").on(true).help("On and off.")) (Field::switch("n", "Off"))
                (Field::checkbox("o", "I have read it").error(Some("Please read it first")))
            } }))
        }
        (ui::card("Wizard", ui::stepper("Sample wizard", &["Code", "Account", "Box", "Done"], 2)))
        (ui::tabs("Sample parts", &[ui::Tab::new("Overview", "#a", true), ui::Tab::new("Logs", "#b", false), ui::Tab::new("Jobs", "#c", false).count(4)]))
        (ui::card("Icons", html! { div class="cluster" { @for icon in Icon::ALL { span title=(icon.name()) { (icon) } } } }))
    };
    shell::page(&cx, "Components", body)
}
