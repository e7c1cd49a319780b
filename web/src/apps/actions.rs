//! What an app's extension lets people press, and what the clock presses.

use std::collections::BTreeMap;

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{Caller, Permit, action::ChangeApp};
use orbitr_apps::{ActRequest, ActionView, AppDetail, Phase, ScheduleView};
use orbitr_model::{AppState, JobState, Problem};
use serde_json::Value;

use super::{
    act::detail,
    form::{self, Purpose},
    show::cx_of,
};
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Column, Confirm, Icon, Row},
};

/// The buttons, for whoever may press them, and what the clock does; nothing where there is neither.
pub(super) fn card(app: &AppDetail, caller: &Caller, clock: &Clock) -> Markup {
    let id = &app.app.id;
    if app.app.phase != Phase::Installed {
        return html! {};
    }
    let mine: Vec<_> = app.actions.iter().filter(|action| action.is_for(caller)).collect();
    let ready = app.app.job.is_none() && app.app.status.state == AppState::Running;
    let body = html! {
        div class="stack stack-s" {
            div class="cluster" {
                @for action in &mine { (button(app, action, ready)) }
            }
            @for result in &app.results {
                p { (result.title) " gave something to look at, once: " a href={ "/apps/" (id) "/results/" (result.id) } { "look at it" } "." }
            }
        }
    };
    html! {
        @if !mine.is_empty() && caller.may::<ChangeApp>(id) {
            (ui::card("Actions", body).hint("What comes of them is in the log of their job."))
        }
        @if !app.schedules.is_empty() { (ui::card("By the clock", schedules(&app.schedules, clock)).flush()) }
    }
}

fn schedules(all: &[ScheduleView], clock: &Clock) -> ui::Table {
    let rows = all.iter().map(|one| {
        let end = one.job.as_ref().map(|job| match job.state {
            JobState::Succeeded => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Queued | JobState::Running | JobState::Undoing => "under way",
        });
        Row::new()
            .cell(one.label.as_str())
            .cell(html! { code { (one.spec) } })
            .cell(html! {
                @match (&one.last, &one.job, end) {
                    (Some(last), Some(job), Some(end)) => { a href={ "/jobs/" (job.id) } { (end) } " " (clock.ago(*last)) }
                    (Some(last), _, _) => (clock.ago(*last)),
                    (None, _, _) => "Never yet",
                }
            })
            .cell(one.next.map(|next| clock.exact(next)).unwrap_or_else(|| "Soon known".to_owned()))
    });
    let columns = [Column::new("Action"), Column::new("When"), Column::new("Last"), Column::new("Next")];
    ui::table("By the clock", columns).rows(rows)
}

fn button(app: &AppDetail, action: &ActionView, ready: bool) -> Markup {
    let path = format!("/apps/{}/actions/{}", app.app.id, action.name);
    if !ready {
        return html! { (ui::button(action.label.as_str()).disabled_because("The app must run, and no job work on it")) };
    }
    if action.confirm.is_some() || !action.inputs.is_empty() {
        let label = format!("{} …", action.label);
        return html! { (ui::link_button(label, path).icon(Icon::Play).opens_dialog()) };
    }
    html! { (ui::button(action.label.as_str()).icon(Icon::Play).post(path)) }
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Path((_, name)): Path<(String, String)>,
) -> Answer<Markup> {
    let app = detail(&site, &permit).await?;
    Ok(confirm_page(cx, &app, find(&app, &name)?, &BTreeMap::new(), None))
}

fn find<'a>(app: &'a AppDetail, name: &str) -> Answer<&'a ActionView> {
    let found = app.actions.iter().find(|action| action.name == name);
    found.ok_or_else(|| Trouble(Problem::field("action", format!("this app has no action «{name}»"))))
}

fn confirm_page(
    cx: PageCx,
    app: &AppDetail,
    action: &ActionView,
    typed: &BTreeMap<String, Value>,
    problem: Option<&Problem>,
) -> Markup {
    let fields = html! {
        @if let Some(text) = &action.confirm { p { (text) } }
        (form::fields(&action.inputs, typed, Purpose::Install, problem))
    };
    let confirm = Confirm {
        title: format!("{}?", action.label),
        goes: Vec::new(),
        stays: Vec::new(),
        typed: None,
        fields: Some(fields),
        action: format!("/apps/{}/actions/{}", app.app.id, action.name),
        button: action.label.clone(),
        back: format!("/apps/{}", app.app.id),
        problem,
    };
    let cx = cx_of(cx, app, Some(&action.label));
    shell::page(&cx, &action.label, html! { (ui::Card::plain(html! { (confirm) })) })
}

pub(super) async fn press(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Path((_, name)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let app = detail(&site, &permit).await?;
    let action = find(&app, &name)?;
    let inputs = form::answers(&action.inputs, &pairs, Purpose::Install);
    match site.apps.act(&permit, &name, ActRequest { inputs: inputs.clone() }).await {
        Ok(started) => {
            let shows = action.credential || action.inputs.iter().any(|input| input.generated);
            let next = match shows {
                true => format!("/apps/{}/results/{}", started.app, started.job),
                false => format!("/jobs/{}", started.job),
            };
            Ok(Flash::busy("It is under way").redirect(&next))
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status != 422 || action.inputs.is_empty() {
                return Err(Trouble(problem));
            }
            Ok((StatusCode::UNPROCESSABLE_ENTITY, confirm_page(cx, &app, action, &inputs, Some(&problem)))
                .into_response())
        }
    }
}
