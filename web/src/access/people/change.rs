//! What an admin does to an account.

use axum::{
    Form,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    OneTimePassword, SetGrant, TheBox, User,
    action::{ManagePeople, ViewPeople},
    gate::Routes,
};
use orbitr_model::{Problem, Role};
use serde::Deserialize;

use super::{
    grants,
    one::One,
    question::{self, DELETE},
};
use crate::{
    access::{account::refused, words},
    flash::Flash,
    shell::{self, PageCx, Section, error_status},
    site::Site,
    trouble::Answer,
    ui,
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    let routes = question::ALL.into_iter().fold(routes, |all, question| question.asked(all));
    routes
        .post(ManagePeople, "/people/{user}/role", role)
        .post(ManagePeople, "/people/{user}/grants", set_grants)
        .post(ManagePeople, "/people/{user}/disable", disable)
        .post(ManagePeople, "/people/{user}/enable", enable)
        .post(ManagePeople, "/people/{user}/reset", reset)
        .post(ManagePeople, "/people/{user}/second-step-off", second_step_off)
        .post(ManagePeople, "/people/{user}/sessions/end", end_sessions)
        .post(ManagePeople, "/people/{user}/sessions/{session}/end", end_session)
        .post(ManagePeople, "/people/{user}/tokens/{token}/revoke", revoke_token)
        .post(ManagePeople, "/people/{user}/delete", delete)
}

#[derive(Deserialize)]
struct RoleForm {
    #[serde(default)]
    role: String,
}

async fn role(one: One, Form(form): Form<RoleForm>) -> Answer<Response> {
    let role = words::role(&form.role).ok_or_else(|| Problem::field("role", "Choose a role."))?;
    let done = one.site.access.set_role(&one.permit, one.id, role).await;
    if done.is_ok() && role != Role::Admin && one.permit.caller().user() == Some(one.id) {
        // This page is no longer for them.
        return Ok(Flash::good("You are no longer an admin").redirect("/"));
    }
    one.outcome(done, "The role is changed").await
}

async fn set_grants(one: One, Form(pairs): Form<Vec<(String, String)>>) -> Answer<Response> {
    let look = one.site.access.permit::<ViewPeople>(one.permit.caller(), TheBox).await?;
    let things = grants::grantable(&one.site, one.permit.caller()).await?;
    let before = one.site.access.grants_of(&look, one.id).await?;
    for (on, level) in grants::changes(&things, &before, &grants::from_form(&things, &pairs)) {
        one.site.access.set_grant(&one.permit, one.id, SetGrant { on, level }).await?;
    }
    Ok(Flash::good("Saved").redirect(&format!("/people/{}#grants", one.id)))
}

async fn disable(one: One) -> Answer<Response> {
    let done = one.site.access.disable_user(&one.permit, one.id).await;
    one.outcome(done, "The account is disabled").await
}

async fn enable(one: One) -> Answer<Response> {
    let done = one.site.access.enable_user(&one.permit, one.id).await;
    one.outcome(done, "The account is enabled").await
}

async fn reset(one: One) -> Answer<Markup> {
    let user = one.user().await?;
    let made = one.site.access.reset_password(&one.permit, one.id).await?;
    Ok(one_time(one.cx, &user, &made))
}

fn one_time(cx: PageCx, user: &User, made: &OneTimePassword) -> Markup {
    let at = format!("/people/{}", user.id);
    let cx = cx.section(Section::People).crumb(user.display_name.as_str(), &at).here("One-time password");
    let body = html! {
        (ui::header(format!("A one-time password for {}", user.display_name)))
        div class="stack narrow" {
            (ui::card("Give it to them in private", html! {
                div class="stack stack-s" {
                    (ui::key_values().copy("User name", made.username.as_str()).copy("Password", made.password.expose())
                        .row("Works until", cx.clock.moment(made.expires_at)))
                    p class="quiet" { "It is shown this once, and opens only the page on which they choose their own." }
                    div class="cluster" { (ui::link_button("Done", &at).primary()) }
                }
            }))
        }
    };
    shell::page(&cx, "One-time password", body)
}

async fn second_step_off(one: One) -> Answer<Response> {
    let done = one.site.access.turn_off_second_step_of(&one.permit, one.id).await;
    one.outcome(done, "The second step is off").await
}

async fn end_sessions(one: One) -> Answer<Response> {
    let done = one.site.access.end_sessions_of(&one.permit, one.id).await;
    one.outcome(done, "They are signed out everywhere").await
}

async fn end_session(one: One) -> Answer<Response> {
    let done = one.site.access.end_session_of(&one.permit, one.id, one.other("session")?).await;
    one.outcome(done, "That browser is signed out").await
}

async fn revoke_token(one: One) -> Answer<Response> {
    let done = one.site.access.revoke_token_of(&one.permit, one.id, one.other("token")?).await;
    one.outcome(done, "The token is revoked").await
}

#[derive(Deserialize)]
struct DeleteForm {
    #[serde(default)]
    confirm: String,
}

async fn delete(one: One, Form(form): Form<DeleteForm>) -> Answer<Response> {
    let user = one.user().await?;
    let problem = if form.confirm.trim() != user.username.as_str() {
        Problem::field("confirm", format!("Type {} to delete the account.", user.username))
    } else {
        match one.site.access.delete_user(&one.permit, one.id).await {
            Ok(()) if one.permit.caller().user() == Some(one.id) => {
                return Ok(Flash::good("Your account is gone").redirect("/sign-in"));
            }
            Ok(()) => return Ok(Flash::good(format!("{} is deleted", user.display_name)).redirect("/people")),
            Err(error) => refused(error)?,
        }
    };
    Ok((error_status(&problem), DELETE.page(one.cx, &user, Some(&problem))).into_response())
}
