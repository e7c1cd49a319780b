//! The store: what can be installed, one extension, its install form.

use std::collections::BTreeMap;

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{InstallApp, ListApps, ViewCatalog},
};
use orbitr_apps::{AppView, ExtensionDetail, InstallRequest, Plan};
use orbitr_model::{DisplayName, ExtensionId, Problem};
use serde::Deserialize;

use super::{
    bindings, consent,
    form::{self, Purpose},
    icon as icon_of,
};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Field, Icon, Tile, Tone},
};

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewCatalog>, Cx(cx): Cx) -> Markup {
    let cx = cx.section(Section::Store);
    let mut categories: BTreeMap<String, Vec<Tile>> = BTreeMap::new();
    for extension in site.apps.extensions(&permit) {
        let tile = Tile::new(&extension.name, format!("/store/{}", extension.id))
            .icon(icon_of(&extension.id))
            .summary(&extension.summary)
            .foot(html! { (extension.version) });
        categories.entry(extension.category).or_default().push(tile);
    }
    let body = html! {
        (ui::header("Store").lead("Apps that are ready for this box."))
        @for (category, tiles) in &categories {
            section class="stack" { h2 { (capitalised(category)) } (ui::tiles(tiles)) }
        }
    };
    shell::page(&cx, "Store", &body)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn id(registry: &str, extension: &str) -> Answer<ExtensionId> {
    let text = format!("{registry}/{extension}");
    text.parse().map_err(|_| Trouble(Problem::not_found("extension", text)))
}

#[derive(Deserialize)]
pub(super) struct Onto {
    /// The app whose kept data is installed onto.
    #[serde(default)]
    app: Option<String>,
}

pub(super) async fn extension(
    State(site): State<Site>,
    permit: Permit<ViewCatalog>,
    Cx(cx): Cx,
    Path((registry, extension)): Path<(String, String)>,
    Query(onto): Query<Onto>,
) -> Answer<Markup> {
    let id = id(&registry, &extension)?;
    let detail = site.apps.extension(&permit, &id)?;
    let app = onto.app.map(|app| app.parse()).transpose().map_err(|_| Trouble(Problem::not_found("app", "that")))?;
    let request = InstallRequest { app, ..InstallRequest::of(id) };
    let (plan, problem) = planned(&site, &permit, &request).await?;
    let apps = apps(&site, permit.caller()).await?;
    let asked = Asked { plan: plan.as_ref(), request: &request, apps: &apps, problem: problem.as_ref() };
    Ok(show(&cx_of(cx, &detail), &detail, &asked, permit.caller(), &site))
}

/// The plan, and what stands in the way of one.
async fn planned(
    site: &Site,
    permit: &Permit<ViewCatalog>,
    request: &InstallRequest,
) -> Answer<(Option<Plan>, Option<Problem>)> {
    match site.apps.plan(permit, request).await {
        Ok(plan) => Ok((Some(plan), None)),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status >= 500 { Err(Trouble(problem)) } else { Ok((None, Some(problem))) }
        }
    }
}

fn cx_of(cx: PageCx, detail: &ExtensionDetail) -> PageCx {
    cx.section(Section::Store).here(detail.extension.name.clone())
}

/// What the form begins with.
struct Asked<'a> {
    plan: Option<&'a Plan>,
    request: &'a InstallRequest,
    /// The apps that somebody may choose from.
    apps: &'a [AppView],
    problem: Option<&'a Problem>,
}

/// The apps that somebody may see.
async fn apps(site: &Site, caller: &Caller) -> Answer<Vec<AppView>> {
    let list = site.access.permit::<ListApps>(caller, orbitr_access::TheBox).await?;
    Ok(site.apps.list(&list).await?)
}

fn show(cx: &PageCx, detail: &ExtensionDetail, asked: &Asked<'_>, caller: &Caller, site: &Site) -> Markup {
    let extension = &detail.extension;
    let may = super::may_install(site, caller);
    let body = html! {
        (ui::header(&extension.name).picture(ui::app_icon(&extension.name, Some(&icon_of(&extension.id))))
            .lead(html! { span { (extension.summary) } span { (extension.version) " · " (detail.license) } }))
        div class="split" {
            div class="stack" {
                @if !detail.obstacles.is_empty() {
                    (ui::banner(Tone::Warn, "It cannot run on this box").body(html! { ul { @for why in &detail.obstacles { li { (why) } } } }))
                } @else if !may {
                    (ui::banner(Tone::Neutral, "You may look, not install").body(html! { p { "An admin of this box can let you install apps: under People, by the grant «Manage» on every app." } }))
                } @else {
                    (ui::card("Install", install_form(detail, asked, site)))
                }
            }
            div class="stack" {
                (facts(detail, asked.plan))
            }
        }
    };
    shell::page(cx, &extension.name, &body)
}

fn install_form(detail: &ExtensionDetail, asked: &Asked<'_>, site: &Site) -> Markup {
    let Asked { plan, request, apps, problem } = asked;
    let (plan, problem) = (*plan, *problem);
    let mut values = plan.map(|plan| plan.inputs.clone()).unwrap_or_default();
    values.extend(request.inputs.iter().map(|(name, value)| (name.clone(), value.clone())));
    let name = request.name.as_ref().or(plan.map(|plan| &plan.name)).map_or_else(String::new, ToString::to_string);
    let app = request.app.as_ref().or(plan.map(|plan| &plan.app)).map_or_else(String::new, ToString::to_string);
    let onto_kept = plan.is_some_and(|plan| plan.onto_kept_data);
    html! {
        @if onto_kept {
            (ui::banner(Tone::Good, "The data of the earlier installation is there").body(html! { p { "It is used as it is, with the passwords of then." } }))
        }
        (ui::Form::post(format!("/projects/home/install/{}", detail.extension.id)).problem(problem).body(html! {
            @if onto_kept { input type="hidden" name="app" value=(app); }
            (Field::text("name", "Name").value(name).required().max_length(64).help("How it is called on this box.").problem(problem))
            @if !onto_kept { (bindings::fields(&detail.requires, apps, site.access.home(), &request.bindings, problem)) }
            (form::fields(&detail.inputs, &values, Purpose::Install, problem))
            (consent::fields(&detail.permissions, &request.consent, problem))
            @if !onto_kept {
                details class="advanced" open[problem.is_some_and(|p| p.message_for("app").is_some())] {
                    summary { "Id" }
                    (Field::text("app", "Id").value(app).mono().required().max_length(40)
                        .help("Names its folder; small letters, digits and dashes. It never changes.").problem(problem))
                }
            }
        }).button(ui::link_button("Cancel", "/store").quiet()).button(ui::button("Install").primary().icon(Icon::Download)))
    }
}

fn facts(detail: &ExtensionDetail, plan: Option<&Plan>) -> Markup {
    html! {
        (ui::card("What it does here", html! {
            (ui::key_values()
                .row("Images", html! { @for image in plan.map(|plan| plan.images.as_slice()).unwrap_or_default() { div { code { (image) } } } })
                .row("Memory", html! { "at least " (detail.memory) })
                .row("Permissions", html! {
                    @if detail.permissions.is_empty() { "None beyond an ordinary container" }
                    @for permission in &detail.permissions { div { code { (permission.grant) } " – " (permission.reason) } }
                }))
        }))
        @if !detail.notes.is_empty() { (ui::card("Good to know", ui::prose(&detail.notes))) }
        @if !detail.links.is_empty() {
            (ui::card("Read more", html! { ul class="plain" { @for link in &detail.links { li { a href=(link.url) rel="noreferrer external" { (capitalised(&link.kind)) } } } } }))
        }
    }
}

/// The picture of an app whose extension is not in the store: it was adopted, came in an archive, or has left the store.
const PLAIN_ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#5b6b7a"/><path d="m14 18 10-5 10 5v12l-10 5-10-5zm0 0 10 5 10-5M24 23v12" fill="none" stroke="#fff" stroke-width="2.5" stroke-linejoin="round"/></svg>"##;

pub(super) async fn icon(
    State(site): State<Site>,
    permit: Permit<ViewCatalog>,
    Path((registry, extension)): Path<(String, String)>,
) -> Answer<Response> {
    let id = id(&registry, &extension)?;
    let svg = site.apps.icon(&permit, &id).unwrap_or_else(|| PLAIN_ICON.as_bytes().to_vec());
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=3600")];
    Ok((headers, svg).into_response())
}

pub(super) async fn install(
    State(site): State<Site>,
    permit: Permit<InstallApp>,
    Cx(cx): Cx,
    Path((_, registry, extension)): Path<(String, String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let id = id(&registry, &extension)?;
    let look = site.access.permit::<ViewCatalog>(permit.caller(), orbitr_access::TheBox).await?;
    let detail = site.apps.extension(&look, &id)?;
    let inputs = form::answers(&detail.inputs, &pairs, Purpose::Install);
    let consent = consent::given(&detail.permissions, &pairs);
    let mut request = InstallRequest { inputs, consent, ..InstallRequest::of(id) };
    let read = named(&mut request, &pairs).and_then(|()| bindings::answers(&detail.requires, &pairs));
    let problem = match read.map(|bindings| request.bindings = bindings) {
        Ok(()) => match site.apps.install(&permit, request.clone()).await {
            Ok(started) => {
                return Ok(Flash::busy("It is being installed").redirect(&format!("/jobs/{}", started.job)));
            }
            Err(error) => bindings::at_their_fields(Problem::from(error)),
        },
        Err(problem) => problem,
    };
    if problem.status >= 500 {
        return Err(Trouble(problem));
    }
    let bare = InstallRequest { app: request.app.clone(), ..InstallRequest::of(request.extension.clone()) };
    let (plan, _) = planned(&site, &look, &bare).await?;
    let cx = cx_of(cx, &detail);
    let apps = apps(&site, permit.caller()).await?;
    let asked = Asked { plan: plan.as_ref(), request: &request, apps: &apps, problem: Some(&problem) };
    let page = show(&cx, &detail, &asked, permit.caller(), &site);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    Ok((status, page).into_response())
}

/// The app's id and name, as typed.
fn named(request: &mut InstallRequest, pairs: &[(String, String)]) -> Result<(), Problem> {
    let app = form::one(pairs, "app");
    if !app.is_empty() {
        request.app = Some(app.parse().map_err(|why| Problem::field("app", format!("{why}")))?);
    }
    let name = form::one(pairs, "name");
    if !name.is_empty() {
        request.name = Some(name.parse::<DisplayName>().map_err(|why| Problem::field("name", format!("{why}")))?);
    }
    Ok(())
}
