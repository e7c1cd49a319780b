//! The doors: sign-in with its second step, sign-out, invites.

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{Method, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, NewSession, Permit, SecondStep, Secret, SignIn, SignedIn,
    action::SignOut,
    gate::{Client, Routes, no_session_cookie, session_cookie},
};
use orbitr_model::Problem;
use serde::Deserialize;

use super::newcomer::AccountForm;
use crate::{
    flash::Flash,
    prefs::is_local_path,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Field, Icon},
};

const WHY: &str = "it is how one signs in";
const INVITED: &str = "whoever has the link was invited";

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .public(Method::GET, "/sign-in", WHY, page)
        .public(Method::POST, "/sign-in", WHY, sign_in)
        .public(Method::POST, "/sign-in/second-step", WHY, second_step)
        .post(SignOut, "/sign-out", sign_out)
        .public(Method::GET, "/invite/{code}", INVITED, invite)
        .public(Method::POST, "/invite/{code}", INVITED, accept)
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SecondForm {
    #[serde(default)]
    challenge: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// Where to go on: only ever a page of this box.
fn next(text: &str) -> &str {
    if is_local_path(text) { text } else { "/" }
}

async fn page(caller: Option<Caller>, Cx(cx): Cx, Query(query): Query<Next>) -> Response {
    if caller.is_some() {
        return Redirect::to(next(&query.next)).into_response();
    }
    sign_in_form(&cx, "", &query.next, None).into_response()
}

fn sign_in_form(cx: &PageCx, username: &str, next: &str, problem: Option<&Problem>) -> Markup {
    let body = html! {
        div { h1 { "Sign in" } p class="lead" { "to " (cx.box_name) } }
        (ui::Form::post("/sign-in").problem(problem).body(html! {
            input type="hidden" name="next" value=(next);
            (Field::text("username", "Username").value(username).autocomplete("username").required().autofocus().problem(problem))
            (Field::password("password", "Password").autocomplete("current-password").required().problem(problem))
        }).button(ui::button("Sign in").primary().wide()))
        p class="quiet" { "Forgotten? An admin can give you a new password; on the box itself, run " code { "orbitr user reset" } "." }
    };
    shell::bare_page(cx, "Sign in", body)
}

fn second_form(cx: &PageCx, challenge: &str, next: &str, problem: Option<&Problem>) -> Markup {
    let body = html! {
        div { h1 { "Second step" } p class="lead" { "Type the code of your authenticator app, or one of your recovery codes." } }
        (ui::Form::post("/sign-in/second-step").problem(problem).body(html! {
            input type="hidden" name="next" value=(next);
            input type="hidden" name="challenge" value=(challenge);
            (Field::code("code", "Code").autocomplete("one-time-code").required().autofocus().problem(problem))
        }).button(ui::link_button("Back", "/sign-in").quiet()).button(ui::button("Sign in").primary()))
    };
    shell::bare_page(cx, "Second step", body)
}

fn opened(session: &NewSession, to: &str) -> Response {
    let to = if session.must_change_password { "/account/password" } else { next(to) };
    ([(header::SET_COOKIE, session_cookie(session))], Redirect::to(to)).into_response()
}

async fn sign_in(State(site): State<Site>, Cx(cx): Cx, client: Client, Form(form): Form<SignInForm>) -> Response {
    let given = SignIn { username: form.username.trim().to_owned(), password: Secret::new(form.password) };
    match site.access.sign_in(given, &client).await {
        Ok(SignedIn::Done(session)) => opened(&session, &form.next),
        Ok(SignedIn::NeedsSecondStep(challenge)) => {
            second_form(&cx, challenge.challenge.expose(), &form.next, None).into_response()
        }
        Err(error) => {
            let problem = Problem::from(error);
            (error_status(&problem), sign_in_form(&cx, &form.username, &form.next, Some(&problem))).into_response()
        }
    }
}

async fn second_step(State(site): State<Site>, Cx(cx): Cx, client: Client, Form(form): Form<SecondForm>) -> Response {
    let given = SecondStep { challenge: Secret::new(form.challenge.clone()), code: Secret::new(form.code) };
    match site.access.second_step(given, &client).await {
        Ok(session) => opened(&session, &form.next),
        Err(error) => {
            let problem = Problem::from(error);
            // A challenge that has run out begins again.
            let page = match problem.message_for("code") {
                None if problem.status != 429 => sign_in_form(&cx, "", &form.next, Some(&problem)),
                _ => second_form(&cx, &form.challenge, &form.next, Some(&problem)),
            };
            (error_status(&problem), page).into_response()
        }
    }
}

async fn sign_out(State(site): State<Site>, permit: Permit<SignOut>) -> Answer<Response> {
    site.access.sign_out(&permit).await?;
    let mut response = Flash::good("You are signed out").redirect("/sign-in");
    response.headers_mut().append(header::SET_COOKIE, no_session_cookie());
    Ok(response)
}

async fn invite(State(site): State<Site>, Cx(cx): Cx, Path(code): Path<String>) -> Answer<Response> {
    let invite = site.access.open_invite(&Secret::new(code.clone())).await?;
    Ok(invite_form(&cx, &code, invite.role.as_str(), &AccountForm::default(), None).into_response())
}

fn invite_form(cx: &PageCx, code: &str, role: &str, form: &AccountForm, problem: Option<&Problem>) -> Markup {
    let body = html! {
        div { h1 { "Welcome to " (cx.box_name) } p class="lead" { "You were invited as " (role) ". Make your account; the link works once." } }
        (ui::Form::post(format!("/invite/{code}")).problem(problem).body(form.fields(problem))
            .button(ui::button("Make my account").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, "Welcome", body)
}

async fn accept(
    State(site): State<Site>,
    Cx(cx): Cx,
    client: Client,
    Path(code): Path<String>,
    Form(form): Form<AccountForm>,
) -> Answer<Response> {
    match site.access.accept_invite(form.wanted(&code), &client).await {
        Ok(session) => Ok(opened(&session, "/")),
        Err(error) => {
            let problem = Problem::from(error);
            // What the form can put right is said in the form; a link that is used up is not.
            if problem.fields.is_empty() || problem.message_for("code").is_some() {
                return Err(crate::trouble::Trouble(problem));
            }
            let invite = site.access.open_invite(&Secret::new(code.clone())).await?;
            let page = invite_form(&cx, &code, invite.role.as_str(), &form, Some(&problem));
            Ok((error_status(&problem), page).into_response())
        }
    }
}
