//! Power: reboot and power off, with what stands in the way.

use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{PowerBox, ViewMachine},
};
use orbitr_machine::{Holder, Power, PowerRequest, Verb};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{cx_of, head, needs};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Confirm, Field, Icon, Tone},
};

fn held(power: &Power) -> impl Iterator<Item = &Holder> {
    power.jobs.iter().chain(&power.held_by)
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let power = site.machine.power(&permit).await?;
    let cx = cx_of(cx, "Power");
    let body = html! {
        (head("Power"))
        div class="stack narrow" {
            @if let Some(pending) = &power.pending {
                (ui::banner(Tone::Busy, format!("«{}» waits until nothing is in the way", pending.verb.word()))
                    .actions(ui::link_button("Follow or cancel it", format!("/jobs/{}", pending.job)).small()))
            }
            @if held(&power).next().is_some() {
                (ui::banner(Tone::Warn, "Something must not be cut off now").body(html! {
                    ul { @for holder in held(&power) { li {
                        @if let Some(job) = &holder.job { a href={ "/jobs/" (job) } { (holder.who) } } @else { (holder.who) }
                        @if !holder.why.is_empty() { " (" (holder.why) ")" }
                    } } }
                    p { "You can have the box wait for it." }
                }))
            }
            @if power.available {
                (ui::card("Reboot", html! { div class="stack stack-s" {
                    p { "The machine goes down and comes up again. Apps stop and start by themselves." }
                    div class="cluster" { (ui::link_button("Reboot", "/system/power/reboot").icon(Icon::RotateCw).opens_dialog()) }
                } }))
                (ui::card("Power off", html! { div class="stack stack-s" {
                    p { "The machine goes down. Somebody has to press its button to bring it up again." }
                    div class="cluster" { (ui::link_button("Power off", "/system/power/power-off").icon(Icon::Power).opens_dialog()) }
                } }).danger())
            } @else {
                (ui::Card::plain(needs(Icon::Power, "Not from here", &power.reason)))
            }
        }
    };
    Ok(shell::page(&cx, "Power", body))
}

/// The form of the confirmation.
#[derive(Default, Deserialize)]
pub(super) struct PowerForm {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    wait: String,
    #[serde(default)]
    confirm: String,
}

fn verb(text: &str) -> Answer<Verb> {
    match text {
        "reboot" => Ok(Verb::Reboot),
        "power-off" => Ok(Verb::PowerOff),
        other => Err(Trouble(Problem::not_found("page", format!("/system/power/{other}")))),
    }
}

fn asks(cx: PageCx, verb: Verb, power: &Power, form: &PowerForm, problem: Option<&Problem>) -> Markup {
    let cx = cx.section(Section::System).crumb("Power", "/system/power").here(verb.word());
    let busy = held(power).next().is_some();
    let mut goes = vec!["Every app and these pages are away until the machine is up again".to_owned()];
    if verb == Verb::PowerOff {
        goes.push("Nobody can switch it on from here".to_owned());
    }
    let fields = html! {
        (Field::text("reason", "Why").value(if form.reason.is_empty() { "By hand" } else { &form.reason }).required().max_length(200)
            .help("History keeps it.").problem(problem))
        @if busy {
            (Field::checkbox("wait", "Wait until what is at work has ended").on(problem.is_none() || form.wait == "on")
                .help("It is not cut off. Until then this can be cancelled."))
        }
    };
    let confirm = Confirm {
        title: format!("{} {}?", verb.word(), cx.box_name),
        goes,
        stays: vec!["All data; apps that ran start again by themselves".to_owned()],
        typed: Some(cx.box_name.clone()),
        fields: Some(fields),
        action: format!("/system/power/{}", if verb == Verb::Reboot { "reboot" } else { "power-off" }),
        button: verb.word().to_owned(),
        back: "/system/power".to_owned(),
        problem,
    };
    shell::page(&cx, verb.word(), ui::Card::plain(html! { (confirm) }))
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Answer<Markup> {
    let verb = verb(&name)?;
    let power = site.machine.power(&permit).await?;
    if !power.available {
        return Err(Trouble(Problem::new(409, "not-here", "This cannot be done on this machine").why(power.reason)));
    }
    Ok(asks(cx, verb, &power, &PowerForm::default(), None))
}

pub(super) async fn act(
    State(site): State<Site>,
    permit: Permit<PowerBox>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Form(form): Form<PowerForm>,
) -> Answer<Response> {
    let verb = verb(&name)?;
    let request = PowerRequest { verb, reason: form.reason.clone(), wait: form.wait == "on" };
    let done = if form.confirm.trim() == site.machine.name().as_str() {
        site.machine.set_power(&permit, &request).await.map_err(Problem::from)
    } else {
        Err(Problem::field("confirm", "Type the name of the box, as it stands above."))
    };
    match done {
        Ok(started) => {
            Ok(Flash::busy(format!("{}: it is on its way", verb.word())).redirect(&format!("/jobs/{}", started.job)))
        }
        Err(problem) => {
            let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
            let power = site.machine.power(&look).await?;
            Ok((error_status(&problem), asks(cx, verb, &power, &form, Some(&problem))).into_response())
        }
    }
}
