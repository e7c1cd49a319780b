//! Sample pages before sign-in: setup, sign-in, recovery.

use axum::routing::get;
use maud::{Markup, html};
use orbitr_model::Problem;
use orbitr_web::{
    flash::Flash,
    shell,
    ui::{self, Choice, Field, Form, Icon, Tone},
};

use crate::{Cx, Routes};

const STEPS: [&str; 4] = ["Code", "Account", "Box", "Done"];

async fn sign_in(Cx(mut cx): Cx) -> Markup {
    cx.viewer = None;
    let body = html! {
        div { h1 { "Sign in" } p class="lead" { "to attic" } }
        (Form::post("/sign-in").body(html! {
            (Field::text("username", "Username").autocomplete("username").required().autofocus())
            (Field::password("password", "Password").autocomplete("current-password").required())
        }).button(ui::button("Sign in").primary().wide()))
        p class="quiet" { "Forgotten? An admin can give you a new password; on the box itself, run " code { "orbitr user reset" } "." }
    };
    shell::bare_page(&cx, "Sign in", body)
}

async fn setup(Cx(mut cx): Cx) -> Markup {
    cx.viewer = None;
    cx.box_name = "Orbitr".into();
    let problem = Problem::field("code", "That is not the code; 4 tries are left");
    let body = html! {
        (ui::stepper("Setup", &STEPS, 0))
        div { h1 { "Claim this box" } p class="lead" { "Nobody owns it yet. Type the code that its screen shows, so that it knows that you are near." } }
        (Form::post("/setup").body(Field::code("code", "Setup code").placeholder("XXXX-XXXX").required().problem(Some(&problem)).autofocus()
            .help(html! { "Hosted on your own Linux? " code { "journalctl -u orbitr" } " shows it." })).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(&cx, "Claim this box", body)
}

async fn setup_account(Cx(mut cx): Cx) -> Markup {
    cx.viewer = None;
    cx.box_name = "Orbitr".into();
    let body = html! {
        (ui::stepper("Setup", &STEPS, 1))
        div { h1 { "Your account" } p class="lead" { "The first one is the admin of this box." } }
        (Form::post("/setup").body(html! {
            (Field::text("display", "Your name").value("Anna Lindqvist").autocomplete("name").required())
            (Field::text("username", "Username").value("anna").autocomplete("username").mono().required().help("Small letters; what you sign in with."))
            (Field::password("password", "Password").autocomplete("new-password").generates().required().help("At least 10 characters. Long beats odd."))
        }).button(ui::link_button("Back", "/setup").quiet()).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
    };
    shell::bare_page(&cx, "Your account", body)
}

async fn setup_done(Cx(mut cx): Cx) -> Markup {
    cx.viewer = None;
    cx.flash = Some(Flash::good("The box is yours"));
    let body = html! {
        (ui::stepper("Setup", &STEPS, 4))
        div { h1 { "attic is yours" } p class="lead" { "From here on everything happens in the browser." } }
        (ui::key_values().copy("Address", "https://attic.local").row("Admin", "anna"))
        (ui::link_button("Go to your box", "/").primary().wide().trailing(Icon::ArrowRight))
    };
    shell::bare_page(&cx, "Done", body)
}

async fn recovery(Cx(mut cx): Cx) -> Markup {
    cx.viewer = None;
    let body = html! {
        div class="wide stack" {
            div { h1 { "The box needs a decision" } p class="lead" { "Its database cannot be read. Your apps and their data are untouched and go on running." } }
            (ui::banner(Tone::Bad, "The file is damaged").body(html! { p { "SQLite says: database disk image is malformed." } }))
            (Form::post("/recovery").body(Field::radio("choice", "How to go on", vec![
                Choice::new("restore", "Go back to the copy of yesterday, 03:00").help("412 KiB, written by version 0.1.0. What was changed since is lost: 2 settings, 1 app's inputs."),
                Choice::new("export", "Save the damaged file first").help("Downloads it as it is; nothing is changed."),
                Choice::new("over", "Start over").help("The box is claimed again. The damaged file is moved aside, never deleted."),
            ]).value("restore").required()).button(ui::button("Continue").primary()))
        }
    };
    shell::bare_page(&cx, "Recovery", body)
}

pub(crate) fn routes() -> Routes {
    Routes::new()
        .route("/sign-in", get(sign_in))
        .route("/setup", get(setup))
        .route("/setup/account", get(setup_account))
        .route("/setup/done", get(setup_done))
        .route("/recovery", get(recovery))
}
