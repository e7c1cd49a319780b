//! One account in an admin's hands.

use axum::extract::{Path, State};
use maud::{Markup, html};
use orbitr_access::{Caller, Permit, SessionView, TheBox, User, action::ViewPeople, gate::Routes};
use orbitr_model::{Problem, Role, UserId};

use super::grants;
use crate::{
    access::words,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Field, Icon},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ViewPeople, "/people/{user}", page)
}

/// The id in an address.
pub(super) fn user_id(text: &str) -> Result<UserId, Trouble> {
    text.parse().map_err(|_| Trouble(Problem::not_found("user", text)))
}

async fn page(
    State(site): State<Site>,
    permit: Permit<ViewPeople>,
    Cx(cx): Cx,
    Path(user): Path<String>,
) -> Answer<Markup> {
    show(&site, cx, permit.caller(), user_id(&user)?, None).await
}

/// Their page, with what was refused on top of it.
pub(super) async fn show(
    site: &Site,
    cx: PageCx,
    caller: &Caller,
    id: UserId,
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let look = site.access.permit::<ViewPeople>(caller, TheBox).await?;
    let user = site.access.user(&look, id).await?;
    let sessions = site.access.sessions_of(&look, id).await?;
    let tokens = site.access.tokens_of(&look, id).await?;
    let things = grants::grantable(site, caller).await?;
    let granted = grants::as_chosen(&things, &site.access.grants_of(&look, id).await?);
    let name = user.display_name.as_str();
    let cx = cx.section(Section::People).here(name);
    let at = format!("/people/{id}");
    let body = html! {
        (ui::header(name).picture(ui::avatar(name)).lead(html! {
            code { (user.username) } span { "·" } span { (words::role_word(user.role)) }
            @if let Some(state) = super::state(&user) { (ui::status(state)) }
        }))
        @if let Some(problem) = problem { (ui::problem(problem)) }
        div class="grid-2" {
            (role_card(&user, &at))
            (sign_in_card(&user, &at, &cx))
        }
        @if user.role != Role::Admin { (grants_card(&at, &things, &granted)) }
        (sessions_card(&sessions, &at, &cx))
        @if !tokens.is_empty() {
            (ui::card("Tokens", words::tokens(&tokens, &cx.clock, &format!("{at}/tokens"))).flush())
        }
        (ends_card(&user, &at))
    };
    Ok(shell::page(&cx, name, body))
}

fn role_card(user: &User, at: &str) -> ui::Card {
    let form = ui::Form::post(format!("{at}/role"))
        .body(Field::radio("role", "They are", words::roles()).value(user.role.as_str()).required())
        .button(ui::button("Change role"));
    ui::card("Role", form).hint("Their sign-ins end when it changes.")
}

fn sign_in_card(user: &User, at: &str, cx: &PageCx) -> ui::Card {
    let last = user.last_sign_in.map_or_else(|| html! { "Never" }, |last| cx.clock.ago(last));
    let facts = ui::key_values()
        .row("User name", html! { code { (user.username) } })
        .row("Second step", ui::status(words::second_step(user)))
        .row("Last sign-in", last)
        .row("Account made", cx.clock.ago(user.created_at))
        .maybe(
            "One-time password",
            user.one_time_password_until.map(|until| html! { "works until " (cx.clock.moment(until)) }),
        )
        .maybe("Disabled", user.disabled_at.map(|since| html! { "since " (cx.clock.moment(since)) }));
    let body = html! {
        div class="stack stack-s" {
            (facts)
            div class="cluster" {
                (ui::link_button("Reset password …", format!("{at}/reset")).opens_dialog().icon(Icon::KeyRound))
                @if user.second_step {
                    (ui::link_button("Turn off second step …", format!("{at}/second-step-off")).opens_dialog().icon(Icon::ShieldAlert))
                }
            }
        }
    };
    ui::card("Sign-in", body)
}

fn grants_card(
    at: &str,
    things: &[grants::Grantable],
    granted: &std::collections::BTreeMap<String, Option<orbitr_model::Level>>,
) -> ui::Card {
    let form =
        ui::Form::post(format!("{at}/grants")).body(grants::fields(things, granted)).button(ui::button("Save grants"));
    ui::card("What they may do", form)
        .hint("It counts from their next click on. The role is the upper bound.")
        .id("grants")
}

fn sessions_card(sessions: &[SessionView], at: &str, cx: &PageCx) -> ui::Card {
    let card = ui::card("Sign-ins", words::sessions(sessions, &cx.clock, &format!("{at}/sessions"))).flush();
    if sessions.is_empty() {
        card
    } else {
        card.actions(ui::button("End all").small().post(format!("{at}/sessions/end")))
    }
}

fn ends_card(user: &User, at: &str) -> ui::Card {
    let body = html! {
        div class="stack stack-s" {
            div class="cluster" {
                @if user.disabled_at.is_some() {
                    (ui::button("Enable").icon(Icon::Play).post(format!("{at}/enable")))
                    p class="quiet" { "The password works again; sign-ins and tokens are gone." }
                } @else {
                    (ui::link_button("Disable …", format!("{at}/disable")).opens_dialog().icon(Icon::Ban))
                    p class="quiet" { "Nobody can sign in with it until it is enabled again." }
                }
            }
            div class="cluster" {
                (ui::link_button("Delete …", format!("{at}/delete")).opens_dialog().icon(Icon::Trash2))
                p class="quiet" { "The account goes; what it did stays in the history." }
            }
        }
    };
    ui::card("Disable or delete", body).danger()
}
