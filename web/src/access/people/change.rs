//! What an admin does to an account.

use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    OneTimePassword, Permit, SetGrant, TheBox, User,
    action::{ManagePeople, ViewPeople},
    gate::Routes,
};
use orbitr_model::{Problem, TokenId, UserId};
use serde::Deserialize;

use super::{
    grants,
    person::{show, user_id},
};
use crate::{
    access::{account::refused, words},
    flash::Flash,
    shell::{self, PageCx, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Confirm},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .post(ManagePeople, "/people/{user}/role", role)
        .post(ManagePeople, "/people/{user}/grants", set_grants)
        .get(ManagePeople, "/people/{user}/disable", ask_disable)
        .post(ManagePeople, "/people/{user}/disable", disable)
        .post(ManagePeople, "/people/{user}/enable", enable)
        .get(ManagePeople, "/people/{user}/reset", ask_reset)
        .post(ManagePeople, "/people/{user}/reset", reset)
        .get(ManagePeople, "/people/{user}/second-step-off", ask_second_step_off)
        .post(ManagePeople, "/people/{user}/second-step-off", second_step_off)
        .post(ManagePeople, "/people/{user}/sessions/end", end_sessions)
        .post(ManagePeople, "/people/{user}/tokens/{token}/revoke", revoke_token)
        .get(ManagePeople, "/people/{user}/delete", ask_delete)
        .post(ManagePeople, "/people/{user}/delete", delete)
}

/// The account, for whoever may change it.
async fn user(site: &Site, permit: &Permit<ManagePeople>, id: UserId) -> Answer<User> {
    let look = site.access.permit::<ViewPeople>(permit.caller(), TheBox).await?;
    Ok(site.access.user(&look, id).await?)
}

/// Back to their page: with a message, or with what was refused.
async fn outcome<T>(
    site: &Site,
    cx: PageCx,
    permit: &Permit<ManagePeople>,
    id: UserId,
    done: Result<T, orbitr_access::Error>,
    said: &str,
) -> Answer<Response> {
    match done {
        Ok(_) => Ok(Flash::good(said).redirect(&format!("/people/{id}"))),
        Err(error) => {
            let problem = refused(error)?;
            let page = show(site, cx, permit.caller(), id, Some(&problem)).await?;
            Ok((error_status(&problem), page).into_response())
        }
    }
}

#[derive(Deserialize)]
struct RoleForm {
    #[serde(default)]
    role: String,
}

async fn role(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
    Form(form): Form<RoleForm>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let role = words::role(&form.role).ok_or_else(|| Problem::field("role", "Choose a role."))?;
    let done = site.access.set_role(&permit, id, role).await;
    if done.is_ok() && role != orbitr_model::Role::Admin && permit.caller().user() == Some(id) {
        // This page is no longer for them.
        return Ok(Flash::good("You are no longer an admin").redirect("/"));
    }
    outcome(&site, cx, &permit, id, done, "The role is changed").await
}

async fn set_grants(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let look = site.access.permit::<ViewPeople>(permit.caller(), TheBox).await?;
    let things = grants::grantable(&site, permit.caller()).await?;
    let before = site.access.grants_of(&look, id).await?;
    for (on, level) in grants::changes(&things, &before, &grants::from_form(&things, &pairs)) {
        site.access.set_grant(&permit, id, SetGrant { on, level }).await?;
    }
    Ok(Flash::good("Saved").redirect(&format!("/people/{id}#grants")))
}

/// A question before something that is felt by somebody else.
fn question(cx: PageCx, user: &User, title: &str, confirm: &Confirm<'_>) -> Markup {
    let cx = cx.section(Section::People).crumb(user.display_name.as_str(), format!("/people/{}", user.id)).here(title);
    shell::page(&cx, title, html! { (ui::Card::plain(html! { (confirm) })) })
}

fn lines(list: &[&str]) -> Vec<String> {
    list.iter().map(|line| (*line).to_owned()).collect()
}

async fn ask_disable(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Markup> {
    let user = user(&site, &permit, user_id(&id)?).await?;
    let confirm = Confirm {
        title: format!("Disable {}?", user.display_name),
        goes: lines(&["Every sign-in and token of theirs, at once"]),
        stays: lines(&["The account with its role and grants", "Their apps and data"]),
        typed: None,
        fields: None,
        action: format!("/people/{}/disable", user.id),
        button: "Disable".to_owned(),
        back: format!("/people/{}", user.id),
        problem: None,
    };
    Ok(question(cx, &user, "Disable", &confirm))
}

async fn disable(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let done = site.access.disable_user(&permit, id).await;
    outcome(&site, cx, &permit, id, done, "The account is disabled").await
}

async fn enable(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let done = site.access.enable_user(&permit, id).await;
    outcome(&site, cx, &permit, id, done, "The account is enabled").await
}

async fn ask_reset(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Markup> {
    let user = user(&site, &permit, user_id(&id)?).await?;
    let confirm = Confirm {
        title: format!("Reset the password of {}?", user.display_name),
        goes: lines(&["Their password", "Every sign-in and token of theirs, at once"]),
        stays: lines(&["Role, grants and second step"]),
        typed: None,
        fields: None,
        action: format!("/people/{}/reset", user.id),
        button: "Make a one-time password".to_owned(),
        back: format!("/people/{}", user.id),
        problem: None,
    };
    Ok(question(cx, &user, "Reset password", &confirm))
}

async fn reset(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Markup> {
    let id = user_id(&id)?;
    let user = user(&site, &permit, id).await?;
    let made = site.access.reset_password(&permit, id).await?;
    Ok(one_time(cx, &user, &made))
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

async fn ask_second_step_off(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Markup> {
    let user = user(&site, &permit, user_id(&id)?).await?;
    let confirm = Confirm {
        title: format!("Turn off the second step of {}?", user.display_name),
        goes: lines(&["The link to their phone, and their recovery codes"]),
        stays: lines(&["Their password, sign-ins and tokens"]),
        typed: None,
        fields: None,
        action: format!("/people/{}/second-step-off", user.id),
        button: "Turn off".to_owned(),
        back: format!("/people/{}", user.id),
        problem: None,
    };
    Ok(question(cx, &user, "Second step", &confirm))
}

async fn second_step_off(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let done = site.access.turn_off_second_step_of(&permit, id).await;
    outcome(&site, cx, &permit, id, done, "The second step is off").await
}

async fn end_sessions(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let done = site.access.end_sessions_of(&permit, id).await;
    outcome(&site, cx, &permit, id, done, "They are signed out everywhere").await
}

async fn revoke_token(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path((id, token)): Path<(String, String)>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let token: TokenId = token.parse().map_err(|_| Trouble(Problem::not_found("token", &token)))?;
    let done = site.access.revoke_token_of(&permit, id, token).await;
    outcome(&site, cx, &permit, id, done, "The token is revoked").await
}

async fn ask_delete(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
) -> Answer<Markup> {
    let user = user(&site, &permit, user_id(&id)?).await?;
    Ok(delete_page(cx, &user, None))
}

fn delete_page(cx: PageCx, user: &User, problem: Option<&Problem>) -> Markup {
    let confirm = Confirm {
        title: format!("Delete {}?", user.display_name),
        goes: lines(&["The account with its password and second step", "Its sign-ins, tokens and grants"]),
        stays: lines(&["The apps and their data", "What the account did, in the history"]),
        typed: Some(user.username.to_string()),
        fields: None,
        action: format!("/people/{}/delete", user.id),
        button: "Delete the account".to_owned(),
        back: format!("/people/{}", user.id),
        problem,
    };
    question(cx, user, "Delete", &confirm)
}

#[derive(Deserialize)]
struct DeleteForm {
    #[serde(default)]
    confirm: String,
}

async fn delete(
    State(site): State<Site>,
    permit: Permit<ManagePeople>,
    Cx(cx): Cx,
    Path(id): Path<String>,
    Form(form): Form<DeleteForm>,
) -> Answer<Response> {
    let id = user_id(&id)?;
    let user = user(&site, &permit, id).await?;
    let problem = if form.confirm.trim() != user.username.as_str() {
        Problem::field("confirm", format!("Type {} to delete the account.", user.username))
    } else {
        match site.access.delete_user(&permit, id).await {
            Ok(()) if permit.caller().user() == Some(id) => {
                return Ok(Flash::good("Your account is gone").redirect("/sign-in"));
            }
            Ok(()) => return Ok(Flash::good(format!("{} is deleted", user.display_name)).redirect("/people")),
            Err(error) => refused(error)?,
        }
    };
    Ok((error_status(&problem), delete_page(cx, &user, Some(&problem))).into_response())
}
