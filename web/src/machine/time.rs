//! Time: the clock, whether it can be right, its zone, its servers.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{ChangeBox, ViewMachine},
};
use orbitr_machine::{ChangeTime, TimeState, Verdict, zones};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{cx_of, head};
use crate::{
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Choice, Field, Icon, Status, Tone},
};

#[derive(Deserialize)]
pub(super) struct TimeForm {
    #[serde(default)]
    time_zone: String,
    #[serde(default)]
    ntp_servers: String,
}

fn verdict(time: &TimeState) -> Status {
    match &time.clock {
        Verdict::Plausible if time.machine.as_ref().is_some_and(|machine| machine.synchronised) => {
            Status::new(Tone::Good, Icon::CircleCheck, "Right")
        }
        Verdict::Plausible => Status::new(Tone::Good, Icon::CircleCheck, "Plausible"),
        Verdict::Doubtful { .. } => Status::new(Tone::Warn, Icon::TriangleAlert, "Doubtful"),
        Verdict::Behind { .. } | Verdict::Ahead { .. } => Status::new(Tone::Bad, Icon::CircleX, "Wrong"),
    }
}

fn network(time: &TimeState) -> Markup {
    let Some(machine) = &time.machine else {
        return html! { "Needs systemd: this machine does not say." };
    };
    html! {
        @if machine.synchronised { "Agrees with the network." }
        @else if machine.from_network { "No time server has answered yet." }
        @else { "Not compared with the network." }
    }
}

fn body(cx: PageCx, time: &TimeState, form: Option<&TimeForm>, problem: Option<&Problem>) -> Markup {
    let cx = cx_of(cx, "Time");
    let zones = zones::all().into_iter().map(|zone| Choice::new(zone.clone(), zone.replace('_', " "))).collect();
    let zone = form.map_or(time.time_zone.as_str(), |form| &form.time_zone);
    let servers = form.map_or_else(|| time.chosen.join("\n"), |form| form.ntp_servers.clone());
    let other_zone = time.machine.as_ref().map(|machine| &machine.time_zone).filter(|zone| **zone != time.time_zone);
    let asked = time.servers.as_ref().map(|servers| match servers.current.as_str() {
        "" => "none has answered yet".to_owned(),
        current => format!("{current}, every {} s", servers.every),
    });
    let body = html! {
        (head("Time"))
        div class="stack narrow" {
            @if let Some(why) = time.clock.why() {
                @let tone = if time.clock.is_usable() { Tone::Warn } else { Tone::Bad };
                (ui::banner(tone, if time.clock.is_usable() { "The clock is doubtful" } else { "The clock is wrong" })
                    .body(html! { p { (why) } @if !time.clock.is_usable() { p { "Until it is right, certificates cannot be checked." } } }))
            }
            (ui::card("Clock", ui::key_values()
                .row("Now", cx.clock.exact(time.now))
                .row("Verdict", ui::status(verdict(time)))
                .row("Network", network(time))
                .maybe("Time server", asked)
                .maybe("Machine's own zone", other_zone)
                .maybe("Battery-backed clock", time.machine.as_ref().and_then(|machine| machine.battery).map(|at| cx.clock.exact(at)))))
            (ui::card("Settings", ui::Form::post("/system/time").problem(problem).body(html! {
                (Field::select("time_zone", "Time zone", zones).value(zone).required()
                    .help("Times are shown in it. The machine gets it too, where Orbitr may set it.").problem(problem))
                @if time.can_choose {
                    (Field::area("ntp_servers", "Time servers", 3).value(servers).optional()
                        .help("One a line. Empty: those that the network names.").problem(problem))
                } @else {
                    p class="quiet" { "Time servers can be chosen on Orbitr OS. In hosted mode they are in the machine's own configuration." }
                }
            }).button(ui::button("Save").primary())))
        }
    };
    shell::page(&cx, "Time", body)
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    Ok(body(cx, &site.machine.time(&permit).await?, None, None))
}

pub(super) async fn save(
    State(site): State<Site>,
    permit: Permit<ChangeBox>,
    Cx(cx): Cx,
    Form(form): Form<TimeForm>,
) -> Answer<Response> {
    let look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
    let time = site.machine.time(&look).await?;
    let servers = form.ntp_servers.split_whitespace().map(str::to_owned).collect();
    let change =
        ChangeTime { time_zone: Some(form.time_zone.clone()), ntp_servers: time.can_choose.then_some(servers) };
    match site.machine.change_time(&permit, &change).await.map_err(Problem::from) {
        Ok(()) => Ok(Flash::good("Saved").redirect("/system/time")),
        Err(problem) => Ok((error_status(&problem), body(cx, &time, Some(&form), Some(&problem))).into_response()),
    }
}
