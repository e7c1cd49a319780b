//! Everybody: who may use this box, who is invited, what each of them may.

mod change;
mod grants;
mod invite;
mod one;
mod person;
mod question;

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{Permit, User, action::ViewPeople, gate::Routes};
use orbitr_model::Topic;

use super::words;
use crate::{
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Cell, Column, Icon, Row, Status, Tone},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    let routes = routes.get(ViewPeople, "/people", page).get(ViewPeople, "/people/list", list);
    change::routes(person::routes(invite::routes(routes)))
}

async fn page(State(site): State<Site>, permit: Permit<ViewPeople>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx.section(Section::People);
    let invite = ui::link_button("Invite", "/people/invite").primary().icon(Icon::UserPlus).shortcut("n");
    let body = html! {
        (ui::header("People").lead("Who may use this box, and how much of it.").actions(invite))
        (everybody(&site, &permit, &cx).await?)
    };
    Ok(shell::page(&cx, "People", body))
}

async fn list(State(site): State<Site>, permit: Permit<ViewPeople>, Cx(cx): Cx) -> Answer<Markup> {
    everybody(&site, &permit, &cx).await
}

async fn everybody(site: &Site, permit: &Permit<ViewPeople>, cx: &PageCx) -> Answer<Markup> {
    let users = site.access.users(permit).await?;
    let invites = site.access.invites(permit).await?;
    let me = permit.caller().user();
    let people = ui::table("Accounts", columns()).rows(users.iter().map(|user| row(user, Some(user.id) == me, cx)));
    let parts = html! {
        div class="stack" {
            (ui::card("Accounts", people).flush())
            (ui::card("Open invites", invite::table(&invites, &cx.clock)).flush())
        }
    };
    Ok(ui::live("people", &[Topic::People], "/people/list", parts))
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("Name").sortable(),
        Column::new("Role").sortable(),
        Column::new("Second step"),
        Column::new("Last sign-in").sortable(),
        Column::new("State"),
    ]
}

fn row(user: &User, me: bool, cx: &PageCx) -> Row {
    let name = user.display_name.as_str();
    let last = match user.last_sign_in {
        Some(at) => Cell::new(cx.clock.ago(at)).sort(at),
        None => Cell::new(html! { span class="quiet" { "Never" } }).sort(""),
    };
    Row::new()
        .id(format!("user-{}", user.id))
        .href(format!("/people/{}", user.id))
        .cell(html! { span class="cluster" { (ui::avatar(name)) (name) @if me { " (you)" } } })
        .cell(words::role_word(user.role).to_owned())
        .cell(ui::status(words::second_step(user)))
        .cell(last)
        .cell(state(user).map_or_else(|| html! { span class="quiet" { "Active" } }, ui::status))
}

/// What is out of the ordinary about an account.
fn state(user: &User) -> Option<Status> {
    if user.disabled_at.is_some() {
        Some(Status::new(Tone::Warn, Icon::Ban, "Disabled"))
    } else if user.one_time_password_until.is_some() {
        Some(Status::new(Tone::Busy, Icon::KeyRound, "One-time password"))
    } else {
        None
    }
}
