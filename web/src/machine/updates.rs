//! Updates of the system: what runs, what is offered, what came back, where updates come from.

mod forms;
mod proving;

use std::iter;

use axum::{
    Form,
    extract::{Multipart, Path, State},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{UpdateBox, ViewMachine},
};
use orbitr_jobs::Job;
use orbitr_machine::{ChooseVersion, InstallUpdate, LiftQuarantine, Offer, Returned, Updates};
use orbitr_model::{ImageVersion, InstalledVersion, Problem, Topic};
use serde::Deserialize;

pub(crate) use self::proving::home;
pub(super) use self::{
    forms::save,
    proving::{back, confirm as confirm_back, home_part, keep},
};
use super::{cx_of, head, needs};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Column, Confirm, Field, Icon, Row, Status, Tone},
};

const HERE: &str = "/system/updates";
const FILE: &str = "file";

/// Updates, with the job that is at work.
struct Shown {
    updates: Updates,
    job: Option<Job>,
}

async fn look(site: &Site, permit: &Permit<ViewMachine>) -> Answer<Shown> {
    let updates = site.machine.updates(permit).await?;
    let job = match updates.job {
        Some(job) => site.jobs.get(job).await?,
        None => None,
    };
    Ok(Shown { updates, job })
}

/// What changes by itself; stands in for itself when it does.
fn state(shown: &Shown, clock: &Clock, may_answer: bool) -> Markup {
    let updates = &shown.updates;
    let mut topics = vec![Topic::Box, Topic::Jobs];
    topics.extend(updates.job.map(Topic::Job));
    let body = html! {
        div class="stack" {
            @if let Some(proving) = &updates.proving { (proving::shown(proving, clock, may_answer)) }
            @if let Some(job) = &shown.job { (at_work(job)) }
            @if let Some(version) = &updates.waiting { (waiting(version)) }
            @if let Some(version) = &updates.chosen {
                (ui::banner(Tone::Neutral, format!("{version} was chosen by hand"))
                    .body(html! { p { "It is started until another one is chosen or installed, and the box installs none by itself meanwhile." } }))
            }
            (ui::card("Version", html! { div class="stack stack-s" {
                (ui::key_values()
                    .maybe("Runs", updates.running.as_ref().map(ToString::to_string))
                    .row("Looked for updates", updates.checked_at.map_or_else(|| html! { "never" }, |at| clock.ago(at))))
                @if let Some(problem) = &updates.check_problem { (ui::problem(problem)) }
                @else if updates.checked_at.is_some() && updates.offer.is_none() && updates.waiting.is_none() { p { "No newer version is offered." } }
                @for other in &updates.passed_over { p class="quiet" { (other.version) " is not offered: " (other.why) "." } }
                div class="cluster" { (ui::button("Check now").icon(Icon::RotateCw).post(format!("{HERE}/check"))) }
            } }))
            @if let Some(offer) = &updates.offer { (offered(offer, updates, clock)) }
            (ui::card("On this disk", installed(updates)).flush())
            @if !updates.returned.is_empty() { (ui::card("Came back", returned(&updates.returned, clock)).flush()) }
        }
    };
    ui::live("updates", &topics, &format!("{HERE}/state"), body)
}

fn at_work(job: &Job) -> Markup {
    html! {
        (ui::banner(Tone::Busy, job.title.as_str())
            .body(html! { div class="stack stack-s" { (ui::progress(&job.title, job.progress)) p { (job.message) } } })
            .actions(ui::link_button("Follow or cancel it", format!("/jobs/{}", job.id)).small()))
    }
}

fn waiting(version: &ImageVersion) -> Markup {
    html! {
        (ui::banner(Tone::Good, format!("{version} is in its slot"))
            .body(html! { p { "It begins with the next restart. If it does not do its work, the version before comes back by itself." } })
            .actions(ui::link_button("Restart …", "/system/power/reboot").small().opens_dialog()))
    }
}

fn offered(offer: &Offer, updates: &Updates, clock: &Clock) -> ui::Card {
    let from = match (offer.uploaded, offer.ready) {
        (true, _) => "Brought as a file".to_owned(),
        (false, true) => "Downloaded".to_owned(),
        (false, false) => format!("{} to download", offer.size),
    };
    let install = |label: &str, restart: &str| {
        let button = ui::button(label).post(format!("{HERE}/install"));
        button.hidden("version", offer.version.as_str()).hidden("restart", restart)
    };
    let title = format!("Orbitr OS {}", offer.version);
    ui::card(
        title,
        html! { div class="stack stack-s" {
            (ui::key_values().row("Size", from).maybe("Published", offer.published.map(|at| clock.moment(at))))
            @if !offer.notes.is_empty() { div class="prose" { pre { (offer.notes) } } }
            @if updates.job.is_none() {
                @if updates.proving.is_some() { p class="quiet" { "It can be installed when the version that runs is proved or kept." } } @else {
                p class="quiet" { "It is written beside the version that runs, which stays as it is. The box restarts when no job is at work." }
                div class="cluster" {
                    (install("Install and restart", "on").primary().icon(Icon::ArrowUp))
                    (install("Install, restart later", ""))
                }
                }
            }
        } },
    )
}

/// Whether a version came back, and nobody has lifted that.
fn came_back(found: &InstalledVersion, updates: &Updates) -> bool {
    updates.returned.iter().any(|back| back.version == found.version && !back.lifted)
}

fn look_of(found: &InstalledVersion, updates: &Updates) -> Status {
    match (found.running, found.blessed) {
        (true, true) => Status::new(Tone::Good, Icon::CircleCheck, "Runs"),
        (true, false) => Status::new(Tone::Busy, Icon::LoaderCircle, "Runs, on trial"),
        (false, _) if came_back(found, updates) => Status::new(Tone::Bad, Icon::CircleX, "Came back"),
        (false, true) => Status::new(Tone::Neutral, Icon::Square, "Kept"),
        (false, false) => Status::new(Tone::Neutral, Icon::Clock, "Not tried yet"),
    }
}

fn installed(updates: &Updates) -> ui::Table {
    let rows = updates.installed.iter().map(|found| {
        let slot = match found.slot {
            orbitr_model::Slot::A => "A",
            orbitr_model::Slot::B => "B",
        };
        Row::new().cell(found.version.as_str()).cell(slot).cell(ui::status(look_of(found, updates))).cell(html! {
            @if updates.job.is_none() && !came_back(found, updates) && (!found.running || updates.chosen.is_some()) {
                (ui::link_button("Start this one …", format!("{HERE}/versions/{}", found.version)).small().quiet().opens_dialog())
            }
        })
    });
    let columns = [Column::new("Version"), Column::new("Slot"), Column::new("State"), Column::actions()];
    ui::table("Versions on this disk", columns)
        .rows(rows)
        .empty(ui::empty(Icon::Server, "Nobody tells what is installed"))
}

fn returned(all: &[Returned], clock: &Clock) -> ui::Table {
    let rows = all.iter().map(|back| {
        let why = back.reason.as_ref();
        let title = why.map_or("It did not come so far as to say.", |reason| reason.title.as_str());
        Row::new()
            .cell(back.version.as_str())
            .cell(html! {
                (title)
                @if let Some(reason) = why {
                    @match reason.detail.contains('\n') {
                        false => { " " span class="quiet" { (reason.detail) } }
                        true => { details { summary { "What was seen" } div class="prose" { pre { (reason.detail) } } } }
                    }
                    span class="quiet" { " (" code { (reason.code) } ")" }
                }
            })
            .cell(back.at.map_or_else(|| html! {}, |at| clock.ago(at)))
            .cell(html! {
                @if back.lifted { "May be tried again" } @else {
                    (ui::button("Let it be tried again").small().quiet().post(format!("{HERE}/lift")).hidden("version", back.version.as_str()))
                }
            })
    });
    let columns = [Column::new("Version"), Column::new("What it did not do"), Column::new("When"), Column::actions()];
    ui::table("Versions that came back", columns).rows(rows)
}

fn bring(problem: Option<&Problem>) -> ui::Card {
    let form = ui::Form::post(format!("{HERE}/upload")).upload().problem(problem).body(html! {
        div class="field" {
            label for="update-file" { "The file" }
            div class="field-line" { input type="file" id="update-file" name=(FILE) accept=".update" required; }
        }
    });
    let ways = html! {
        (form.button(ui::button("Upload").icon(Icon::Upload)))
        hr;
        p { "Or put the file onto a USB stick, in no folder, and plug the stick into the box. The newest on it is taken." }
        (ui::button("Read the stick").icon(Icon::HardDrive).post(format!("{HERE}/read")))
    };
    ui::card("Bring one as a file", ways)
        .hint("orbitr-VERSION.update, for a box without a way to the source. Its signature is checked as well.")
}

/// What was refused on this page, and which form it belongs to.
enum Refused<'a> {
    Nothing,
    Upload(&'a Problem),
    Settings(&'a Problem, &'a forms::SettingsForm),
}

fn body(cx: PageCx, shown: &Shown, refused: &Refused<'_>, caller: &Caller) -> Markup {
    let cx = cx_of(cx, "Updates");
    let updates = &shown.updates;
    let content = if updates.available {
        html! {
            div class="stack" {
                (state(shown, &cx.clock, caller.may::<UpdateBox>(&TheBox)))
                (forms::card(updates, match refused {
                    Refused::Settings(problem, form) => Some((*problem, *form)),
                    _ => None,
                }))
                @if updates.job.is_none() {
                    (bring(match refused {
                        Refused::Upload(problem) => Some(problem),
                        _ => None,
                    }))
                }
            }
        }
    } else {
        html! { (ui::Card::plain(needs(Icon::ArrowUp, "Not from here", &updates.reason))) }
    };
    shell::page(&cx, "Updates", html! { (head("Updates")) (content) })
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    Ok(body(cx, &look(&site, &permit).await?, &Refused::Nothing, permit.caller()))
}

pub(super) async fn state_part(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let may_answer = permit.caller().may::<UpdateBox>(&TheBox);
    Ok(state(&look(&site, &permit).await?, &cx.clock, may_answer))
}

/// The page once more, with why something was refused.
async fn again(site: &Site, permit: &Permit<UpdateBox>, cx: PageCx, refused: &Refused<'_>) -> Answer<Response> {
    let (Refused::Upload(problem) | Refused::Settings(problem, _)) = refused else {
        return Err(Trouble(Problem::internal()));
    };
    let may_look = site.access.permit::<ViewMachine>(permit.caller(), TheBox).await?;
    let shown = look(site, &may_look).await?;
    if !shown.updates.available {
        return Err(Trouble((*problem).clone()));
    }
    Ok((error_status(problem), body(cx, &shown, refused, permit.caller())).into_response())
}

pub(super) async fn check(State(site): State<Site>, permit: Permit<UpdateBox>) -> Answer<Response> {
    let job = site.machine.check_updates(&permit).await?.job;
    Ok(Flash::busy("Looking for updates").link("Follow it", format!("/jobs/{job}")).redirect(HERE))
}

pub(super) async fn read(State(site): State<Site>, permit: Permit<UpdateBox>) -> Answer<Response> {
    let job = site.machine.read_update(&permit).await?.job;
    Ok(Flash::busy("Reading the stick").link("Follow it", format!("/jobs/{job}")).redirect(HERE))
}

#[derive(Deserialize)]
pub(super) struct VersionForm {
    version: ImageVersion,
    #[serde(default)]
    restart: String,
}

pub(super) async fn install(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Form(form): Form<VersionForm>,
) -> Answer<Response> {
    let request = InstallUpdate { version: Some(form.version), restart: form.restart == "on" };
    let job = site.machine.install_update(&permit, &request).await?.job;
    Ok(Flash::busy("The update is on its way").redirect(&format!("/jobs/{job}")))
}

pub(super) async fn lift(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Form(form): Form<VersionForm>,
) -> Answer<Response> {
    site.machine.lift_quarantine(&permit, &LiftQuarantine { version: form.version.clone() }).await?;
    Ok(Flash::good(format!("{} may be tried again", form.version)).redirect(HERE))
}

fn named(text: &str) -> Answer<ImageVersion> {
    text.parse().map_err(|_| Trouble(Problem::not_found("version", text)))
}

fn back_in_time(version: &ImageVersion, until: &str) -> String {
    format!(
        "{version} has an older database, and goes on with what it knew until {until}: apps, accounts and settings that came or changed since are not known to it"
    )
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
    Path(version): Path<String>,
) -> Answer<Markup> {
    let version = named(&version)?;
    let updates = site.machine.updates(&permit).await?;
    if !updates.available {
        return Err(Trouble(Problem::new(409, "not-here", "This cannot be done on this machine").why(updates.reason)));
    }
    let Some(found) = updates.installed.iter().find(|found| found.version == version) else {
        return Err(Trouble(Problem::not_found("version", version)));
    };
    let older = updates.older_states.iter().find(|state| state.version == version);
    let older = older.map(|state| cx.clock.exact(state.until));
    let cx = cx.section(Section::System).crumb("Updates", HERE).here(version.to_string());
    let running = updates.running.map(|running| running.to_string()).unwrap_or_default();
    let goes = match found.running {
        true => "The version that was chosen before is not started any more".to_owned(),
        false => format!("{running} is not started any more until it is chosen or a newer one is installed"),
    };
    let confirm = Confirm {
        title: format!("Start Orbitr OS {version} from now on?"),
        goes: iter::once(goes).chain(older.as_ref().map(|until| back_in_time(&version, until))).collect(),
        stays: vec![match older {
            Some(_) => format!(
                "The data of all apps, and the other version on the disk. What {running} knows is there again when you go forward to it"
            ),
            None => "All data, and the other version on the disk".to_owned(),
        }],
        typed: None,
        fields: Some(html! {
            @if !found.running {
                (Field::checkbox("restart", "Restart now").help("When no job is at work. Without it, the change waits for the next restart."))
            }
        }),
        action: format!("{HERE}/versions/{version}"),
        button: "Start this one".to_owned(),
        back: HERE.to_owned(),
        problem: None,
    };
    Ok(shell::page(&cx, "Start another version", ui::Card::plain(html! { (confirm) })))
}

#[derive(Deserialize)]
pub(super) struct ChooseForm {
    #[serde(default)]
    restart: String,
}

pub(super) async fn choose(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Path(version): Path<String>,
    Form(form): Form<ChooseForm>,
) -> Answer<Response> {
    let request = ChooseVersion { version: named(&version)?, restart: form.restart == "on" };
    let job = site.machine.choose_version(&permit, &request).await?.job;
    Ok(Flash::busy(format!("{version} starts from now on")).redirect(&format!("/jobs/{job}")))
}

pub(super) async fn upload(
    State(site): State<Site>,
    permit: Permit<UpdateBox>,
    Cx(cx): Cx,
    form: Multipart,
) -> Answer<Response> {
    match take(&site, &permit, form).await {
        Ok(offer) => Ok(Flash::good(format!("{} is here and can be installed", offer.version)).redirect(HERE)),
        Err(problem) => again(&site, &permit, cx, &Refused::Upload(&problem)).await,
    }
}

async fn take(site: &Site, permit: &Permit<UpdateBox>, mut form: Multipart) -> Result<Offer, Problem> {
    let cut_off = |_| Problem::new(400, "upload-cut-off", "The upload was cut off");
    while let Some(mut field) = form.next_field().await.map_err(cut_off)? {
        if field.name() != Some(FILE) {
            continue;
        }
        let mut upload = site.machine.upload_update(permit).await?;
        while let Some(piece) = field.chunk().await.map_err(cut_off)? {
            upload.write(piece).await?;
        }
        return Ok(site.machine.uploaded_update(permit, upload).await?);
    }
    Err(Problem::field(FILE, "choose a file"))
}
