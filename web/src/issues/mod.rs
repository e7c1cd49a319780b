//! Issues: what is wrong with the box and its apps, why, and what helps; the bell that says how many there are.

mod remedies;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{ChangeApp, ChangeBox, DismissAppIssue, DismissIssue, ListIssues, OperateApp},
    gate::Routes,
};
use orbitr_apps::Verb;
use orbitr_model::{AppId, Topic};
use orbitr_watch::{Counts, Error, Fix, IssueView, Kind, Severity};

use crate::{
    apps,
    flash::Flash,
    shell,
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Clock, Column, Icon, IssueRow, Row, Status, Tone},
};

/// Where they are told at length.
const HERE: &str = "/issues";
/// Lines on Home; the rest is a link away.
const AT_HOME: usize = 4;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
        .get(ListIssues, HERE, page)
        .get(ListIssues, "/issues/list", list)
        .get(ListIssues, "/issues/bell", bell)
        .get(ListIssues, "/home/issues", at_home)
        .post(DismissIssue, "/issues/{issue}/dismiss", dismiss)
        .post(DismissAppIssue, "/apps/{app}/issues/{issue}/dismiss", dismiss_of_app)
        .post(ChangeApp, "/apps/{app}/ports/move", remedies::move_ports)
        .post(OperateApp, "/apps/{app}/images/fetch", remedies::fetch_images)
        .post(ChangeApp, "/apps/{app}/secrets/{secret}/rotate", remedies::rotate_secret)
        .post(ChangeBox, "/system/certificate/renew", remedies::renew_certificate)
        .post(ChangeBox, "/system/copies", remedies::copy_database)
}

/// How many there are for this reader; none when nobody can say.
pub(crate) async fn counts(site: &Site, caller: &Caller) -> Option<Counts> {
    let permit = site.access.permit::<ListIssues>(caller, TheBox).await.ok()?;
    Some(Counts::of(&site.watch.list(&permit).await.ok()?))
}

async fn bell(State(site): State<Site>, permit: Permit<ListIssues>) -> Answer<Markup> {
    Ok(shell::bell(&Counts::of(&site.watch.list(&permit).await?)))
}

/// How one severity looks, its word, and the title over those of it.
const fn look(severity: Severity) -> (Tone, &'static str, &'static str) {
    match severity {
        Severity::Bad => (Tone::Bad, "Bad", "Does not work"),
        Severity::Warning => (Tone::Warn, "Warning", "Needs a look"),
        Severity::Info => (Tone::Busy, "Information", "Worth knowing"),
    }
}

async fn page(State(site): State<Site>, permit: Permit<ListIssues>, Cx(cx): Cx) -> Answer<Markup> {
    let issues = site.watch.list(&permit).await?;
    let cx = cx.here("Issues");
    let body = html! {
        (ui::header("Issues").lead("What the box has found wrong with itself and with the apps, and what helps."))
        (all(&issues, &cx.clock))
    };
    Ok(shell::page(&cx, "Issues", body))
}

async fn list(State(site): State<Site>, permit: Permit<ListIssues>, Cx(cx): Cx) -> Answer<Markup> {
    Ok(all(&site.watch.list(&permit).await?, &cx.clock))
}

fn all(issues: &[IssueView], clock: &Clock) -> Markup {
    let (hidden, open): (Vec<_>, Vec<_>) = issues.iter().partition(|issue| issue.dismissed.is_some());
    let body = html! {
        @if open.is_empty() {
            (ui::Card::plain(ui::empty(Icon::CircleCheck, "Nothing is wrong")
                .text("When something stops working or soon will, it stands here, with what helps.")))
        }
        @for severity in [Severity::Bad, Severity::Warning, Severity::Info] {
            @let rows: Vec<_> = open.iter().filter(|issue| issue.severity == severity).map(|issue| row(issue, clock)).collect();
            @if !rows.is_empty() { (ui::card(look(severity).2, ui::issues(&rows)).flush()) }
        }
        @if !hidden.is_empty() { (dismissed(&hidden, clock)) }
    };
    ui::live("issues", &[Topic::Issues], "/issues/list", body)
}

fn row(issue: &IssueView, clock: &Clock) -> IssueRow {
    let (tone, word, _) = look(issue.severity);
    let meta = html! {
        @match &issue.app {
            // A job is told by its title already.
            Some(app) if matches!(issue.kind, Kind::JobNotUndone | Kind::JobStuck) => { a href={ "/apps/" (app) } { (app) } " · " }
            Some(app) => { a href={ "/apps/" (app) } { (issue.about) } " · " }
            None => {}
        }
        "since " (clock.ago(issue.since))
    };
    IssueRow {
        id: issue.id.clone(),
        tone,
        word,
        title: issue.title.clone(),
        meta,
        text: issue.explanation.clone(),
        evidence: issue.evidence.iter().map(|fact| (fact.name.clone(), fact.value.clone())).collect(),
        actions: actions(issue),
    }
}

/// What helps, and hiding it, which helps nothing and so stands last.
fn actions(issue: &IssueView) -> Markup {
    html! {
        @for fix in &issue.fixes { (button(&fix.fix, &fix.label)) }
        @if issue.may_dismiss {
            span class="issue-aside" { (ui::button("Dismiss").small().quiet().post(dismissal(issue))) }
        }
    }
}

/// The button of something that helps: an operation, or the page where it is solved.
fn button(fix: &Fix, label: &str) -> ui::Button {
    let ask = |app: &AppId, verb: Verb| {
        let (_, icon, href) = apps::verb(app, verb);
        ui::button(label).small().icon(icon).post(href)
    };
    let open = |icon: Icon, href: String| ui::link_button(label, href).small().icon(icon);
    let post = |icon: Icon, href: String| ui::button(label).small().icon(icon).post(href);
    match fix {
        Fix::MovePorts { app } => post(Icon::Network, format!("/apps/{app}/ports/move")),
        Fix::FetchImages { app } | Fix::RebuildImages { app } => {
            post(Icon::Download, format!("/apps/{app}/images/fetch"))
        }
        Fix::RotateSecret { app, secret } => {
            post(Icon::RotateCw, format!("/apps/{app}/secrets/{}/rotate", segment(secret)))
        }
        Fix::RotatePassword { app, binding } => {
            post(Icon::RotateCw, format!("/apps/{app}/bindings/{}/password", segment(binding)))
        }
        Fix::CancelJob { job, .. } => post(Icon::CircleX, format!("/jobs/{job}/cancel")),
        Fix::RenewCertificate => post(Icon::RotateCw, "/system/certificate/renew".to_owned()),
        Fix::KeepVersion { version } => {
            post(Icon::Check, "/system/updates/keep".to_owned()).hidden("version", version.as_str())
        }
        Fix::LeaveVersion { .. } => open(Icon::RotateCw, "/system/updates/back".to_owned()).opens_dialog(),
        Fix::CopyDatabase => post(Icon::Download, "/system/copies".to_owned()),
        Fix::StartApp { app } => ask(app, Verb::Start),
        Fix::RestartApp { app } => ask(app, Verb::Restart),
        Fix::StopApp { app } => ask(app, Verb::Stop),
        Fix::RestartUnit { unit } => {
            open(Icon::RotateCw, format!("/system/units/{}/restart", segment(unit))).opens_dialog()
        }
        Fix::OpenApp { app } => open(Icon::Box, format!("/apps/{app}")),
        Fix::OpenLogs { app } => open(Icon::ScrollText, format!("/apps/{app}/logs")),
        Fix::OpenUpdate { app } => open(Icon::ArrowUp, format!("/apps/{app}/update")),
        Fix::OpenSettings { app } => open(Icon::Settings, format!("/apps/{app}/settings")),
        Fix::OpenRemoval { app } => open(Icon::Trash2, format!("/apps/{app}/remove")).opens_dialog(),
        Fix::OpenApps => open(Icon::LayoutGrid, "/apps".to_owned()),
        Fix::OpenJob { job, .. } => open(Icon::ListChecks, format!("/jobs/{job}")),
        Fix::OpenUnit { unit } => open(Icon::Server, format!("/system/units/{}", segment(unit))),
        Fix::OpenTime => open(Icon::Clock, "/system/time".to_owned()),
        Fix::OpenNetwork => open(Icon::Network, "/system/network".to_owned()),
        Fix::OpenUpdates => open(Icon::ArrowUp, "/system/updates".to_owned()),
        Fix::RebuildDockerStore => open(Icon::RotateCw, "/system/docker/rebuild".to_owned()).opens_dialog(),
        Fix::RemoveDockerStores => open(Icon::Trash2, "/system/docker/remove".to_owned()).opens_dialog(),
        Fix::OpenDockerStore => open(Icon::Box, "/system/docker".to_owned()),
        Fix::OpenMachine => open(Icon::Server, "/system".to_owned()),
    }
}

/// A text as one segment of a path: names of units may hold a backslash, which browsers take for a slash.
fn segment(text: &str) -> String {
    serde_urlencoded::to_string([("", text)]).unwrap_or_default().trim_start_matches('=').to_owned()
}

fn dismissal(issue: &IssueView) -> String {
    let id = segment(&issue.id);
    match &issue.app {
        Some(app) => format!("/apps/{app}/issues/{id}/dismiss"),
        None => format!("/issues/{id}/dismiss"),
    }
}

/// Those that somebody has dismissed, in a line each.
fn dismissed(hidden: &[&IssueView], clock: &Clock) -> Markup {
    let rows = hidden.iter().map(|issue| {
        let (tone, word, _) = look(issue.severity);
        Row::new()
            .cell(html! { (ui::status(Status::new(tone, tone.icon(), word))) " " (issue.title) })
            .cell(clock.ago(issue.since))
            .cell(html! { @if let Some(at) = issue.dismissed { (clock.ago(at)) } })
    });
    let table = ui::table("Dismissed issues", ["Issue", "Since", "Dismissed"].map(Column::new)).rows(rows);
    html! { (ui::card("Dismissed", table).hint("They show up again when they get worse, or end and come back.").flush()) }
}

async fn dismiss(
    State(site): State<Site>,
    permit: Permit<DismissIssue>,
    Path(issue): Path<String>,
) -> Answer<Response> {
    hidden(site.watch.dismiss(&permit, &issue).await)
}

async fn dismiss_of_app(
    State(site): State<Site>,
    permit: Permit<DismissAppIssue>,
    Path((_, issue)): Path<(String, String)>,
) -> Answer<Response> {
    hidden(site.watch.dismiss_of_app(&permit, &issue).await)
}

/// Back to the list. What was over before somebody pressed is as gone as they wanted it.
fn hidden(done: Result<(), Error>) -> Answer<Response> {
    match done {
        Ok(()) => Ok(Flash::good("It is hidden until it ends and comes back").redirect(HERE)),
        Err(Error::Unknown(_)) => Ok(Flash::good("It is over already").redirect(HERE)),
        Err(error) => Err(error.into()),
    }
}

/// On Home: a card while something is wrong, and nothing else.
pub(crate) async fn home_card(site: &Site, caller: &Caller, clock: &Clock) -> Answer<Markup> {
    let permit = site.access.permit::<ListIssues>(caller, TheBox).await?;
    let mut open = site.watch.list(&permit).await?;
    open.retain(|issue| issue.dismissed.is_none());
    let lines: Vec<_> = open
        .iter()
        .take(AT_HOME)
        .map(|issue| {
            let (tone, word, _) = look(issue.severity);
            (tone, word, issue.title.clone(), format!("{HERE}#{}", issue.id), clock.ago(issue.since))
        })
        .collect();
    let more = open.len().saturating_sub(lines.len());
    let body = html! {
        @if !lines.is_empty() {
            @let card = ui::card("Issues", ui::issue_lines(&lines)).actions(ui::link_button("What helps", HERE).small());
            @if more > 0 { (card.footer(html! { a href=(HERE) { (more) " more" } })) } @else { (card) }
        }
    };
    Ok(ui::live("home-issues", &[Topic::Issues], "/home/issues", body))
}

async fn at_home(State(site): State<Site>, permit: Permit<ListIssues>, Cx(cx): Cx) -> Answer<Markup> {
    home_card(&site, permit.caller(), &cx.clock).await
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(segment("unit-failed.docker.service"), "unit-failed.docker.service");
        assert_eq!(segment("dev-disk-by\\x2dlabel.mount"), "dev-disk-by%5Cx2dlabel.mount");
        assert_eq!(segment("getty@tty1.service"), "getty%40tty1.service");
    }
}
