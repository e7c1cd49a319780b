//! What an action gave: a password or key, shown once.

use axum::extract::{Path, State};
use maud::{Markup, html};
use orbitr_access::{Permit, action::RevealAppSecrets};
use orbitr_apps::AppDetail;
use orbitr_model::{JobId, Problem, Topic};

use super::{
    act::detail,
    show::{cx_of, head},
};
use crate::{
    shell,
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Icon, Tone},
};

fn named(job: &str) -> Answer<JobId> {
    job.parse().map_err(|_| Trouble(Problem::not_found("job", job)))
}

pub(super) async fn page(
    State(site): State<Site>,
    permit: Permit<RevealAppSecrets>,
    Cx(cx): Cx,
    Path((_, job)): Path<(String, String)>,
) -> Answer<Markup> {
    let job = named(&job)?;
    let app = detail(&site, &permit).await?;
    let cx = cx_of(cx, &app, Some("What it gave"));
    let body = html! {
        (head(&app, "overview", permit.caller()))
        (body(&app, job))
    };
    Ok(shell::page(&cx, &format!("What an action of {} gave", app.app.name), body))
}

pub(super) async fn live(
    State(site): State<Site>,
    permit: Permit<RevealAppSecrets>,
    Path((_, job)): Path<(String, String)>,
) -> Answer<Markup> {
    let job = named(&job)?;
    Ok(body(&detail(&site, &permit).await?, job))
}

fn body(app: &AppDetail, job: JobId) -> Markup {
    let id = &app.app.id;
    let there = app.results.iter().find(|result| result.id == job);
    let busy = app.app.job.as_ref().filter(|brief| brief.id == job);
    let shown = html! {
        div class="stack narrow" {
            @if let Some(busy) = busy {
                (ui::banner(Tone::Busy, &busy.title)
                    .actions(ui::link_button("Follow it", format!("/jobs/{job}")).small().opens_drawer()))
            } @else if let Some(there) = there {
                (ui::card(&there.title, html! { div class="stack stack-s" {
                    p { "It gave a password or key. You can look at it once; the box forgets it with that." }
                    div class="cluster" {
                        (ui::button("Show it").primary().icon(Icon::Eye).post(format!("/apps/{id}/results/{job}")))
                    }
                } }))
            } @else {
                (ui::banner(Tone::Neutral, "There is nothing to look at")
                    .body(html! { p { "The action gave nothing of that kind, or somebody has looked at it already." } })
                    .actions(ui::link_button("Its job", format!("/jobs/{job}")).small()))
            }
        }
    };
    ui::live("app-result", &[Topic::App(id.clone()), Topic::Job(job)], &format!("/apps/{id}/results/{job}/live"), shown)
}

pub(super) async fn take(
    State(site): State<Site>,
    permit: Permit<RevealAppSecrets>,
    Cx(cx): Cx,
    Path((_, job)): Path<(String, String)>,
) -> Answer<Markup> {
    let result = site.apps.take_result(&permit, named(&job)?).await?;
    let app = detail(&site, &permit).await?;
    let cx = cx_of(cx, &app, Some("What it gave"));
    let mut list = ui::key_values();
    for (label, value) in &result.made {
        list = list.copy(label, value);
    }
    if let Some(output) = &result.output {
        list = list.copy("It says", output);
    }
    let body = html! {
        (head(&app, "overview", permit.caller()))
        div class="stack narrow" {
            (ui::card("What it gave", html! {
                (list)
                (ui::link_button("Done", format!("/apps/{}", app.app.id)).primary())
            }).hint("Write it down now: the box has forgotten it. That you looked is in the history."))
        }
    };
    Ok(shell::page(&cx, &format!("What an action of {} gave", app.app.name), body))
}
