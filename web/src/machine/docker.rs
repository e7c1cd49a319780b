//! Docker's store: whether it is whole, the last rebuild, what was set aside; rebuilding it by hand.

use axum::{Form, extract::State, response::Response};
use maud::{Markup, html};
use orbitr_access::{
    Permit,
    action::{RebuildDockerStore, ViewMachine},
};
use orbitr_jobs::Job;
use orbitr_machine::{DockerStore, Rebuild, RebuildEnd, RemoveStores, StoreTrouble};
use orbitr_model::{ByteSize, Problem, Topic};
use serde::Deserialize;

use super::{cx_of, head, needs};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Clock, Column, Confirm, Icon, Row, Status, Tone},
};

const HERE: &str = "/system/docker";

/// The store, with the job that is at it.
struct Shown {
    store: DockerStore,
    job: Option<Job>,
}

async fn look_at(site: &Site, permit: &Permit<ViewMachine>) -> Answer<Shown> {
    let store = site.machine.docker_store(permit).await?;
    let job = match store.job {
        Some(job) => site.jobs.get(job).await?,
        None => None,
    };
    Ok(Shown { store, job })
}

/// What changes by itself; stands in for itself when it does.
fn state(shown: &Shown, clock: &Clock) -> Markup {
    let store = &shown.store;
    let mut topics = vec![Topic::Box, Topic::Units, Topic::Jobs];
    topics.extend(store.job.map(Topic::Job));
    let body = html! {
        div class="stack" {
            @if let Some(job) = &shown.job {
                (ui::banner(Tone::Busy, job.title.as_str())
                    .body(html! { div class="stack stack-s" { (ui::progress(&job.title, job.progress)) p { (job.message) } } })
                    .actions(ui::link_button("Follow it", format!("/jobs/{}", job.id)).small()))
            }
            (health(store, clock))
            @if !store.damage.is_empty() { (damaged(store)) }
            @if let Some(last) = &store.last { (rebuilt(last, clock)) }
            @if !store.aside.is_empty() { (aside(store, clock)) }
        }
    };
    ui::live("docker-store", &topics, &format!("{HERE}/state"), body)
}

fn health(store: &DockerStore, clock: &Clock) -> ui::Card {
    let (status, text) = match (&store.trouble, store.looked_at) {
        (Some(trouble), _) => {
            let word = match trouble {
                StoreTrouble::CutOff => "Cut off",
                StoreTrouble::Damaged => "Damaged",
                StoreTrouble::DoesNotStart { .. } => "Does not start",
            };
            (Status::new(Tone::Bad, Icon::CircleX, word), format!("{}.", trouble.sentence()))
        }
        (None, Some(_)) => (
            Status::new(Tone::Good, Icon::CircleCheck, "Whole"),
            "What Docker cannot do without is as it wrote it.".to_owned(),
        ),
        (None, None) => (Status::new(Tone::Neutral, Icon::Clock, "Not looked at yet"), String::new()),
    };
    ui::card("Docker's store", html! { div class="stack stack-s" {
        (ui::key_values()
            .row("State", ui::status(status))
            .row("Looked at", store.looked_at.map_or_else(|| html! { "not in this boot" }, |at| clock.ago(at))))
        @if !text.is_empty() { p { (text) } }
        @if !store.complete && store.looked_at.is_some() { p class="quiet" { "It is too large to be looked at as a whole in the time that this may take." } }
        @if let Some(why) = &store.asks { p { strong { "The box does not rebuild it by itself. " } (why) } }
        @if store.job.is_none() {
            div class="cluster" {
                (ui::button("Look now").icon(Icon::RotateCw).post(format!("{HERE}/look")))
                (ui::link_button("Rebuild …", format!("{HERE}/rebuild")).opens_dialog())
            }
        }
    } })
    .hint("Images and containers. The box looks after each start of Docker and once a day.")
}

fn damaged(store: &DockerStore) -> ui::Card {
    let rows = store
        .damage
        .iter()
        .map(|one| Row::new().cell(html! { code class="breaks" { (one.file) } }).cell(one.what.as_str()));
    let table = ui::table("Damaged files", ["File", "What is wrong"].map(Column::new)).rows(rows);
    let card = ui::card("Damaged", table).flush();
    if store.more > 0 { card.hint(format!("The first {}. And {} more.", store.damage.len(), store.more)) } else { card }
}

fn rebuilt(last: &Rebuild, clock: &Clock) -> ui::Card {
    let status = match last.end {
        Some(RebuildEnd::Done) if last.missing.is_empty() => Status::new(Tone::Good, Icon::CircleCheck, "Done"),
        Some(RebuildEnd::Done) => Status::new(Tone::Warn, Icon::TriangleAlert, "Done, apps are missing"),
        Some(RebuildEnd::Failed) => Status::new(Tone::Bad, Icon::CircleX, "Failed"),
        Some(RebuildEnd::Cancelled) => Status::new(Tone::Neutral, Icon::Square, "Cancelled"),
        None => Status::new(Tone::Busy, Icon::LoaderCircle, "At work"),
    };
    let back: Vec<String> = last.back.iter().map(ToString::to_string).collect();
    ui::card(
        "Last rebuild",
        html! { div class="stack stack-s" {
            (ui::key_values()
                .row("State", ui::status(status))
                .row("Began", clock.ago(last.at))
                .row("By", if last.by_the_box { "the box" } else { "somebody" })
                .row("Why", last.why.as_str())
                .maybe("Came back", Some(back.join(", ")).filter(|apps| !apps.is_empty()))
                .row("Job", html! { a href={ "/jobs/" (last.job) } { "its steps and log" } }))
            @if let Some(problem) = &last.problem { (ui::problem(problem)) }
            @for app in &last.missing { p { a href={ "/apps/" (app.app) } { (app.app) } " did not come back: " (app.why) } }
        } },
    )
}

fn aside(store: &DockerStore, clock: &Clock) -> ui::Card {
    let rows = store.aside.iter().map(|one| {
        Row::new()
            .cell(html! { code class="breaks" { (one.path) } })
            .cell(one.at.map_or_else(|| html! {}, |at| clock.ago(at)))
            .cell(ByteSize(one.bytes).to_string())
    });
    let columns = [Column::new("Where"), Column::new("Since"), Column::new("Takes").number()];
    ui::card("Set aside", html! { div class="stack stack-s" {
        (ui::table("Stores that were set aside", columns).rows(rows))
        @if store.job.is_none() {
            div class="cluster" { (ui::link_button("Remove …", format!("{HERE}/remove")).icon(Icon::Trash2).opens_dialog()) }
        }
    } })
    .hint("They stay until you remove them. Where the apps are well, nothing needs them.")
}

pub(super) async fn page(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    let cx = cx_of(cx, "Docker");
    let shown = look_at(&site, &permit).await?;
    let body = if shown.store.available {
        state(&shown, &cx.clock)
    } else {
        let told = shown.store.trouble.as_ref().map(StoreTrouble::sentence);
        html! {
            div class="stack" {
                @if let Some(sentence) = told { (ui::banner(Tone::Bad, sentence)) }
                (ui::Card::plain(needs(Icon::Box, "Not from here", &shown.store.reason)))
            }
        }
    };
    Ok(shell::page(&cx, "Docker", html! { (head("Docker")) (body) }))
}

pub(super) async fn state_part(State(site): State<Site>, permit: Permit<ViewMachine>, Cx(cx): Cx) -> Answer<Markup> {
    Ok(state(&look_at(&site, &permit).await?, &cx.clock))
}

async fn ours(site: &Site, permit: &Permit<ViewMachine>) -> Answer<DockerStore> {
    let store = site.machine.docker_store(permit).await?;
    if store.available {
        return Ok(store);
    }
    Err(Trouble(Problem::new(409, "not-here", "This cannot be done on this machine").why(store.reason)))
}

fn asks(cx: PageCx, word: &str, confirm: &Confirm<'_>) -> Markup {
    let cx = cx.section(Section::System).crumb("Docker", HERE).here(word);
    shell::page(&cx, word, ui::Card::plain(html! { (confirm) }))
}

pub(super) async fn confirm_rebuild(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
) -> Answer<Markup> {
    ours(&site, &permit).await?;
    let confirm = Confirm {
        title: "Rebuild Docker's store?".to_owned(),
        goes: vec![
            "Every app is down until its images are here again: as long as it takes to download them".to_owned(),
            "Containers that the box did not make are not made again, nor are images that were built here".to_owned(),
            "The old store keeps its room on the disk until you remove it".to_owned(),
        ],
        stays: vec![
            "All data of all apps, and named volumes of Docker".to_owned(),
            "The versions of the apps, to the last byte: what the registries still have".to_owned(),
            "The old store as it is, beside the new one".to_owned(),
        ],
        typed: None,
        fields: None,
        action: format!("{HERE}/rebuild"),
        button: "Rebuild it".to_owned(),
        back: HERE.to_owned(),
        problem: None,
    };
    Ok(asks(cx, "Rebuild", &confirm))
}

pub(super) async fn rebuild(State(site): State<Site>, permit: Permit<RebuildDockerStore>) -> Answer<Response> {
    let job = site.machine.rebuild_docker_store(&permit).await?.job;
    Ok(Flash::busy("Docker's store is being rebuilt").redirect(&format!("/jobs/{job}")))
}

pub(super) async fn look(State(site): State<Site>, permit: Permit<RebuildDockerStore>) -> Answer<Response> {
    let job = site.machine.look_at_docker_store(&permit).await?.job;
    Ok(Flash::busy("Looking at Docker's store").link("Follow it", format!("/jobs/{job}")).redirect(HERE))
}

pub(super) async fn confirm_removal(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
) -> Answer<Markup> {
    let store = ours(&site, &permit).await?;
    if store.aside.is_empty() {
        return Err(Trouble(Problem::not_found("store that was set aside", HERE)));
    }
    let names: Vec<&str> = store.aside.iter().map(|one| one.name.as_str()).collect();
    let goes = store.aside.iter().map(|one| format!("{} ({})", one.path, ByteSize(one.bytes)));
    let confirm = Confirm {
        title: "Remove what was set aside?".to_owned(),
        goes: goes.chain(["Images in it that were built here, or are in no registry any more".to_owned()]).collect(),
        stays: vec!["Docker's store as it is now, all apps, all data, named volumes".to_owned()],
        typed: None,
        // What is removed is what is shown here, and nothing that was set aside since.
        fields: Some(html! { input type="hidden" name="names" value=(names.join(" ")); }),
        action: format!("{HERE}/remove"),
        button: "Remove for good".to_owned(),
        back: HERE.to_owned(),
        problem: None,
    };
    Ok(asks(cx, "Remove", &confirm))
}

#[derive(Deserialize)]
pub(super) struct RemovalForm {
    /// The stores by their names, with spaces between them.
    #[serde(default)]
    names: String,
}

pub(super) async fn remove(
    State(site): State<Site>,
    permit: Permit<RebuildDockerStore>,
    Form(form): Form<RemovalForm>,
) -> Answer<Response> {
    let names = form.names.split_whitespace().map(str::to_owned).collect();
    let job = site.machine.remove_docker_stores(&permit, &RemoveStores { names: Some(names) }).await?.job;
    Ok(Flash::busy("The old store is being removed").link("Follow it", format!("/jobs/{job}")).redirect(HERE))
}
