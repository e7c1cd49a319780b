//! Units: the list, one with its last lines, restarting one.

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use maud::{Markup, html};
use orbitr_access::{
    Permit, TheBox,
    action::{RestartUnit, ViewJournal, ViewMachine},
};
use orbitr_machine::{JournalQuery, Unit, Units};
use orbitr_model::{Problem, Topic};
use serde::{Deserialize, Serialize};

use super::{cx_of, head, needs};
use crate::{
    flash::Flash,
    shell::{self, PageCx, Section},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Column, Confirm, Field, Icon, LogChunk, LogView, Row, Status, Tone},
};

/// Lines of a unit's journal on its page.
const LINES: u32 = 60;

/// What the list shows; empty text is no filter.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Shown {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
}

impl Shown {
    fn fits(&self, unit: &Unit) -> bool {
        let word = self.q.trim().to_lowercase();
        let kind = if self.kind.is_empty() { "service" } else { &self.kind };
        let said = |text: &str| text.to_lowercase().contains(&word);
        (word.is_empty() || said(&unit.name) || said(&unit.description))
            && (self.state.is_empty() || unit.active == self.state)
            // What has failed is shown whatever it is.
            && (kind == "all" || unit.name.ends_with(&format!(".{kind}")) || self.state == "failed")
    }

    fn is_filtered(&self) -> bool {
        [&self.q, &self.state, &self.kind].iter().any(|text| !text.is_empty())
    }
}

fn look(unit: &Unit) -> Status {
    match unit.active.as_str() {
        "active" => Status::new(Tone::Good, Icon::CircleCheck, "Active"),
        "failed" => Status::new(Tone::Bad, Icon::CircleX, "Failed"),
        "activating" => Status::new(Tone::Busy, Icon::LoaderCircle, "Starting"),
        "deactivating" => Status::new(Tone::Busy, Icon::LoaderCircle, "Stopping"),
        "reloading" => Status::new(Tone::Busy, Icon::RotateCw, "Reloading"),
        _ => Status::new(Tone::Neutral, Icon::Square, "Inactive"),
    }
}

fn rows(units: &Units, shown: &Shown) -> Markup {
    let rows = units.units.iter().filter(|unit| shown.fits(unit)).map(|unit| {
        Row::new()
            .href(format!("/system/units/{}", unit.name))
            .cell(unit.name.as_str())
            .cell(html! { (ui::status(look(unit))) span class="status-reason" { (unit.sub) } })
            .cell(unit.description.as_str())
    });
    let empty = ui::empty(Icon::Server, "There is no such unit").text("Other filters may find more.");
    let table = ui::table("Units", ["Unit", "State", "What it is"].map(Column::new)).rows(rows).empty(empty);
    let query = serde_urlencoded::to_string(shown).unwrap_or_default();
    ui::live("units", &[Topic::Units], &format!("/system/units/list?{query}"), table)
}

pub(super) async fn list(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Query(shown): Query<Shown>,
) -> Answer<Markup> {
    Ok(rows(&site.machine.units(&permit).await?, &shown))
}

pub(super) async fn page(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
    Query(shown): Query<Shown>,
) -> Answer<Markup> {
    let units = site.machine.units(&permit).await?;
    let cx = cx_of(cx, "Units");
    let choices = |list: &[(&str, &str)]| list.iter().map(|(value, label)| Choice::new(*value, *label)).collect();
    let states = [("", "Any"), ("active", "Active"), ("inactive", "Inactive"), ("failed", "Failed")];
    let kinds = [
        ("", "Services"),
        ("socket", "Sockets"),
        ("timer", "Timers"),
        ("mount", "Mounts"),
        ("path", "Paths"),
        ("all", "Everything"),
    ];
    let body = html! {
        (head("Units"))
        @if units.available {
            (ui::filters("/system/units", html! {
                (Field::search("q", "Find").value(&shown.q).placeholder("docker"))
                (Field::select("state", "State", choices(&states)).value(&shown.state))
                (Field::select("kind", "Kind", choices(&kinds)).value(&shown.kind))
            }, shown.is_filtered()))
            (rows(&units, &shown))
        } @else {
            (ui::Card::plain(needs(Icon::Server, "No units here", &units.reason)))
        }
    };
    Ok(shell::page(&cx, "Units", body))
}

fn cx_of_unit(cx: PageCx, name: &str) -> PageCx {
    cx.section(Section::System).crumb("Units", "/system/units").here(name)
}

pub(super) async fn show(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Answer<Markup> {
    let detail = site.machine.unit(&permit, &name).await?;
    let unit = &detail.unit;
    let look_at = site.access.permit::<ViewJournal>(permit.caller(), TheBox).await?;
    let query = JournalQuery { unit: Some(unit.name.clone()), limit: Some(LINES), ..JournalQuery::default() };
    // A journal that cannot be read must not hide the unit.
    let journal = site.machine.journal(&look_at, &query).await.map_err(Problem::from);
    let zone = site.machine.time_zone();
    let cx = cx_of_unit(cx, &unit.name);
    let ended = (!detail.result.is_empty() && detail.result != "success")
        .then(|| format!("{} (status {})", detail.result, detail.exit_status));
    let whole = format!("/system/journal?{}", serde_urlencoded::to_string([("unit", &unit.name)]).unwrap_or_default());
    let body = html! {
        (ui::header(&unit.name).lead(html! { (ui::status(look(unit))) span { (unit.description) } })
            .actions(html! {
                @if unit.restart.is_some() {
                    (ui::link_button("Restart", format!("/system/units/{}/restart", unit.name)).icon(Icon::RotateCw).opens_dialog())
                }
            }))
        div class="stack" {
            (ui::card("State", ui::key_values()
                .row("State", format!("{} ({})", unit.active, unit.sub))
                .maybe("Since", detail.since.map(|since| cx.clock.ago(since)))
                .maybe("Last end", ended)
                .maybe("At boot", Some(&detail.at_boot).filter(|word| !word.is_empty()))
                .maybe("Process", Some(detail.process).filter(|process| *process > 0).map(|process| process.to_string()))
                .maybe("Memory", detail.memory.map(|memory| memory.to_string()))
                .maybe("Restarts", Some(detail.restarts).filter(|n| *n > 0).map(|n| format!("{n}, by systemd itself")))))
            @match &journal {
                Ok(page) => {
                    @let text = page.lines.iter().map(|line| line.text(&zone) + "\n").collect::<String>();
                    (LogView::new("unit-log", format!("Journal of {}", unit.name), LogChunk { text, next: 0, ended: true }))
                    p { a href=(whole) { "All of its journal" } }
                }
                Err(problem) => (ui::problem(problem)),
            }
        }
    };
    Ok(shell::page(&cx, &unit.name, body))
}

pub(super) async fn confirm(
    State(site): State<Site>,
    permit: Permit<ViewMachine>,
    Cx(cx): Cx,
    Path(name): Path<String>,
) -> Answer<Markup> {
    let detail = site.machine.unit(&permit, &name).await?;
    let unit = &detail.unit;
    let Some(effect) = unit.restart.clone() else {
        return Err(Trouble(Problem::new(
            409,
            "unit-not-restartable",
            format!("{name} cannot be restarted from here"),
        )));
    };
    let cx = cx_of_unit(cx, &unit.name);
    let confirm = Confirm {
        title: format!("Restart {}?", unit.name),
        goes: vec![effect],
        stays: vec!["Its data and its settings".to_owned()],
        typed: None,
        fields: None,
        action: format!("/system/units/{}/restart", unit.name),
        button: "Restart".to_owned(),
        back: format!("/system/units/{}", unit.name),
        problem: None,
    };
    Ok(shell::page(&cx, &format!("Restart {}", unit.name), ui::Card::plain(html! { (confirm) })))
}

pub(super) async fn restart(
    State(site): State<Site>,
    permit: Permit<RestartUnit>,
    Path(name): Path<String>,
) -> Answer<Response> {
    let started = site.machine.restart_unit(&permit, &name).await?;
    Ok(Flash::busy("It is being restarted")
        .link("Follow it", format!("/jobs/{}", started.job))
        .redirect(&format!("/system/units/{name}")))
}
