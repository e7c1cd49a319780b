//! The wizard: the code from the screen, the first account, the box's name and time zone, done.

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, Method, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, Secret,
    action::ChangeBox,
    gate::{Client, Routes, session_cookie},
};
use orbitr_model::Problem;
use serde::Deserialize;

use super::newcomer::AccountForm;
use crate::{
    data::{code_cookie, set_code_cookie},
    flash::Flash,
    settings::{self, SettingsForm},
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Field, Icon},
};

const STEPS: [&str; 4] = ["Code", "Account", "Box", "Done"];
const WHY: &str = "nobody has an account before it";

const LEFT: &str = "a page from before the data partition was made looks again by itself; there is nothing on it now";

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .always(Method::GET, "/setup", WHY, code_page)
        .always(Method::POST, "/setup", WHY, check_code)
        .always(Method::GET, "/setup/progress", LEFT, go_on)
        .always(Method::GET, "/setup/key", LEFT, go_on)
        .always(Method::POST, "/setup/account", WHY, claim)
        .get(ChangeBox, "/setup/box", box_page)
        .post(ChangeBox, "/setup/box", name_box)
        .get(ChangeBox, "/setup/done", done)
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn code_page(State(site): State<Site>, Cx(cx): Cx, client: Client, headers: HeaderMap) -> Response {
    if site.access.is_claimed() {
        return Redirect::to("/").into_response();
    }
    // Typed before: a reload, and the restart after the data partition was made, go on where it was.
    match code_cookie(&headers) {
        None => code_form(&cx, None).into_response(),
        Some(code) => match site.access.check_setup_code(&code, &client).await {
            Ok(()) => account_form(&cx, &AccountForm::with_code(&code), None).into_response(),
            // A code of another start counts as a wrong one, so it is not kept for a second look.
            Err(_) => ([(header::SET_COOKIE, set_code_cookie(None))], code_form(&cx, None)).into_response(),
        },
    }
}

async fn go_on() -> Redirect {
    Redirect::to("/setup")
}

fn code_form(cx: &PageCx, problem: Option<&Problem>) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 0))
        div {
            h1 { "Claim this box" }
            p class="lead" { "Nobody owns it yet. Type the code that its screen shows, so that it knows that you are near." }
        }
        (ui::Form::post("/setup").problem(problem).body(
            Field::code("code", "Setup code").placeholder("XXXX-XXXX").required().problem(problem).autofocus()
                .help(html! { "Hosted on your own Linux? It stands where you started Orbitr, or in " code { "journalctl -u orbitr" } "." })
        ).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, "Claim this box", body)
}

async fn check_code(State(site): State<Site>, Cx(cx): Cx, client: Client, Form(form): Form<CodeForm>) -> Response {
    if site.access.is_claimed() {
        return Redirect::to("/").into_response();
    }
    let code = Secret::new(form.code);
    match site.access.check_setup_code(&code, &client).await {
        Ok(()) => {
            let page = account_form(&cx, &AccountForm::with_code(&code), None);
            ([(header::SET_COOKIE, set_code_cookie(Some(&code)))], page).into_response()
        }
        Err(error) => {
            let problem = Problem::from(error);
            (error_status(&problem), code_form(&cx, Some(&problem))).into_response()
        }
    }
}

fn account_form(cx: &PageCx, form: &AccountForm, problem: Option<&Problem>) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 1))
        div { h1 { "Your account" } p class="lead" { "The first one is the admin of this box." } }
        (ui::Form::post("/setup/account").problem(problem).body(html! {
            input type="hidden" name="code" value=(form.code);
            (form.fields(problem))
        }).button(ui::link_button("Back", "/setup").quiet()).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, "Your account", body)
}

async fn claim(State(site): State<Site>, Cx(cx): Cx, client: Client, Form(form): Form<AccountForm>) -> Response {
    match site.access.claim(form.wanted(&form.code), &client).await {
        Ok(session) => {
            let cookies = [session_cookie(&session), set_code_cookie(None)].map(|cookie| (header::SET_COOKIE, cookie));
            (AppendHeaders(cookies), Redirect::to("/setup/box")).into_response()
        }
        Err(error) => {
            let problem = Problem::from(error);
            // A code that is no longer right is asked for again, where it was asked for the first time.
            let page = match problem.message_for("code") {
                Some(_) => code_form(&cx, Some(&problem)),
                None => account_form(&cx, &form, Some(&problem)),
            };
            (error_status(&problem), page).into_response()
        }
    }
}

fn box_form(cx: &PageCx, form: &SettingsForm, problem: Option<&Problem>) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 2))
        div { h1 { "Your box" } p class="lead" { "Both can be changed later, in Settings." } }
        (ui::Form::post("/setup/box").problem(problem).body(settings::fields(form, problem))
            .button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(cx, "Your box", body)
}

async fn box_page(State(site): State<Site>, _: Permit<ChangeBox>, Cx(cx): Cx) -> Markup {
    box_form(&cx, &SettingsForm::now(&site), None)
}

async fn name_box(
    State(site): State<Site>,
    permit: Permit<ChangeBox>,
    Cx(cx): Cx,
    Form(form): Form<SettingsForm>,
) -> Answer<Response> {
    match site.machine.change(&permit, &form.change(), None).await.map_err(Problem::from) {
        Ok(_) => Ok(Flash::good("The box is yours").redirect("/setup/done")),
        Err(problem) if problem.status == 422 => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, box_form(&cx, &form, Some(&problem))).into_response())
        }
        Err(problem) => Err(Trouble(problem)),
    }
}

async fn done(_: Permit<ChangeBox>, Cx(cx): Cx) -> Markup {
    let body = html! {
        (ui::stepper("Setup", &STEPS, 4))
        div { h1 { (cx.box_name) " is yours" } p class="lead" { "From here on everything happens in the browser." } }
        ul class="plain" {
            li { a href="/store" { "Install your first app" } " – a database, a cache or a website." }
            li { a href="/account" { "Turn on the second step" } " – so that a password alone opens nothing." }
            li { a href="/people" { "Invite somebody" } " – with only what you grant them." }
        }
        (ui::link_button("Go to your box", "/").primary().wide().trailing(Icon::ArrowRight))
    };
    shell::bare_page(&cx, "Done", body)
}
