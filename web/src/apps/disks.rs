//! Where an app's data is, and moving it to another disk.

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{Permit, action::ChangeApp};
use orbitr_apps::{AppDetail, DataDisk, DataPlan, MoveDataRequest};
use orbitr_model::Problem;

use super::{act::detail, form, show::cx_of};
use crate::{
    flash::Flash,
    shell::{self, PageCx},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Field, Icon, Tone},
};

/// What the form says for the box's own disk; every other one is a path.
const HOME: &str = "box";

pub(super) async fn page(State(site): State<Site>, permit: Permit<ChangeApp>, Cx(cx): Cx) -> Answer<Markup> {
    let (app, plan) = (detail(&site, &permit).await?, site.apps.plan_data_move(&permit).await?);
    Ok(draw(cx, &app, &plan, None))
}

fn draw(cx: PageCx, app: &AppDetail, plan: &DataPlan, problem: Option<&Problem>) -> Markup {
    let (id, name) = (&app.app.id, &app.app.name);
    let choices = choices(plan);
    let back = ui::link_button("Cancel", format!("/apps/{id}/settings")).quiet().closes_sheet();
    let body = html! {
        section data-sheet class="stack" {
            h1 { "Move the data of " (name) }
            (ui::key_values()
                .row("Now", html! { @match &plan.now {
                    Some(at) => { (ui::copyable(at)) }
                    None => { "On the box's own disk" }
                } })
                .row("Size", html! { (plan.size) @if plan.snapshots > 0 { ", with " (snapshots(plan.snapshots)) } }))
            @if choices.is_empty() {
                (ui::banner(Tone::Neutral, "There is no disk to move it to").body(html! {
                    p { "Another disk is offered here when it is mounted on this box, can be written to, and keeps owners: with ext4, XFS, btrfs, ZFS, F2FS or bcachefs." }
                    (refused(plan))
                }))
                div class="cluster" { (back) }
            } @else {
                (ui::Form::post(format!("/apps/{id}/data")).problem(problem).body(html! {
                    (Field::radio("to", "To", choices).value(first(plan)).required().problem(problem))
                    p {
                        @if plan.stops { (name) " stands still until everything is copied. " }
                        "It stays where it is until " (name) " has answered with the copy; then it is removed there."
                    }
                    (refused(plan))
                }).button(back).button(ui::button("Move").primary().icon(Icon::HardDrive)))
            }
        }
    };
    let cx = cx_of(cx, app, Some("Move the data"));
    shell::page(&cx, &format!("Move the data of {name}"), html! { (ui::Card::plain(body)) })
}

fn choices(plan: &DataPlan) -> Vec<Choice> {
    let disk = |disk: &DataDisk| {
        Choice::new(
            disk.at.as_str(),
            format!("{}: {} free of {}, {}", disk.at, disk.free, disk.total, disk.file_system),
        )
    };
    let disks = plan.disks.iter().filter(|disk| disk.obstacle.is_none()).map(disk);
    let home = plan.obstacle_home.is_none().then(|| Choice::new(HOME, "The box's own disk"));
    disks.chain(home).collect()
}

/// The choice that is made already.
fn first(plan: &DataPlan) -> String {
    let disk = plan.disks.iter().find(|disk| disk.obstacle.is_none());
    disk.map_or_else(|| HOME.to_owned(), |disk| disk.at.clone())
}

/// Disks that are there and cannot be chosen, and why.
fn refused(plan: &DataPlan) -> Markup {
    let mut why: Vec<_> =
        plan.disks.iter().filter_map(|disk| Some(format!("{}: {}", disk.at, disk.obstacle.as_deref()?))).collect();
    if plan.now.is_some() {
        why.extend(plan.obstacle_home.as_ref().map(|why| format!("The box's own disk: {why}")));
    }
    html! { @if !why.is_empty() { ul { @for why in &why { li { (why) } } } } }
}

fn snapshots(count: usize) -> String {
    if count == 1 { "a snapshot".to_owned() } else { format!("{count} snapshots") }
}

pub(super) async fn change(
    State(site): State<Site>,
    permit: Permit<ChangeApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let to = form::one(&pairs, "to");
    let request = MoveDataRequest { to: (to != HOME).then(|| to.to_owned()) };
    let problem = match site.apps.move_data(&permit, request).await {
        Ok(started) => return Ok(Flash::busy("The data is being moved").redirect(&format!("/jobs/{}", started.job))),
        Err(error) => Problem::from(error),
    };
    if problem.status >= 500 {
        return Err(Trouble(problem));
    }
    let (app, plan) = (detail(&site, &permit).await?, site.apps.plan_data_move(&permit).await?);
    let page = draw(cx, &app, &plan, Some(&problem));
    Ok((StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), page).into_response())
}
