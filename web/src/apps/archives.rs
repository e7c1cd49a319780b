//! Archives: exporting an app, the list of what there is, bringing one, installing from one.

use axum::{
    Form,
    body::Body,
    extract::{Multipart, Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit,
    action::{ExportApp, InstallApp, ManageArchives, ViewArchives},
};
use orbitr_apps::{Archive, ExportRequest, ImportRequest, Origin, Sealing};
use orbitr_model::{Problem, ProjectId};
use uuid::Uuid;

use super::{act::detail, form, icon, show::cx_of};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Clock, Column, Confirm, Field, Icon, Row, Tone},
};

/// The field of the file.
const FILE: &str = "file";

fn id(text: &str) -> Answer<Uuid> {
    text.parse().map_err(|_| Trouble(Problem::not_found("archive", text)))
}

fn path(archive: &Archive) -> String {
    format!("/projects/{}/archives/{}", archive.project, archive.id)
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
}

pub(super) async fn export_page(State(site): State<Site>, permit: Permit<ExportApp>, Cx(cx): Cx) -> Answer<Markup> {
    draw_export(&site, &permit, cx, None).await
}

async fn draw_export(site: &Site, permit: &Permit<ExportApp>, cx: PageCx, problem: Option<&Problem>) -> Answer<Markup> {
    let app = detail(site, permit).await?;
    let (id, name) = (&app.app.id, &app.app.name);
    let may = permit.caller().may::<ManageArchives>(&app.app.project);
    let form = ui::Form::post(format!("/apps/{id}/export")).problem(problem).body(html! {
        p { "One file with the data, the settings and the extension. " (name) " stands still while its data is copied, which most disks do at once." }
        (Field::password("passphrase", "Passphrase for its passwords").optional().autocomplete("new-password").problem(problem)
            .help("Its passwords and keys are put in under this. Without it they are left out, and the data may be of no use elsewhere."))
        (Field::select("days", "Keep it", vec![Choice::new("7", "a week"), Choice::new("30", "a month"), Choice::new("", "until I delete it")])
            .value("7").problem(problem))
    });
    let form = form.button(ui::link_button("Cancel", format!("/apps/{id}/settings")).quiet().closes_sheet());
    let body = html! {
        section data-sheet class="stack" {
            h1 { "Export " (name) }
            @if may { (form.button(ui::button("Export").primary().icon(Icon::Download))) } @else {
                (ui::banner(Tone::Neutral, "You may not keep archives").body(html! {
                    p { "An archive belongs to the project. An admin of this box can let you manage it, under People." }
                }))
            }
        }
    };
    let cx = cx_of(cx, &app, Some("Export"));
    Ok(shell::page(&cx, &format!("Export {name}"), html! { (ui::Card::plain(body)) }))
}

pub(super) async fn export(
    State(site): State<Site>,
    permit: Permit<ExportApp>,
    Cx(cx): Cx,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let project = site.apps.project_of(permit.resource()).await?;
    let into = site.access.permit::<ManageArchives>(permit.caller(), project).await?;
    let passphrase = form::one(&pairs, "passphrase");
    let days = form::one(&pairs, "days");
    let request = ExportRequest {
        passphrase: (!passphrase.is_empty()).then(|| passphrase.to_owned()),
        days: if days.is_empty() { None } else { Some(days.parse().unwrap_or(0)) },
    };
    match site.apps.export(&permit, &into, request).await {
        Ok(exporting) => {
            let flash = Flash::busy("It is being exported").link("Archives", format!("/projects/{project}/archives"));
            Ok(flash.redirect(&format!("/jobs/{}", exporting.started.job)))
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status >= 500 {
                return Err(Trouble(problem));
            }
            let page = draw_export(&site, &permit, cx, Some(&problem)).await?;
            Ok((status(&problem), page).into_response())
        }
    }
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewArchives>, Cx(cx): Cx) -> Answer<Markup> {
    draw_list(&site, &permit, &cx, None).await
}

async fn draw_list(
    site: &Site,
    permit: &Permit<ViewArchives>,
    cx: &PageCx,
    problem: Option<&Problem>,
) -> Answer<Markup> {
    let project = *permit.resource();
    let archives = site.apps.archives(permit).await?;
    let cx = cx.clone().section(Section::Apps).here("Archives");
    let body = html! {
        (ui::header("Archives").lead("Files that hold an app with its data"))
        div class="stack" {
            (ui::card("On this box", table(&archives, permit.caller(), &cx.clock)).flush())
            @if permit.caller().may::<ManageArchives>(&project) { (bring(project, problem)) }
        }
    };
    Ok(shell::page(&cx, "Archives", body))
}

fn bring(project: ProjectId, problem: Option<&Problem>) -> ui::Card {
    let form = ui::Form::post(format!("/projects/{project}/archives")).upload().problem(problem).body(html! {
        div class="field" {
            label for="archive-file" { "The archive" }
            div class="field-line" { input type="file" id="archive-file" name=(FILE) accept=".gz,application/gzip" required; }
        }
    });
    ui::card("Bring one", form.button(ui::button("Upload").primary().icon(Icon::Upload)))
        .hint("From another box, or from where you kept it. It is deleted by itself after a week.")
}

fn table(archives: &[Archive], caller: &Caller, clock: &Clock) -> ui::Table {
    let rows = archives.iter().map(|archive| {
        let contents = &archive.contents;
        Row::new()
            .href(path(archive))
            .cell(html! { span class="cluster" { (ui::app_icon(contents.app.name.as_str(), Some(&icon(&contents.extension.id)))) (contents.app.name) } })
            .cell(contents.extension.version.as_str())
            .cell(match archive.origin { Origin::Exported => "Exported", Origin::Uploaded => "Uploaded" })
            .cell(archive.size.to_string())
            .cell(clock.ago(contents.made))
            .cell(html! {
                (ui::link_button("Download", format!("{}/file", path(archive))).icon_only(Icon::Download).small().quiet().download())
                @if caller.may::<ManageArchives>(&archive.project) {
                    (ui::link_button("Delete …", format!("{}/delete", path(archive))).icon_only(Icon::Trash2).small().quiet().opens_dialog())
                }
            })
    });
    let columns = [
        Column::new("App"),
        Column::new("Version"),
        Column::new("From"),
        Column::new("Size").number(),
        Column::new("Data of").number(),
        Column::actions(),
    ];
    let empty = ui::empty(Icon::Box, "No archives").text("Export an app in its settings, or bring an archive here.");
    ui::table("Archives", columns).rows(rows).empty(empty)
}

pub(super) async fn upload(
    State(site): State<Site>,
    permit: Permit<ManageArchives>,
    Cx(cx): Cx,
    form: Multipart,
) -> Answer<Response> {
    match take(&site, &permit, form).await {
        Ok(archive) => Ok(Flash::good("The archive is here").redirect(&path(&archive))),
        Err(problem) if problem.status >= 500 => Err(Trouble(problem)),
        Err(problem) => {
            let look = site.access.permit::<ViewArchives>(permit.caller(), *permit.resource()).await?;
            let page = draw_list(&site, &look, &cx, Some(&problem)).await?;
            Ok((status(&problem), page).into_response())
        }
    }
}

async fn take(site: &Site, permit: &Permit<ManageArchives>, mut form: Multipart) -> Result<Archive, Problem> {
    let cut_off = |_| Problem::new(400, "upload-cut-off", "The upload was cut off");
    while let Some(mut field) = form.next_field().await.map_err(cut_off)? {
        if field.name() != Some(FILE) {
            continue;
        }
        let mut upload = site.apps.upload(permit).await?;
        while let Some(piece) = field.chunk().await.map_err(cut_off)? {
            upload.write(piece).await?;
        }
        return Ok(site.apps.uploaded(permit, upload).await?);
    }
    Err(Problem::field(FILE, "choose a file"))
}

pub(super) async fn show(
    State(site): State<Site>,
    permit: Permit<ViewArchives>,
    Cx(cx): Cx,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Markup> {
    let archive = site.apps.archive(&permit, id(&archive)?).await?;
    let obstacles = site.apps.obstacles_of(&archive).await?;
    Ok(draw(&cx, &archive, &obstacles, permit.caller(), &ImportRequest::default(), None))
}

fn crumbs(cx: &PageCx, archive: &Archive, here: &str) -> PageCx {
    let cx = cx.clone().section(Section::Apps).crumb("Archives", format!("/projects/{}/archives", archive.project));
    cx.here(here.to_owned())
}

fn draw(
    cx: &PageCx,
    archive: &Archive,
    obstacles: &[String],
    caller: &Caller,
    typed: &ImportRequest,
    problem: Option<&Problem>,
) -> Markup {
    let contents = &archive.contents;
    let name = contents.app.name.to_string();
    let passwords = match contents.secrets {
        Sealing::Age => "under a passphrase",
        Sealing::LeftOut => "left out",
        Sealing::None => "none",
    };
    let body = html! {
        (ui::header(format!("Archive of {name}")).lead(html! { (contents.extension.id) " " (contents.extension.version) }).actions(html! {
            (ui::link_button("Download", format!("{}/file", path(archive))).icon(Icon::Download).download())
            @if caller.may::<ManageArchives>(&archive.project) {
                (ui::link_button("Delete …", format!("{}/delete", path(archive))).opens_dialog().icon(Icon::Trash2))
            }
        }))
        div class="split" {
            div class="stack" {
                @if !obstacles.is_empty() {
                    (ui::banner(Tone::Bad, "It cannot run on this box").body(html! { ul { @for why in obstacles { li { (why) } } } }))
                } @else if caller.may::<InstallApp>(&archive.project) {
                    (ui::card("Install it here", install_form(archive, typed, problem)).hint("As a new app. Nothing that is there is touched."))
                }
            }
            div class="stack" {
                (ui::card("What is in it", ui::key_values()
                    .row("App", html! { (name) " (" code { (contents.app.id) } ")" })
                    .row("Data of", cx.clock.exact(contents.made))
                    .row("Data", html! { (contents.data.bytes) " in " (contents.data.entries) " files and folders" })
                    .row("Passwords", passwords)
                    .row("File", archive.size.to_string())
                    .copy("SHA-256", &archive.sha256)
                    .row("By", archive.made_by.to_string())
                    .maybe("Deleted by itself", archive.expires.map(|at| cx.clock.exact(at)))))
            }
        }
    };
    shell::page(&crumbs(cx, archive, &name), &format!("Archive of {name}"), body)
}

fn install_form<'a>(archive: &Archive, typed: &ImportRequest, problem: Option<&'a Problem>) -> ui::Form<'a> {
    let contents = &archive.contents;
    let name = typed.name.as_ref().unwrap_or(&contents.app.name).to_string();
    let app = typed.app.as_ref().map(ToString::to_string).unwrap_or_default();
    ui::Form::post(format!("{}/install", path(archive))).problem(problem)
        .body(html! {
            (Field::text("name", "Name").value(name).required().max_length(64).problem(problem))
            (Field::text("app", "Id").value(app).mono().optional().max_length(40).problem(problem)
                .help(html! { "Names its folder. When you leave this empty, it is " code { (contents.app.id) } " or the next that is free." }))
            @if contents.secrets == Sealing::Age {
                (Field::password("passphrase", "Passphrase").required().autocomplete("off").problem(problem)
                    .help("What its passwords were put under when it was exported."))
            }
            @if contents.secrets == Sealing::LeftOut {
                (ui::banner(Tone::Warn, "Its passwords are not in it").body(html! { p { "New ones are made. An app whose data depends on the old ones does not come up; then nothing of it stays here." } }))
            }
        })
        .button(ui::button("Install").primary().icon(Icon::Plus))
}

pub(super) async fn install(
    State(site): State<Site>,
    permit: Permit<InstallApp>,
    Cx(cx): Cx,
    Path((_, archive)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Answer<Response> {
    let archive = id(&archive)?;
    let mut request = ImportRequest::default();
    let problem = match typed(&pairs, &mut request) {
        Ok(()) => match site.apps.import(&permit, archive, request.clone()).await {
            Ok(started) => return Ok(Flash::busy("It is being installed").redirect(&format!("/jobs/{}", started.job))),
            Err(error) => Problem::from(error),
        },
        Err(problem) => problem,
    };
    if problem.status >= 500 || problem.status == 410 {
        return Err(Trouble(problem));
    }
    let look = site.access.permit::<ViewArchives>(permit.caller(), *permit.resource()).await?;
    let archive = site.apps.archive(&look, archive).await?;
    let obstacles = site.apps.obstacles_of(&archive).await?;
    let page = draw(&cx, &archive, &obstacles, permit.caller(), &request, Some(&problem));
    Ok((status(&problem), page).into_response())
}

fn typed(pairs: &[(String, String)], request: &mut ImportRequest) -> Result<(), Problem> {
    let (name, app, passphrase) = (form::one(pairs, "name"), form::one(pairs, "app"), form::one(pairs, "passphrase"));
    if !name.is_empty() {
        request.name = Some(name.parse().map_err(|why| Problem::field("name", format!("{why}")))?);
    }
    if !app.is_empty() {
        request.app = Some(app.parse().map_err(|why| Problem::field("app", format!("{why}")))?);
    }
    request.passphrase = (!passphrase.is_empty()).then(|| passphrase.to_owned());
    Ok(())
}

pub(super) async fn file(
    State(site): State<Site>,
    permit: Permit<ViewArchives>,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Response> {
    let found = site.apps.download(&permit, id(&archive)?).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_LENGTH, found.archive.size.0.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", found.archive.file_name())),
    ];
    Ok((headers, Body::from_stream(found.pieces().await?)).into_response())
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ManageArchives>,
    Cx(cx): Cx,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Markup> {
    let look = site.access.permit::<ViewArchives>(permit.caller(), *permit.resource()).await?;
    let archive = site.apps.archive(&look, id(&archive)?).await?;
    let name = &archive.contents.app.name;
    let confirm = Confirm {
        title: format!("Delete this archive of {name}?"),
        goes: vec![format!("The file with the data of {}, {}", cx.clock.exact(archive.contents.made), archive.size)],
        stays: vec!["Every app that is installed, and what you downloaded".to_owned()],
        typed: None,
        fields: None,
        action: format!("{}/delete", path(&archive)),
        button: "Delete archive".to_owned(),
        back: path(&archive),
        problem: None,
    };
    let page = html! { (ui::Card::plain(html! { (confirm) })) };
    Ok(shell::page(&crumbs(&cx, &archive, "Delete"), &format!("Delete an archive of {name}"), page))
}

pub(super) async fn delete(
    State(site): State<Site>,
    permit: Permit<ManageArchives>,
    Path((_, archive)): Path<(String, String)>,
) -> Answer<Response> {
    site.apps.delete_archive(&permit, id(&archive)?).await?;
    Ok(Flash::good("The archive is deleted").redirect(&format!("/projects/{}/archives", permit.resource())))
}
