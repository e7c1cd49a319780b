//! A new password: on the account's page, and on a page of its own for a one-time password, which opens nothing else.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    ChangePassword, PASSWORD_MIN_CHARS, Permit, Secret, User,
    action::{ChangeOwnPassword, OwnAccount},
    gate::Routes,
};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{Wrong, look, myself, profile, refused};
use crate::{
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Field},
};

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(OwnAccount, "/account/password", page).post(ChangeOwnPassword, "/account/password", change)
}

#[derive(Deserialize)]
struct PasswordForm {
    #[serde(default)]
    current_password: String,
    #[serde(default)]
    new_password: String,
}

/// The form without its buttons.
pub(super) fn form<'a>(user: &User, problem: Option<&'a Problem>) -> ui::Form<'a> {
    let one_time = user.one_time_password_until.is_some();
    let (now, help) =
        if one_time { ("One-time password", "The one that you were given.") } else { ("Current password", "") };
    let least = format!("At least {PASSWORD_MIN_CHARS} characters. Long beats odd.");
    let mut current =
        Field::password("current_password", now).autocomplete("current-password").required().problem(problem);
    if !help.is_empty() {
        current = current.help(help);
    }
    ui::Form::post("/account/password").problem(problem).body(html! {
        // Tells a password manager whose password changes.
        input type="text" name="username" value=(user.username) autocomplete="username" class="sr-only" tabindex="-1" aria-hidden="true" readonly;
        (current)
        (Field::password("new_password", "New password").autocomplete("new-password").generates().required().help(least).problem(problem))
    })
}

async fn page(State(site): State<Site>, permit: Permit<OwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    let (_, user) = myself(&site, &permit).await?;
    Ok(bare(&cx, &user, None))
}

fn bare(cx: &PageCx, user: &User, problem: Option<&Problem>) -> Markup {
    let forced = user.one_time_password_until.is_some();
    let form = form(user, problem);
    let form = if forced { form } else { form.button(ui::link_button("Back", "/account").quiet()) };
    let body = html! {
        div {
            h1 { "Choose a password" }
            @if forced {
                p class="lead" { "You signed in with a one-time password. Choose your own, and everything else opens." }
            }
        }
        (form.button(ui::button("Change password").primary()))
        @if forced { form method="post" action="/sign-out" { (ui::button("Sign out").quiet().small()) } }
    };
    shell::bare_page(cx, "Choose a password", body)
}

async fn change(
    State(site): State<Site>,
    permit: Permit<ChangeOwnPassword>,
    Cx(cx): Cx,
    Form(form): Form<PasswordForm>,
) -> Answer<Response> {
    let forced = permit.caller().must_change_password();
    let given = ChangePassword {
        current_password: Secret::new(form.current_password),
        new_password: Secret::new(form.new_password),
    };
    let problem = match site.access.change_password(&permit, given).await {
        Ok(()) => {
            let flash = Flash::good("Your password is changed, and your other sign-ins have ended");
            return Ok(flash.redirect(if forced { "/" } else { "/account" }));
        }
        Err(error) => refused(error)?,
    };
    let look = look(&site, permit.caller()).await?;
    let page = if forced {
        let (_, user) = myself(&site, &look).await?;
        bare(&cx, &user, Some(&problem))
    } else {
        profile(&site, cx, &look, None, Wrong::Password(&problem)).await?
    };
    Ok((error_status(&problem), page).into_response())
}
