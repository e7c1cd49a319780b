//! The second step: a picture for the phone, the first code, recovery codes, turning it off.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, PreEscaped, html};
use orbitr_access::{
    ConfirmSecondStep, Me, Permit, RecoveryCodes, SecondStepSetup, Secret, TurnOffSecondStep, User,
    action::ChangeOwnAccount, gate::Routes,
};
use orbitr_model::Problem;
use serde::Deserialize;

use super::{Wrong, look, profile, refused};
use crate::{
    access::words,
    flash::Flash,
    shell::{self, PageCx, error_status},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Field, Icon, Tone},
};

/// Fewer recovery codes than this are worth a warning.
const FEW: u32 = 4;

pub(super) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .post(ChangeOwnAccount, "/account/second-step", begin)
        .post(ChangeOwnAccount, "/account/second-step/confirm", confirm)
        .post(ChangeOwnAccount, "/account/second-step/off", turn_off)
        .post(ChangeOwnAccount, "/account/recovery-codes", fresh_codes)
}

/// Its card on the account's page.
pub(super) fn card(me: &Me, user: &User, problem: Option<&Problem>) -> ui::Card {
    let left = me.recovery_codes_left;
    let body = html! {
        @if user.second_step {
            div class="stack stack-s" {
                @if left < FEW {
                    (ui::banner(Tone::Warn, match left {
                        0 => "You have no recovery codes left".to_owned(),
                        1 => "You have 1 recovery code left".to_owned(),
                        left => format!("You have {left} recovery codes left"),
                    }).body(html! { p { "Without the phone and without a code, only an admin or the box itself lets you in." } }))
                } @else {
                    p { (left) " recovery codes are left, for the day your phone is gone." }
                }
                div class="cluster" { (ui::button("New recovery codes").icon(Icon::RefreshCw).post("/account/recovery-codes")) }
                details class="advanced" open[problem.is_some()] {
                    summary { "Turn it off" }
                    (ui::Form::post("/account/second-step/off").problem(problem)
                        .body(Field::password("current_password", "Current password").autocomplete("current-password").required().problem(problem))
                        .button(ui::button("Turn off").danger()))
                }
            }
        } @else {
            div class="stack stack-s" {
                @if let Some(problem) = problem { (ui::problem(problem)) }
                p { "A code from your phone, asked for at each sign-in: a password alone then opens nothing. Any authenticator app will do." }
                div class="cluster" { (ui::button("Turn on").primary().icon(Icon::Smartphone).post("/account/second-step")) }
            }
        }
    };
    ui::card("Second step", body).actions(ui::status(words::second_step(user))).id("second-step")
}

async fn begin(State(site): State<Site>, permit: Permit<ChangeOwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    let name = site.machine.name().to_string();
    let setup = site.access.begin_second_step(&permit, &name).await?;
    Ok(set_up(cx, Some(&setup), None))
}

/// The page with the picture. After a wrong code the app has the secret already, so only a code is asked for.
fn set_up(cx: PageCx, setup: Option<&SecondStepSetup>, problem: Option<&Problem>) -> Markup {
    let cx = cx.crumb("Your account", "/account").here("Second step");
    let body = html! {
        (ui::header("Turn on the second step"))
        div class="stack narrow" {
            @if let Some(setup) = setup {
                (ui::card("1. Scan this with your authenticator app", html! {
                    div class="stack stack-s" {
                        // Drawn by us, of squares alone.
                        div class="qr" { (PreEscaped(setup.qr_svg.expose())) }
                        (ui::key_values().copy("Or type this key", setup.secret.expose()))
                    }
                }))
            }
            (ui::card(if setup.is_some() { "2. Type the code that it shows" } else { "Type the code that your app shows" },
                ui::Form::post("/account/second-step/confirm").problem(problem)
                    .body(Field::code("code", "Code").required().autofocus().input_mode("numeric").problem(problem)
                        .help("Six digits, another six every 30 seconds."))
                    .button(ui::link_button("Cancel", "/account").quiet())
                    .button(ui::button("Turn on").primary())))
            @if setup.is_none() {
                div class="cluster" { (ui::button("Start again with a new picture").icon(Icon::QrCode).post("/account/second-step")) }
            }
        }
    };
    shell::page(&cx, "Second step", body)
}

#[derive(Deserialize)]
struct CodeForm {
    #[serde(default)]
    code: String,
}

async fn confirm(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Cx(cx): Cx,
    Form(form): Form<CodeForm>,
) -> Answer<Response> {
    match site.access.confirm_second_step(&permit, ConfirmSecondStep { code: Secret::new(form.code) }).await {
        Ok(codes) => Ok(recovery_codes(cx, &codes, true).into_response()),
        Err(error) => {
            let mut problem = refused(error)?;
            if problem.message_for("code").is_some() {
                // There are no recovery codes yet that could be used instead.
                problem.next = "Wait for the next code. If none is right, look at the clock of your phone.".to_owned();
            }
            Ok((error_status(&problem), set_up(cx, None, Some(&problem))).into_response())
        }
    }
}

async fn fresh_codes(State(site): State<Site>, permit: Permit<ChangeOwnAccount>, Cx(cx): Cx) -> Answer<Markup> {
    let codes = site.access.new_recovery_codes(&permit).await?;
    Ok(recovery_codes(cx, &codes, false))
}

fn recovery_codes(cx: PageCx, codes: &RecoveryCodes, just_on: bool) -> Markup {
    let cx = cx.crumb("Your account", "/account").here("Recovery codes");
    let lines = codes.codes.iter().map(Secret::expose).collect::<Vec<_>>().join("\n");
    let file = format!("Recovery codes of {}\nEach works once.\n\n{lines}\n", cx.box_name);
    let file = format!("data:text/plain;charset=utf-8;base64,{}", data_encoding::BASE64.encode(file.as_bytes()));
    let body = html! {
        (ui::header("Recovery codes").lead(if just_on { "The second step is on. One thing is left to do." } else { "The ones from before no longer work." }))
        div class="stack narrow" {
            (ui::card("Keep these where your phone is not", html! {
                div class="stack stack-s" {
                    p { "Each lets you in once instead of a code from the phone. They are shown now and never again." }
                    (ui::code_block("Recovery codes", &lines))
                    div class="cluster" {
                        a class="button button-secondary" href=(file) download="orbitr-recovery-codes.txt" { (Icon::Download) span { "Download" } }
                        (ui::link_button("I have kept them", "/account").primary())
                    }
                }
            }))
        }
    };
    shell::page(&cx, "Recovery codes", body)
}

#[derive(Deserialize)]
struct OffForm {
    #[serde(default)]
    current_password: String,
}

async fn turn_off(
    State(site): State<Site>,
    permit: Permit<ChangeOwnAccount>,
    Cx(cx): Cx,
    Form(form): Form<OffForm>,
) -> Answer<Response> {
    let given = TurnOffSecondStep { current_password: Secret::new(form.current_password) };
    match site.access.turn_off_second_step(&permit, given).await {
        Ok(()) => Ok(Flash::good("The second step is off").redirect("/account")),
        Err(error) => {
            let problem = refused(error)?;
            let look = look(&site, permit.caller()).await?;
            let page = profile(&site, cx, &look, None, Wrong::TurnOff(&problem)).await?;
            Ok((error_status(&problem), page).into_response())
        }
    }
}
