//! The installer of a stick: this system onto a disk.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use orbitr_machine::data::{Stage, Target};
use orbitr_model::{Act, ActReport, ByteSize, InstallRequest, Problem};
use serde::Deserialize;

use crate::{
    data::{Cx, Near, Site, about, disk_name, refused, request_id},
    shell::{self, PageCx},
    ui::{self, Choice, Field, Icon, Tone},
};

/// What the form says.
#[derive(Deserialize)]
pub(crate) struct InstallForm {
    #[serde(default)]
    disk: String,
    #[serde(default)]
    serial: String,
    /// Present when the question before overwriting was answered.
    #[serde(default)]
    sure: Option<String>,
}

/// The disks.
pub(crate) async fn list(_: Near, State(site): State<Site>, Cx(cx): Cx) -> Response {
    if site.acts().stage() != Stage::Installer {
        return Redirect::to("/").into_response();
    }
    if site.acts().at_work().await.is_some() {
        return Redirect::to("/setup/progress").into_response();
    }
    page(&site, &cx, None, None).into_response()
}

/// The page with the disks.
pub(crate) fn page(site: &Site, cx: &PageCx, chosen: Option<&str>, problem: Option<&Problem>) -> Markup {
    let targets = site.acts().targets();
    let unlisted = targets.as_ref().err().cloned();
    let targets = targets.unwrap_or_default();
    let choices: Vec<Choice> = targets.iter().map(choice).collect();
    let body = html! {
        div {
            h1 { "Install Orbitr OS" }
            p class="lead" { "This machine was started from a medium that can be taken out. Choose the disk that shall hold the box." }
        }
        @for target in targets.iter().filter(|target| target.unfinished) {
            (ui::banner(Tone::Warn, "An installation was cut off").body(html! { p { "Onto " (disk_name(&target.disk)) ". Choose it again, and it goes on where it was." } }))
        }
        @if let Some(problem) = problem.or(unlisted.as_ref()) { (ui::problem(problem)) }
        @if choices.is_empty() {
            (ui::banner(Tone::Neutral, "There is no other disk").body(html! { p { "Plug one in, then look again." } }))
            (ui::link_button("Look again", "/install").icon(Icon::RotateCw))
        } @else {
            (ui::Form::post("/install").body(
                Field::radio("disk", "Disk", choices).value(chosen.unwrap_or_default()).required()
            ).button(ui::link_button("Look again", "/install").quiet()).button(ui::button("Continue").primary().trailing(Icon::ArrowRight)))
        }
        @if !site.acts().is_live() {
            details {
                summary { "Or run the box from this medium" }
                p { "A stick is slow and wears out; a disk in a USB case does well." }
                (ui::Form::post("/setup/data").body(html! { input type="hidden" name="choice" value="new"; })
                    .button(ui::button("Make the data partition here")))
            }
        }
    };
    shell::bare_page(cx, "Install", body)
}

fn choice(target: &Target) -> Choice {
    let on_it = if target.unfinished {
        "an installation that was cut off".to_owned()
    } else if target.contents.is_empty() {
        "nothing on it".to_owned()
    } else {
        format!("on it: {}", target.contents.join("; "))
    };
    let serial = target.disk.serial.as_deref().map(|serial| format!(" · serial {serial}")).unwrap_or_default();
    let help = format!("{} · {}{serial} · {on_it}", ByteSize(target.disk.bytes), target.disk.transport.to_uppercase());
    Choice::new(target.disk.device.clone(), disk_name(&target.disk)).help(help)
}

/// Asks once more where something would go, then begins.
pub(crate) async fn install(_: Near, State(site): State<Site>, Cx(cx): Cx, Form(form): Form<InstallForm>) -> Response {
    let again = |problem: &Problem| refused(problem, page(&site, &cx, Some(&form.disk), Some(problem)));
    let targets = match site.acts().targets() {
        Ok(targets) => targets,
        Err(problem) => return again(&problem),
    };
    let Some(target) = targets.iter().find(|target| target.disk.device == form.disk) else {
        return again(&Problem::field("disk", "Choose one of the disks."));
    };
    let needs_serial = !target.contents.is_empty() && !target.unfinished;
    let right = target.disk.serial.as_deref() == Some(form.serial.trim());
    if form.sure.is_none() {
        return confirm(&cx, target, needs_serial, None).into_response();
    }
    if needs_serial && !right {
        let problem = Problem::field("serial", "This is not the serial number of the disk.");
        return refused(&problem, confirm(&cx, target, needs_serial, Some(&problem)));
    }
    match begin(&site, &form.disk, form.serial.trim()).await {
        Ok(()) => Redirect::to("/setup/progress").into_response(),
        Err(problem) => again(&problem),
    }
}

/// Asks root.
pub(crate) async fn begin(site: &Site, disk: &str, serial: &str) -> Result<(), Problem> {
    let request = InstallRequest { version: 1, id: request_id(), disk: disk.to_owned(), serial: serial.to_owned() };
    site.acts().ask(Act::Install, &request.id, &request).await
}

fn confirm(cx: &PageCx, target: &Target, needs_serial: bool, problem: Option<&Problem>) -> Markup {
    let body = html! {
        div {
            h1 { @if target.unfinished { "Go on with the installation?" } @else if needs_serial { "Erase this disk?" } @else { "Install onto this disk?" } }
            p class="lead" { @if needs_serial { "Everything on it is lost, and nothing brings it back." } @else { "Nobody's data are on it." } }
        }
        (about(&target.disk))
        @if needs_serial {
            (ui::banner(Tone::Bad, "What is on it now").body(html! { ul { @for line in &target.contents { li { (line) } } } }))
        }
        @if needs_serial && target.disk.serial.is_none() {
            (ui::banner(Tone::Warn, "This disk has no serial number").body(html! { p { "So it cannot be told from others for certain, and is not erased from here. Empty it with another computer first." } }))
            (ui::link_button("Back", "/install").quiet())
        } @else {
            (ui::Form::post("/install").problem(problem).body(html! {
                input type="hidden" name="disk" value=(target.disk.device);
                input type="hidden" name="sure" value="yes";
                @if needs_serial {
                    (Field::text("serial", "Type the disk's serial number").mono().autocomplete("off").required().problem(problem))
                }
            }).button(ui::link_button("Back", "/install").quiet())
                .button(if needs_serial { ui::button("Erase and install").danger() } else { ui::button("Install").primary() }))
        }
    };
    shell::bare_page(cx, "Install", body)
}

/// It is done.
pub(crate) fn done(cx: &PageCx, report: &ActReport) -> Markup {
    let disk = report.value.as_ref().and_then(|value| value.pointer("/disk/device")).and_then(|value| value.as_str());
    let body = html! {
        div {
            h1 { "Installed" }
            p class="lead" role="status" { "Everything was written to " (disk.unwrap_or("the disk")) " and read back." }
        }
        (ui::banner(Tone::Good, "Take the stick out now").body(html! { p { "Then restart. The box starts from its disk and shows its address and a new code on the screen." } }))
        (ui::Form::post("/setup/restart").button(ui::button("The stick is out: restart").primary().icon(Icon::Power)))
    };
    shell::bare_page(cx, "Installed", body)
}
