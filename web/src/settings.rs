//! The box's settings: its name and time zone, its certificates, what it runs on.

use axum::{
    Form,
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{ChangeBox, ViewBox},
    gate::Routes,
};
use orbitr_machine::{About, ChangeSettings, zones};
use orbitr_model::Problem;
use serde::Deserialize;

use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Field, Icon},
};

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .get(ChangeBox, "/settings", page)
        .post(ChangeBox, "/settings", save)
        .post(ChangeBox, "/settings/key", rotate_key)
        .public(
            Method::GET,
            "/authority.pem",
            "a browser needs it to know the box, and it holds nothing secret",
            authority,
        )
}

/// The form, also the wizard's third step.
#[derive(Debug, Deserialize)]
pub(crate) struct SettingsForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    time_zone: String,
}

impl SettingsForm {
    /// As it is now.
    pub(crate) fn now(site: &Site) -> Self {
        let zone = site.machine.time_zone();
        Self { name: site.machine.name().to_string(), time_zone: zone.iana_name().unwrap_or("UTC").to_owned() }
    }

    /// The change that it asks for.
    pub(crate) fn change(&self) -> ChangeSettings {
        ChangeSettings { name: Some(self.name.trim().to_owned()), time_zone: Some(self.time_zone.clone()) }
    }
}

/// The fields of the form.
pub(crate) fn fields(form: &SettingsForm, problem: Option<&Problem>) -> Markup {
    let zones = zones::all().into_iter().map(|zone| Choice::new(zone.clone(), zone.replace('_', " "))).collect();
    html! {
        (Field::text("name", "Name").value(&form.name).required().max_length(64).help("Shown on every page.").problem(problem))
        (Field::select("time_zone", "Time zone", zones).value(&form.time_zone).required()
            .help("Times are shown in it, and apps are told.").problem(problem))
    }
}

async fn page(State(site): State<Site>, permit: Permit<ChangeBox>, Cx(cx): Cx) -> Answer<Markup> {
    let about = about(&site, &permit).await?;
    Ok(body(&site, cx, &SettingsForm::now(&site), &about, None))
}

async fn about(site: &Site, permit: &Permit<ChangeBox>) -> Answer<About> {
    let look = site.access.permit::<ViewBox>(permit.caller(), orbitr_access::TheBox).await?;
    Ok(site.machine.about(&look).await?)
}

fn body(site: &Site, cx: PageCx, form: &SettingsForm, about: &About, problem: Option<&Problem>) -> Markup {
    let cx = cx.section(Section::Settings);
    let addresses: Vec<String> = about
        .addresses
        .iter()
        .filter(|interface| !interface.address.is_loopback())
        .map(|interface| format!("{} ({})", interface.address, interface.name))
        .collect();
    let body = html! {
        (ui::header("Settings"))
        div class="stack narrow" {
            (ui::card("This box", ui::Form::post("/settings").problem(problem).body(fields(form, problem))
                .button(ui::button("Save").primary())).hint("What it is called and what time it is there."))
            (ui::card("Certificate", html! { div class="stack stack-s" {
                (ui::key_values().copy("Authority, SHA-256", &site.certificates.authority))
                p class="quiet" { "This box vouches for itself. Give its authority to your devices once, and their browsers know it." }
                div class="cluster" { (ui::link_button("Download the authority", "/authority.pem").icon(Icon::Download).download()) }
            } }))
            (ui::card("Key", html! { div class="stack stack-s" {
                p { "Passwords and other secrets of your apps are sealed with a key that is on this box only." }
                p class="quiet" { "A fresh key seals all of them again, at once. Older copies of the database go on with the key they were made with." }
                (ui::Form::post("/settings/key").button(ui::button("Change the key").icon(Icon::KeyRound)))
            } }))
            (ui::card("About", ui::key_values()
                .row("Orbitr", &about.version)
                .row("System", &about.system)
                .row("Kernel", &about.kernel)
                .row("Host name", &about.host_name)
                .row("Addresses", html! { @for address in &addresses { div { (address) } } })
                .row("Mode", "Hosted: Orbitr runs on this Linux as a service. Updates, disks and power of the machine need Orbitr OS.")))
            (ui::card("For programs", html! { div class="stack stack-s" {
                p { "Everything here can be done by a program too." }
                div class="cluster" { (ui::link_button("The API", "/reference").icon(Icon::Terminal)) }
            } }))
        }
    };
    shell::page(&cx, "Settings", body)
}

async fn save(
    State(site): State<Site>,
    permit: Permit<ChangeBox>,
    Cx(cx): Cx,
    Form(form): Form<SettingsForm>,
) -> Answer<Response> {
    match site.machine.change(&permit, &form.change(), None).await.map_err(Problem::from) {
        Ok(_) => Ok(Flash::good("Saved").redirect("/settings")),
        Err(problem) if problem.status == 422 => {
            let about = about(&site, &permit).await?;
            let page = body(&site, cx, &form, &about, Some(&problem));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(problem) => Err(Trouble(problem)),
    }
}

async fn rotate_key(State(site): State<Site>, permit: Permit<ChangeBox>) -> Answer<Response> {
    site.machine.rotate_key(&permit).await.map_err(Problem::from)?;
    Ok(Flash::good("Every secret is sealed with a fresh key").redirect("/settings"))
}

async fn authority(State(site): State<Site>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-authority.pem\""),
    ];
    (headers, site.certificates.pem.clone()).into_response()
}
