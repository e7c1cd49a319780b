//! After an update: whether the apps are as healthy as before it, and the question when they are not.

use axum::{Form, extract::State, response::Response};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{UpdateBox, ViewMachine},
};
use orbitr_machine::{AnswerUpdate, Proving, ProvingState, UpdateAnswer};
use orbitr_model::{ImageVersion, Problem, Topic};
use serde::Deserialize;

use super::HERE;
use crate::{
    flash::Flash,
    shell::{self, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Confirm, Icon, Tone},
};

const BACK: &str = "/system/updates/back";
const HOME: &str = "/home/update";

/// How far it is; the question with both answers when there is one.
pub(super) fn shown(proving: &Proving, clock: &Clock, may_answer: bool) -> Markup {
    let Proving { version, before, .. } = proving;
    html! {
        @match proving.state {
            ProvingState::Watching => {
                (ui::banner(Tone::Busy, format!("Looking whether every app comes up on {version} as it was"))
                    .body(html! { p { "When one does not, you are asked whether to keep this version or to go back to " (before) "." } }))
            }
            ProvingState::Returning => {
                (ui::banner(Tone::Busy, format!("Going back to {before}"))
                    .body(html! { p { "The box restarts when no job is at work. All data stay." } }))
            }
            ProvingState::Asking => { (question(proving, clock, may_answer)) }
        }
    }
}

fn question(proving: &Proving, clock: &Clock, may_answer: bool) -> ui::Banner {
    let Proving { version, before, .. } = proving;
    let body = html! {
        div class="stack stack-s" {
            p { "On " (before) " they were healthy, and now they are not:" }
            ul {
                @for app in &proving.apps {
                    li { a href={ "/apps/" (app.id) } { (app.name) } ": " (app.said) " " a href={ "/apps/" (app.id) "/logs" } { "Logs" } }
                }
            }
            @match (proving.ends_at, proving.may_go_back) {
                (Some(ends), _) => { p { "Without an answer the box goes back to " (before) " by itself " (clock.ago(ends)) " (" (clock.moment(ends)) ")." } }
                (None, true) => { p { "The box waits for your answer." } }
                (None, false) => { p { (before) " cannot be started any more, so there is no way back." } }
            }
            p class="quiet" { "When they become healthy, the question goes away. Whatever you choose, all data stay." }
        }
    };
    let banner = ui::banner(Tone::Bad, format!("Keep {version}? Not every app is healthy since the update")).body(body);
    if !may_answer {
        return banner;
    }
    banner.actions(html! {
        (ui::button(format!("Keep {version}")).small().post(format!("{HERE}/keep")).hidden("version", version.as_str()))
        @if proving.may_go_back {
            (ui::link_button(format!("Go back to {before} …"), BACK).small().icon(Icon::RotateCw).opens_dialog())
        }
    })
}

/// The same on Home, for those who may look at the machine; stands in for itself when it changes.
pub(crate) async fn home(site: &Site, caller: &Caller, clock: &Clock) -> Answer<Markup> {
    if !caller.may::<ViewMachine>(&TheBox) {
        return Ok(html! {});
    }
    let proving = site.machine.proving().await.filter(|proving| proving.state != ProvingState::Watching);
    let banner = html! {
        @if let Some(proving) = &proving { (shown(proving, clock, caller.may::<UpdateBox>(&TheBox))) }
    };
    Ok(ui::live("home-update", &[Topic::Box], HOME, banner))
}

pub(in crate::machine) async fn home_part(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
) -> Answer<Markup> {
    home(&site, permit.caller(), &cx.clock).await
}

#[derive(Deserialize)]
pub(in crate::machine) struct KeepForm {
    version: ImageVersion,
}

pub(in crate::machine) async fn keep(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Form(form): Form<KeepForm>,
) -> Answer<Response> {
    let kept = AnswerUpdate { version: form.version.clone(), answer: UpdateAnswer::Keep };
    site.machine.answer_update(&permit, &kept).await?;
    Ok(Flash::good(format!("{} is kept", form.version)).redirect(HERE))
}

pub(in crate::machine) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
) -> Answer<Markup> {
    let updates = site.machine.updates(&permit).await?;
    let Some(proving) = updates.proving.filter(|proving| proving.state == ProvingState::Asking) else {
        return Err(Trouble(
            Problem::new(409, "update-not-asked", "There is no update to go back from any more")
                .why("Its apps became healthy, or somebody has answered already.")
                .then("Look at the page Updates."),
        ));
    };
    let Proving { version, before, .. } = &proving;
    let cx = cx.section(Section::System).crumb("Updates", HERE).here("Go back");
    let confirm = Confirm {
        title: format!("Go back to Orbitr OS {before}?"),
        goes: vec![
            "The box restarts, when no job is at work".to_owned(),
            format!("{version} is not installed again by itself; the page Updates keeps why"),
        ],
        stays: vec!["All data and all apps".to_owned()],
        typed: None,
        fields: Some(html! { input type="hidden" name="version" value=(version); }),
        action: BACK.to_owned(),
        button: "Go back and restart".to_owned(),
        back: HERE.to_owned(),
        problem: None,
    };
    Ok(shell::page(&cx, "Go back to the version before", ui::Card::plain(html! { (confirm) })))
}

pub(in crate::machine) async fn back(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Form(form): Form<KeepForm>,
) -> Answer<Response> {
    let back = AnswerUpdate { version: form.version.clone(), answer: UpdateAnswer::GoBack };
    let answered = site.machine.answer_update(&permit, &back).await?;
    let to = answered.job.map_or_else(|| HERE.to_owned(), |job| format!("/jobs/{job}"));
    Ok(Flash::busy(format!("Going back from {}", form.version)).redirect(&to))
}
