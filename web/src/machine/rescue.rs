//! When something is badly wrong: safe mode, and erasing everything.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ResetBox, ViewMachine},
};
use orbitr_apps::ChangeSafeMode;
use orbitr_machine::{Holder, Reset, ResetRequest};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{cx_of, head};
use crate::{
    flash::Flash,
    shell::{self, PageCx, SAFE_MODE, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Confirm, Field, Icon, Tone},
};

const BACK: &str = "/system/rescue";
const RESET: &str = "/system/rescue/factory-reset";

fn held(reset: &Reset) -> impl Iterator<Item = &Holder> {
    reset.jobs.iter().chain(&reset.held_by)
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let reset = site.machine.reset(&permit).await?;
    let safe_mode = site.apps.in_safe_mode().await?;
    let cx = cx_of(cx, "Rescue");
    let body = html! {
        (head("Rescue"))
        div class="stack narrow" {
            @if let Some(job) = &reset.pending {
                (ui::banner(Tone::Bad, "A factory reset waits until nothing is in the way")
                    .actions(ui::link_button("Follow or cancel it", format!("/jobs/{job}")).small()))
            }
            (ui::card("Safe mode", html! { div class="stack stack-s" {
                p { "Stops every app and keeps it stopped, also over restarts, so that you can look at what is wrong with the box. Data stays. What each app is wanted to be is remembered: when you leave safe mode, those that ran start again." }
                form method="post" action=(SAFE_MODE) class="cluster" {
                    input type="hidden" name="to" value=(if safe_mode { "off" } else { "on" });
                    @if safe_mode { (ui::button("Leave safe mode").primary()) } @else { (ui::button("Turn safe mode on").icon(Icon::ShieldCheck)) }
                }
            } }))
            (ui::card("Factory reset", html! { div class="stack stack-s" {
                p { "Erases everything that is yours on this box, so that it is as new. For a box that goes to somebody else, or that nothing else brings back." }
                @if reset.available {
                    div class="cluster" { (ui::link_button("Factory reset …", RESET).opens_dialog().icon(Icon::Trash2)) }
                } @else {
                    p { strong { "Not from here. " } (reset.reason) }
                }
            } }).danger())
        }
    };
    Ok(shell::page(&cx, "Rescue", body))
}

/// Which way.
#[derive(Deserialize)]
pub(super) struct SafeModeForm {
    #[serde(default)]
    to: String,
}

pub(super) async fn safe_mode(
    State(site): State<Site>,
    permit: Permit<ChangeBox>,
    Form(form): Form<SafeModeForm>,
) -> Answer<Response> {
    let on = match form.to.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Trouble(Problem::field("to", "Say «on» or «off»."))),
    };
    site.apps.set_safe_mode(&permit, &ChangeSafeMode { on }).await?;
    let said = if on { "Safe mode is on: apps are being stopped" } else { "Safe mode is off: apps start again" };
    Ok(Flash::busy(said).redirect(if on { BACK } else { "/apps" }))
}

/// The form of the confirmation.
#[derive(Default, Deserialize)]
pub(super) struct ResetForm {
    #[serde(default)]
    wait: String,
    /// The serial number.
    #[serde(default)]
    confirm: String,
}

fn asks(cx: PageCx, reset: &Reset, form: &ResetForm, problem: Option<&Problem>) -> Markup {
    let cx = cx.section(Section::System).crumb("Rescue", BACK).here("Factory reset");
    let busy = held(reset).next().is_some();
    let fields = html! {
        (ui::banner(Tone::Warn, "Make a backup first")
            .body(html! { p { "Nothing brings back what is erased. Copy what you want to keep to another machine before you go on." } }))
        @if busy {
            (ui::banner(Tone::Warn, "Something must not be cut off now").body(html! {
                ul { @for holder in held(reset) { li { (holder.who) @if !holder.why.is_empty() { " (" (holder.why) ")" } } } }
            }))
            (Field::checkbox("wait", "Wait until what is at work has ended").on(problem.is_none() || form.wait == "on")
                .help("It is not cut off. Until then this can be cancelled."))
        }
        p { "What must be typed below is this machine's serial number, or the first digits of its id where it has none." }
    };
    let confirm = Confirm {
        title: format!("Erase everything on {}?", cx.box_name),
        goes: vec![
            "Every app with all its data".to_owned(),
            "All accounts, settings, passwords and keys, the history and the logs".to_owned(),
            "The box's certificate: browsers ask again whether they know it".to_owned(),
        ],
        stays: vec![
            "The system itself, in the version that runs now".to_owned(),
            "Other disks, and what is on other machines".to_owned(),
        ],
        typed: Some(reset.serial.clone().unwrap_or_default()),
        fields: Some(fields),
        action: RESET.to_owned(),
        button: "Erase everything".to_owned(),
        back: BACK.to_owned(),
        problem,
    };
    shell::page(&cx, "Factory reset", ui::Card::plain(html! { (confirm) }))
}

pub(super) async fn confirm_reset(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let reset = site.machine.reset(&permit).await?;
    if !reset.available {
        return Err(Trouble(Problem::new(409, "not-here", "This cannot be done on this machine").why(reset.reason)));
    }
    Ok(asks(cx, &reset, &ResetForm::default(), None))
}

pub(super) async fn reset(
    State(site): State<Site>,
    permit: Permit<ResetBox>,
    Cx(cx): Cx,
    Form(form): Form<ResetForm>,
) -> Answer<Response> {
    let request = ResetRequest { serial: form.confirm.clone(), wait: form.wait == "on" };
    match site.machine.factory_reset(&permit, &request).await {
        Ok(started) => {
            Ok(Flash::busy("The box erases itself and restarts").redirect(&format!("/jobs/{}", started.job)))
        }
        Err(error) => {
            let mut problem = Problem::from(error);
            // The field has another name here.
            for wrong in &mut problem.fields {
                "confirm".clone_into(&mut wrong.field);
            }
            let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
            let reset = site.machine.reset(&look).await?;
            if !reset.available {
                return Err(Trouble(problem));
            }
            Ok((error_status(&problem), asks(cx, &reset, &form, Some(&problem))).into_response())
        }
    }
}
