//! Another version of an app, and back: the update's page, the releases with their snapshots, rolling back.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{ChangeApp, RemoveApp, ViewApp},
};
use orbitr_apps::{
    AppDetail, Phase, ReleaseView, RollBackData, RollBackRequest, Snapshot, UpdatePlan, UpdateRequest, Version,
};
use orbitr_model::Problem;

use super::{
    act::detail,
    consent,
    form::{self, Purpose},
    policy,
    show::{cx_of, head},
};
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Clock, Column, Confirm, Field, Icon, Row, Status, Tone},
};

/// What is written where there is no newer version.
fn version(version: &Version) -> String {
    format!("{} (revision {})", version.version, version.revision)
}

/// That there is a newer version, for whoever may have it.
pub(super) fn offer(detail: &AppDetail, caller: &Caller, clock: &Clock) -> Markup {
    let app = &detail.app;
    html! {
        @let may = app.job.is_none() && !app.held && caller.may::<ChangeApp>(&app.id);
        @if let Some(newer) = app.update.as_ref().filter(|_| may) {
            (ui::banner(Tone::Neutral, format!("Version {} is there", version(newer)))
                .body(policy::waiting(&detail.updates, clock))
                .actions(ui::link_button("Look at the update", format!("/apps/{}/update", app.id)).small()))
        }
    }
}

pub(super) async fn update_page(State(site): State<Site>, permit: Permit<ChangeApp>, Cx(cx): Cx) -> Answer<Markup> {
    let app = detail(&site, &permit).await?;
    let plan = site.apps.plan_update(&permit).await?;
    Ok(show_update(cx, &app, &plan, permit.caller(), &UpdateRequest::default(), None))
}

fn show_update(
    cx: PageCx,
    app: &AppDetail,
    plan: &UpdatePlan,
    caller: &Caller,
    typed: &UpdateRequest,
    problem: Option<&Problem>,
) -> Markup {
    let cx = cx_of(cx, app, Some("Update"));
    let id = &app.app.id;
    let button = ui::button("Update").primary().icon(Icon::Download);
    let button = if app.app.job.is_some() { button.disabled_because("A job works on the app") } else { button };
    let form = ui::Form::post(format!("/apps/{id}/update")).problem(problem).body(html! {
        input type="hidden" name="version" value=(plan.to.version);
        (ui::key_values()
            .row("From", html! { (version(&plan.from)) })
            .row("To", html! { (version(&plan.to)) })
            .maybe("On the way", (!plan.stones.is_empty()).then(|| html! {
                "Version " (plan.stones.join(", then ")) ": each runs until it has done its own migrations."
            }))
            .row("New images", html! {
                @if plan.images.is_empty() { "None" }
                @for image in &plan.images { div { code { (image) } } }
            })
            .row("While it happens", html! {
                @if plan.stops { "Everything is fetched first. Then the app stops, its data is kept as it is, and the new version starts." }
                @else { "The app stays stopped; the new version starts when you start it." }
            })
            .row("If it does not come up", html! { "The version of now comes back, with its data." }))
        @if !plan.inputs.is_empty() { (form::fields(&plan.inputs, &typed.inputs, Purpose::Install, problem)) }
        @if !plan.dropped.is_empty() {
            p class="hint" { "No longer asked for, and forgotten: " (plan.dropped.join(", ")) "." }
        }
        (consent::fields(&plan.permissions, &typed.consent, problem))
        (consent::read(&plan.notices, typed.breaking, problem))
    });
    let body = html! {
        (head(app, "overview", caller))
        div class="stack narrow" {
            (consent::notices(&plan.notices))
            @if let Some(hold) = &plan.hold {
                (ui::banner(Tone::Neutral, "This app is held")
                    .body(html! { p { @if hold.reason.is_empty() { "It is not updated until it is released." } @else { (hold.reason) } } })
                    .actions(ui::link_button("Its settings", format!("/apps/{id}/settings")).small()))
            } @else if plan.obstacles.is_empty() {
                (ui::card(format!("Update to {}", plan.to.version),
                    form.button(ui::link_button("Cancel", format!("/apps/{id}")).quiet()).button(button)))
            } @else {
                (ui::banner(Tone::Warn, "It cannot be updated as it is")
                    .body(html! { ul { @for why in &plan.obstacles { li { (why) } } } }))
            }
        }
    };
    shell::page(&cx, &format!("Update {}", app.app.name), body)
}

pub(super) async fn update(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let plan = site.apps.plan_update(&permit).await?;
    let inputs = form::answers(&plan.inputs, &pairs, Purpose::Install);
    let version = Some(form::one(&pairs, "version").to_owned()).filter(|version| !version.is_empty());
    let breaking = !form::one(&pairs, "breaking").is_empty();
    let request = UpdateRequest { version, inputs, consent: consent::given(&plan.permissions, &pairs), breaking };
    match site.apps.update(&permit, request.clone()).await {
        Ok(started) => Ok(Flash::busy("The update is under way").redirect(&format!("/jobs/{}", started.job))),
        Err(error) => {
            let (status, problem) = refused(error)?;
            let app = detail(&site, &permit).await?;
            Ok((status, show_update(cx, &app, &plan, permit.caller(), &request, Some(&problem))).into_response())
        }
    }
}

/// What the person can do something about; a failure of ours is a page of its own.
fn refused(error: orbitr_apps::Error) -> Answer<(StatusCode, Problem)> {
    let problem = Problem::from(error);
    if problem.status >= 500 {
        return Err(Trouble(problem));
    }
    Ok((StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), problem))
}

/// An app's releases, with the way back to each and the data of then.
pub(super) fn table(
    app: &AppDetail,
    releases: &[ReleaseView],
    snapshots: &[Snapshot],
    caller: &Caller,
    clock: &Clock,
) -> ui::Table {
    let may = caller.may::<ChangeApp>(&app.app.id) && app.app.phase == Phase::Installed && app.app.job.is_none();
    let may_delete = caller.may::<RemoveApp>(&app.app.id) && app.app.job.is_none();
    let rows = releases.iter().map(|release| {
        let data = of(release, snapshots).map(|snapshot| format!("{}, kept {}", snapshot.size, clock.exact(snapshot.created)));
        Row::new()
            .cell(html! { a href={ "/apps/" (app.app.id) "/releases/" (release.number) } { (release.number) } })
            .cell(html! { (release.version)
                @if release.active { " " (ui::status(Status::new(Tone::Good, Icon::CircleCheck, "Active"))) }
                @if release.pinned { " " (ui::status(Status::new(Tone::Neutral, Icon::Lock, "Kept"))) }
            })
            .cell(html! { (release.reason) @if !release.consent.is_empty() { span class="status-reason" { "consent to " (release.consent.join(", ")) } } })
            .cell(release.made_by.to_string())
            .cell(data.unwrap_or_default())
            .cell(clock.ago(release.created))
            .cell(html! {
                @if may && !release.active {
                    (ui::link_button("Roll back …", format!("/apps/{}/roll-back/{}", app.app.id, release.number)).small().quiet().opens_dialog())
                }
                @if let Some(snapshot) = of(release, snapshots).filter(|_| may_delete) {
                    (ui::link_button("Delete data …", format!("/apps/{}/snapshots/{}/delete", app.app.id, snapshot.number)).small().quiet().opens_dialog())
                }
            })
    });
    let columns = [
        Column::new("Release").number(),
        Column::new("Version"),
        Column::new("Why"),
        Column::new("By"),
        Column::new("Data of then"),
        Column::new("Made").number(),
        Column::actions(),
    ];
    ui::table("Releases", columns).rows(rows)
}

/// The data as it was when a release was replaced the last time.
pub(super) fn of<'a>(release: &ReleaseView, snapshots: &'a [Snapshot]) -> Option<&'a Snapshot> {
    snapshots.iter().find(|snapshot| snapshot.release == release.id)
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Path((_, number)): Path<(String, String)>,
) -> Answer<Markup> {
    confirm_page(&site, &permit, cx, numbered("release", &number)?, None).await
}

/// The number of a release or a snapshot that an address names.
pub(super) fn numbered(kind: &str, text: &str) -> Answer<u32> {
    text.parse().map_err(|_| Trouble(Problem::not_found(kind, text)))
}

async fn confirm_page(
    site: &Site,
    permit: &Permit<ChangeApp>,
    cx: PageCx,
    number: u32,
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let app = detail(site, permit).await?;
    let look = site.access.permit::<ViewApp>(permit.caller(), permit.resource().clone()).await?;
    let releases = site.apps.releases(&look).await?;
    let Some(release) = releases.iter().find(|release| release.number == number) else {
        return Err(Trouble(Problem::not_found("release", number)));
    };
    let snapshots = site.apps.snapshots(&look).await?;
    let snapshot = of(release, &snapshots);
    let mut choices = vec![
        Choice::new("now", "The data of now").help("An older version may not be able to read what a newer one wrote."),
    ];
    if let Some(snapshot) = snapshot {
        let label = format!("The data of {}, {}", cx.clock.exact(snapshot.created), snapshot.size);
        choices
            .push(Choice::new("then", label).help("What was written since is kept as a snapshot, and is not in use."));
    }
    let (id, name) = (&app.app.id, &app.app.name);
    let confirm = Confirm {
        title: format!("Roll {name} back to release {number}?"),
        goes: vec![format!("Version {} gives way to {}", app.app.version, release.version)],
        stays: vec![
            "The data of now, as a snapshot".to_owned(),
            "The release of now; it comes back if the older one does not answer".to_owned(),
        ],
        typed: None,
        fields: Some(html! {
            (Field::radio("data", "Its data", choices).value(if snapshot.is_some() { "then" } else { "now" }).required().problem(problem))
        }),
        action: format!("/apps/{id}/roll-back/{number}"),
        button: "Roll back".to_owned(),
        back: format!("/apps/{id}/history"),
        problem,
    };
    let cx = cx_of(cx, &app, Some("Roll back"));
    Ok(shell::page(&cx, &format!("Roll {name} back"), html! { (ui::Card::plain(html! { (confirm) })) }))
}

pub(super) async fn roll_back(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Path((_, number)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let number = numbered("release", &number)?;
    let data = match form::one(&pairs, "data") {
        "now" => RollBackData::Now,
        "then" => RollBackData::Then,
        _ => {
            let problem = Problem::field("data", "choose which data it gets");
            let page = confirm_page(&site, &permit, cx, number, Some(&problem)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    match site.apps.roll_back(&permit, RollBackRequest { release: number, data }).await {
        Ok(started) => Ok(Flash::busy("The older release is on its way").redirect(&format!("/jobs/{}", started.job))),
        Err(error) => {
            let (status, problem) = refused(error)?;
            Ok((status, confirm_page(&site, &permit, cx, number, Some(&problem)).await?).into_response())
        }
    }
}
