//! Compose projects that run without the box, and taking one over.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{InstallApp, InstallUnknown},
};
use orbitr_apps::{AdoptPlan, AdoptRequest, ComposeProject};
use orbitr_model::Problem;

use super::form;
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Column, Field, Icon, Row, Status, Tone},
};

fn path(name: &str) -> String {
    format!("/adopt/{name}")
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<InstallUnknown>, Cx(cx): Cx) -> Answer<Markup> {
    let projects = site.apps.compose_projects(&permit).await?;
    let cx = cx.section(Section::Apps).here("Compose projects");
    let lead = "What Docker runs on this machine without the box. One that is taken over is an app like any other.";
    let body = html! {
        (ui::header("Compose projects").lead(lead))
        (ui::card("Running without the box", table(&projects)).flush())
    };
    Ok(shell::page(&cx, "Compose projects", body))
}

fn table(projects: &[ComposeProject]) -> ui::Table {
    let rows = projects.iter().map(|project| {
        let running = project.services.iter().filter(|service| service.running).count();
        let state = match running {
            0 => Status::new(Tone::Neutral, Icon::Square, "Stopped"),
            _ if running == project.services.len() => Status::new(Tone::Good, Icon::CircleCheck, "Running"),
            _ => Status::new(Tone::Warn, Icon::TriangleAlert, "In part"),
        };
        Row::new()
            .href(path(&project.name))
            .cell(project.name.as_str())
            .cell(ui::status(state))
            .cell(project.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", "))
            .cell(html! { @if let Some(folder) = &project.folder { code class="breaks" { (folder) } } })
    });
    let columns = [Column::new("Project"), Column::new("State"), Column::new("Services"), Column::new("Folder")];
    let empty =
        ui::empty(Icon::Box, "No Compose projects").text("Everything that Docker runs here was made by the box.");
    ui::table("Compose projects", columns).rows(rows).empty(empty)
}

/// What somebody typed, and what came of it.
struct Typed {
    request: AdoptRequest,
    plan: Result<AdoptPlan, Problem>,
    refused: Option<Problem>,
}

pub(super) async fn show(
    State(site): State<Site>,
    permit: Permit<InstallUnknown>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Answer<Markup> {
    let request = AdoptRequest { compose_project: name, ..AdoptRequest::default() };
    let typed = look(&site, &permit, request, None).await?;
    Ok(draw(&cx, &typed))
}

/// The plan for what was typed.
async fn look(
    site: &Site,
    permit: &Permit<InstallUnknown>,
    request: AdoptRequest,
    refused: Option<Problem>,
) -> Answer<Typed> {
    let known = site.apps.compose_projects(permit).await?;
    if !known.iter().any(|project| project.name == request.compose_project) {
        return Err(Trouble(Problem::not_found("Compose project", &request.compose_project)));
    }
    let plan = site.apps.plan_adoption(permit, &request).await.map_err(Problem::from);
    Ok(Typed { request, plan, refused })
}

pub(super) async fn adopt(
    State(site): State<Site>,
    permit: Permit<InstallUnknown>,
    Cx(cx): Cx,
    Path(name): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let mut request = AdoptRequest { compose_project: name, ..AdoptRequest::default() };
    let only_look = pairs.iter().any(|(key, value)| key == "then" && value == "look");
    let refused = match read(&pairs, &mut request) {
        Err(problem) => Some(problem),
        Ok(()) if only_look => None,
        Ok(()) => {
            let Some(home) = site.access.home() else {
                return Err(Trouble(Problem::not_found("project", "home")));
            };
            let into = site.access.permit::<InstallApp>(permit.caller(), home).await?;
            match site.apps.adopt(&permit, &into, request.clone()).await {
                Ok(started) => {
                    return Ok(Flash::busy("It is being taken over").redirect(&format!("/jobs/{}", started.job)));
                }
                Err(error) => Some(Problem::from(error)),
            }
        }
    };
    if let Some(problem) = refused.as_ref().filter(|problem| problem.status >= 500) {
        return Err(Trouble(problem.clone()));
    }
    let status = refused.as_ref().and_then(|problem| StatusCode::from_u16(problem.status).ok());
    let typed = look(&site, &permit, request, refused).await?;
    Ok((status.unwrap_or(StatusCode::OK), draw(&cx, &typed)).into_response())
}

fn read(pairs: &[(String, String)], request: &mut AdoptRequest) -> Result<(), Problem> {
    let text = |name: &str| Some(form::one(pairs, name).replace("\r\n", "\n")).filter(|text| !text.trim().is_empty());
    (request.compose, request.env) = (text("compose"), text("env"));
    if let Some(name) = text("name") {
        request.name = Some(name.parse().map_err(|why| Problem::field("name", format!("{why}")))?);
    }
    if let Some(app) = text("app") {
        request.app = Some(app.parse().map_err(|why| Problem::field("app", format!("{why}")))?);
    }
    Ok(())
}

fn draw(cx: &PageCx, typed: &Typed) -> Markup {
    let name = &typed.request.compose_project;
    let cx = cx.clone().section(Section::Apps).crumb("Compose projects", "/adopt").here(name.clone());
    let body = html! {
        (ui::header(format!("Take over {name}")).lead("Its data is copied, and the app starts in its place. If that does not answer, everything is as it was."))
        div class="split" {
            div class="stack" {
                (fields(typed))
                @if let Ok(plan) = &typed.plan {
                    (ui::card("Its text from now on", ui::code_block("Its text", &plan.extension)).hint("Passwords are not in it."))
                }
            }
            div class="stack" {
                @match &typed.plan {
                    Ok(plan) => { (outcome(plan)) }
                    // What is wrong with a field stands beside it.
                    Err(problem) if typed.refused.is_none() && problem.fields.is_empty() => { (ui::problem(problem)) }
                    Err(_) => {}
                }
            }
        }
    };
    shell::page(&cx, &format!("Take over {name}"), body)
}

fn fields(typed: &Typed) -> ui::Card {
    let Typed { request, plan, refused } = typed;
    let problem = refused.as_ref().or(plan.as_ref().err());
    let ready = plan.as_ref().is_ok_and(|plan| plan.obstacles.is_empty());
    let text = |value: Option<String>| value.unwrap_or_default();
    let proposed = plan.as_ref().map(|plan| plan.app.clone()).unwrap_or_default();
    let form = ui::Form::post(path(&request.compose_project)).problem(refused.as_ref()).body(html! {
        (Field::text("name", "Name").value(text(request.name.as_ref().map(ToString::to_string))).optional().max_length(64)
            .placeholder(&request.compose_project).problem(problem))
        (Field::text("app", "Id").value(text(request.app.as_ref().map(ToString::to_string))).mono().optional().max_length(40)
            .placeholder(proposed).problem(problem).help("Names its folder and its containers."))
        (Field::area("compose", "Compose file", 8).value(text(request.compose.clone())).mono().optional().problem(problem)
            .help("Empty: the box reads it from where the project was started."))
        (Field::area("env", "Variables (.env)", 3).value(text(request.env.clone())).mono().optional().problem(problem)
            .help("Empty: the box reads the file beside it. Passwords become sealed inputs of the app."))
    });
    let take = ui::button("Take it over").primary().icon(Icon::Plus);
    let take = if ready { take } else { take.disabled_because("Something is in the way") };
    ui::card("The app", form.button(ui::button("Look again").name("then", "look").icon(Icon::RotateCw)).button(take))
}

fn outcome(plan: &AdoptPlan) -> Markup {
    html! {
        @if !plan.obstacles.is_empty() {
            (ui::banner(Tone::Bad, "It cannot be taken over yet").body(html! { ul { @for why in &plan.obstacles { li { (why) } } } }))
        }
        @if !plan.permissions.is_empty() {
            (ui::banner(Tone::Warn, "It may do more than an ordinary app").body(html! { ul { @for grant in &plan.permissions { li { code { (grant) } } } } }))
        }
        (ui::card("What happens", html! {
            ul class="prose" {
                li { "The project's containers stop while its data is copied, and are removed when the app answers." }
                @for (volume, from) in &plan.data { li { code class="breaks" { (from) } " is copied into the volume " code { (volume) } "; the original stays." } }
                @for note in &plan.notes { li { (note) } }
            }
        }))
    }
}
