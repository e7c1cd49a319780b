//! An app becomes another one: cloning.

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{CloneApp, InstallApp},
};
use orbitr_apps::{AppDetail, CloneRequest, Phase};
use orbitr_model::Problem;

use super::{act::detail, form, show::cx_of};
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Field, Icon, Tone},
};

/// The card in an app's settings that leads to all of it.
pub(super) fn card(app: &AppDetail, caller: &Caller) -> Markup {
    let id = &app.app.id;
    if app.app.phase != Phase::Installed || !caller.may::<CloneApp>(id) {
        return html! {};
    }
    let body = html! {
        div class="stack stack-s" {
            p { "A clone is another app with a copy of the data; an archive is a file with all of it. The data can be on another disk." }
            div class="cluster" {
                (ui::link_button("Clone …", format!("/apps/{id}/clone")).opens_dialog().icon(Icon::Copy))
                (ui::link_button("Export …", format!("/apps/{id}/export")).opens_dialog().icon(Icon::Download))
                (ui::link_button("Move the data …", format!("/apps/{id}/data")).opens_dialog().icon(Icon::HardDrive))
            }
        }
    };
    html! { (ui::card("Copy and move", body)) }
}

pub(super) async fn clone_page(State(site): State<Site>, permit: Permit<CloneApp>, Cx(cx): Cx) -> Answer<Markup> {
    let app = detail(&site, &permit).await?;
    let may = permit.caller().may::<InstallApp>(&app.app.project);
    Ok(draw_clone(cx, &app, may, &CloneRequest::default(), None))
}

fn draw_clone(cx: PageCx, app: &AppDetail, may: bool, typed: &CloneRequest, problem: Option<&Problem>) -> Markup {
    let (id, name) = (&app.app.id, &app.app.name);
    let called = typed.name.as_ref().map_or_else(|| format!("Copy of {name}"), ToString::to_string);
    let chosen = typed.app.as_ref().map(ToString::to_string).unwrap_or_default();
    let form = ui::Form::post(format!("/apps/{id}/clone")).problem(problem).body(html! {
        p {
            "The clone has the same version, settings and passwords, and a copy of the data; it gets ports of its own. "
            (name) " stands still while its data is copied, which most disks do at once."
        }
        (Field::text("name", "Name").value(called).required().max_length(64).problem(problem))
        (Field::text("app", "Id").value(chosen).mono().optional().max_length(40).problem(problem)
            .help("Names its folder; small letters, digits and dashes. It is made for you when you leave this empty."))
    });
    let form = form.button(ui::link_button("Cancel", format!("/apps/{id}/settings")).quiet().closes_sheet());
    let body = html! {
        section data-sheet class="stack" {
            h1 { "Clone " (name) }
            @if may { (form.button(ui::button("Clone").primary().icon(Icon::Copy))) } @else {
                (ui::banner(Tone::Neutral, "You may not install apps").body(html! {
                    p { "A clone is a new app. An admin of this box can let you install apps: under People, by the grant «Manage» on every app." }
                }))
            }
        }
    };
    let cx = cx_of(cx, app, Some("Clone"));
    shell::page(&cx, &format!("Clone {name}"), html! { (ui::Card::plain(body)) })
}

pub(super) async fn clone(
    State(site): State<Site>,
    permit: Permit<CloneApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let app = detail(&site, &permit).await?;
    let into = site.access.permit::<InstallApp>(permit.caller(), app.app.project).await?;
    let mut request = CloneRequest::default();
    let problem = match named(&pairs, &mut request) {
        Ok(()) => match site.apps.clone_app(&permit, &into, request.clone()).await {
            Ok(started) => return Ok(Flash::busy("It is being cloned").redirect(&format!("/jobs/{}", started.job))),
            Err(error) => Problem::from(error),
        },
        Err(problem) => problem,
    };
    if problem.status >= 500 {
        return Err(Trouble(problem));
    }
    let page = draw_clone(cx, &app, true, &request, Some(&problem));
    Ok((StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), page).into_response())
}

/// The id and the name of the new app, as typed.
fn named(pairs: &[(String, String)], request: &mut CloneRequest) -> Result<(), Problem> {
    let (name, app) = (form::one(pairs, "name"), form::one(pairs, "app"));
    if !name.is_empty() {
        request.name = Some(name.parse().map_err(|why| Problem::field("name", format!("{why}")))?);
    }
    if !app.is_empty() {
        request.app = Some(app.parse().map_err(|why| Problem::field("app", format!("{why}")))?);
    }
    Ok(())
}
