//! The journal: a window that follows the end, with filters; older parts; a download.

use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use orbitr_access::{Permit, action::ViewJournal};
use orbitr_machine::{Boot, JournalLine, JournalPage, JournalQuery};
use orbitr_model::{Problem, Topic};
use serde::{Deserialize, Serialize};

use super::{cx_of, head, needs};
use crate::{
    shell,
    site::{Cx, Site},
    trouble::{Answer, Trouble},
    ui::{self, Choice, Clock, Field, Icon, LogChunk, LogView},
};

/// Lines of one page.
const LINES: u32 = 400;
/// Boots that can be chosen.
const BOOTS: usize = 30;

/// What the filters say; empty text is no filter.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct Shown {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    boot: String,
    #[serde(default)]
    text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    before: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
}

impl Shown {
    fn query(&self) -> JournalQuery {
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        // «docker» is what people type.
        let unit = some(&self.unit).map(|unit| if unit.contains('.') { unit } else { format!("{unit}.service") });
        JournalQuery {
            unit,
            priority: some(&self.priority),
            boot: some(&self.boot),
            text: some(&self.text),
            before: some(&self.before),
            after: None,
            limit: Some(LINES),
        }
    }

    fn is_filtered(&self) -> bool {
        [&self.unit, &self.priority, &self.boot, &self.text].iter().any(|text| !text.is_empty())
    }

    fn at(&self, before: &str) -> String {
        let with = Self { before: before.to_owned(), from: None, ..self.clone() };
        serde_urlencoded::to_string(with).unwrap_or_default()
    }
}

fn text(lines: &[JournalLine], zone: &jiff::tz::TimeZone) -> String {
    lines.iter().map(|line| line.text(zone) + "\n").collect()
}

/// Where the window goes on: the microsecond after its last line.
fn position(lines: &[JournalLine], now: jiff::Timestamp) -> u64 {
    let at = lines.last().map_or(now, |line| line.at);
    u64::try_from(at.as_microsecond()).map_or(0, |at| at + 1)
}

pub(super) async fn page(
    State(site): State<Site>,
    permit: Permit<ViewJournal>,
    Cx(cx): Cx,
    Query(shown): Query<Shown>,
) -> Answer<Markup> {
    let boots = site.machine.boots(&permit).await?;
    let cx = cx_of(cx, "Journal");
    let found = site.machine.journal(&permit, &shown.query()).await.map_err(Problem::from);
    let (found, problem) = match found {
        Ok(found) => (Some(found), None),
        Err(problem) if problem.status == 422 => (None, Some(problem)),
        Err(problem) => return Err(Trouble(problem)),
    };
    let body = html! {
        (head("Journal"))
        @if found.as_ref().is_some_and(|page| !page.available) {
            (ui::Card::plain(needs(Icon::ScrollText, "No journal here", found.as_ref().map_or("", |page| &page.reason))))
        } @else {
            (ui::filters("/system/journal", filters(&shown, &boots, &cx.clock, problem.as_ref()), shown.is_filtered()))
            @if let Some(problem) = problem.as_ref().filter(|problem| problem.fields.is_empty()) { (ui::problem(problem)) }
            @if let Some(page) = &found { (window(&site, &cx.clock, page, &shown)) }
        }
    };
    Ok(shell::page(&cx, "Journal", body))
}

fn window(site: &Site, clock: &Clock, page: &JournalPage, shown: &Shown) -> Markup {
    let at_end = shown.before.is_empty();
    let next = position(&page.lines, clock.now());
    let chunk = LogChunk { text: text(&page.lines, &site.machine.time_zone()), next, ended: !at_end };
    let mut view = LogView::new("journal", "Journal of this machine", chunk)
        .download(format!("/system/journal.txt?{}", shown.at("")));
    if at_end {
        view = view.follows(format!("/system/journal/part?{}", shown.at("")), &[Topic::Journal]);
    }
    let older =
        page.lines.first().filter(|_| page.more).map(|line| format!("/system/journal?{}", shown.at(&line.cursor)));
    let newest = (!at_end).then(|| format!("/system/journal?{}", shown.at("")));
    html! {
        (view)
        nav class="cluster" aria-label="Parts of the journal" {
            @if let Some(older) = older { (ui::link_button("Older", older).small().icon(Icon::ArrowLeft)) }
            @if let Some(newest) = newest { (ui::link_button("Newest", newest).small().trailing(Icon::ArrowRight)) }
        }
    }
}

fn filters(shown: &Shown, boots: &[Boot], clock: &Clock, problem: Option<&Problem>) -> Markup {
    let urgent = [
        ("", "Everything"),
        ("notice", "Notices and worse"),
        ("warning", "Warnings and worse"),
        ("err", "Errors and worse"),
        ("crit", "Critical"),
    ];
    let urgent = urgent.iter().map(|(value, label)| Choice::new(*value, *label)).collect();
    let mut all = vec![Choice::new("", "All")];
    all.extend(boots.iter().take(BOOTS).map(|boot| {
        let label = if boot.index == 0 { "This one".to_owned() } else { format!("Until {}", clock.exact(boot.last)) };
        Choice::new(boot.id.clone(), label)
    }));
    html! {
        (Field::text("unit", "Unit").value(&shown.unit).placeholder("docker.service").problem(problem))
        (Field::select("priority", "Urgency", urgent).value(&shown.priority))
        (Field::select("boot", "Start of the machine", all).value(&shown.boot).problem(problem))
        (Field::search("text", "Text").value(&shown.text).problem(problem))
    }
}

/// What was written since, for the script.
pub(super) async fn part(
    State(site): State<Site>,
    permit: Permit<ViewJournal>,
    Query(shown): Query<Shown>,
) -> Answer<Response> {
    let from = shown.from.unwrap_or_else(|| orbitr_store::time::now().as_microsecond()).max(0);
    let page = site.machine.journal_since(&permit, &shown.query(), from).await?;
    let next = match page.lines.is_empty() {
        true => u64::try_from(from).unwrap_or(0),
        false => position(&page.lines, orbitr_store::time::now()),
    };
    Ok(ui::log_chunk(&LogChunk { text: text(&page.lines, &site.machine.time_zone()), next, ended: false }))
}

pub(super) async fn download(
    State(site): State<Site>,
    permit: Permit<ViewJournal>,
    Query(shown): Query<Shown>,
) -> Answer<Response> {
    let query = JournalQuery { limit: None, before: None, ..shown.query() };
    let text = site.machine.download_journal(&permit, &query).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-journal.txt\""),
    ];
    Ok((headers, text).into_response())
}
