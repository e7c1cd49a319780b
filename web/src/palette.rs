//! The palette: every page, app and action that the reader may use, found by typing.

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::html;
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{ChangeApp, ListApps, OperateApp, ViewBox, ViewCatalog, ViewPeople},
    gate::Routes,
};
use orbitr_apps::{AppView, Phase};
use orbitr_model::AppState;
use serde::Deserialize;

use crate::{
    shell::{self, NavItem},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Field, Icon, PaletteItem},
};

/// The most that is shown.
const MOST: usize = 24;

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ViewBox, "/palette", page)
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn page(
    State(site): State<Site>,
    permit: Permit<ViewBox>,
    Cx(cx): Cx,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let found = ranked(everything(&site, permit.caller()).await?, &asked.q);
    let results = ui::palette_results(&found);
    if headers.contains_key("hx-request") {
        return Ok(results.into_response());
    }
    let cx = cx.here("Search");
    let field = Field::search("q", "Search pages, apps and actions").value(&asked.q).autofocus();
    let body = html! {
        (ui::header("Search"))
        (ui::filters("/palette", field, !asked.q.is_empty()))
        (ui::Card::plain(results))
    };
    Ok(shell::page(&cx, "Search", body).into_response())
}

/// Something to be found, with words that find it but are not shown.
struct Entry {
    item: PaletteItem,
    words: String,
}

fn entry(group: &str, icon: Icon, label: impl Into<String>, hint: impl Into<String>, href: impl Into<String>) -> Entry {
    let (label, hint) = (label.into(), hint.into());
    let item = PaletteItem { group: group.to_owned(), icon, label, hint, href: href.into(), post: false };
    Entry { item, words: String::new() }
}

impl Entry {
    fn words(mut self, words: impl Into<String>) -> Self {
        self.words = words.into();
        self
    }

    fn posts(mut self) -> Self {
        self.item.post = true;
        self
    }
}

async fn everything(site: &Site, caller: &Caller) -> Answer<Vec<Entry>> {
    let mut all = pages(caller);
    let apps = site.apps.list(&site.access.permit::<ListApps>(caller, TheBox).await?).await?;
    all.extend(apps.iter().flat_map(|app| app_entries(app, caller)));
    if caller.may::<ViewCatalog>(&TheBox) {
        let look = site.access.permit::<ViewCatalog>(caller, TheBox).await?;
        all.extend(site.apps.extensions(&look).into_iter().map(|extension| {
            let words = format!("install {} {}", extension.tags.join(" "), extension.category);
            entry("Store", Icon::Store, &extension.name, &extension.summary, format!("/store/{}", extension.id))
                .words(words)
        }));
    }
    if caller.may::<ViewPeople>(&TheBox) {
        let look = site.access.permit::<ViewPeople>(caller, TheBox).await?;
        all.extend(site.access.users(&look).await?.into_iter().map(|user| {
            entry(
                "People",
                Icon::CircleUser,
                user.display_name.as_str(),
                user.username.as_str(),
                format!("/people/{}", user.id),
            )
        }));
    }
    all.extend(actions(caller));
    Ok(all)
}

fn pages(caller: &Caller) -> Vec<Entry> {
    let sections = NavItem::visible(caller.role()).map(|item| entry("Pages", item.icon, item.label, "", item.href));
    let mut pages: Vec<Entry> = sections.collect();
    pages.push(
        entry("Pages", Icon::CircleUser, "Your account", "", "/account")
            .words("profile password two factor 2fa totp second step"),
    );
    pages
        .push(entry("Pages", Icon::LogIn, "Your sign-ins", "", "/account/sessions").words("sessions devices browsers"));
    pages.push(entry("Pages", Icon::KeyRound, "API tokens", "", "/account/tokens").words("keys programs"));
    pages.push(
        entry("Pages", Icon::Terminal, "The API", "", "/reference").words("openapi reference rest documentation"),
    );
    pages
}

fn app_entries(app: &AppView, caller: &Caller) -> Vec<Entry> {
    let (at, name) = (format!("/apps/{}", app.id), app.name.as_str());
    let hint = app.status.state.as_str();
    let mut entries = vec![
        entry("Apps", Icon::Box, name, hint, &at).words(app.id.as_str()),
        entry("Apps", Icon::ScrollText, format!("Logs of {name}"), "", format!("{at}/logs")),
    ];
    if caller.may::<ChangeApp>(&app.id) {
        entries.push(entry("Apps", Icon::Settings, format!("Settings of {name}"), "", format!("{at}/settings")));
    }
    if caller.may::<OperateApp>(&app.id) && app.phase == Phase::Installed && app.job.is_none() {
        if app.status.state == AppState::Stopped {
            entries.push(entry("Actions", Icon::Play, format!("Start {name}"), "", format!("{at}/start")).posts());
        } else {
            entries
                .push(entry("Actions", Icon::RotateCw, format!("Restart {name}"), "", format!("{at}/restart")).posts());
        }
    }
    entries
}

fn actions(caller: &Caller) -> Vec<Entry> {
    let mut actions = Vec::new();
    if caller.may::<ViewPeople>(&TheBox) {
        actions.push(
            entry("Actions", Icon::UserPlus, "Invite somebody", "", "/people/invite").words("person user account"),
        );
        actions.push(
            entry("Actions", Icon::ShieldCheck, "Verify the history", "", "/activity/verify").words("audit chain"),
        );
    }
    actions.push(entry("Actions", Icon::LogOut, "Sign out", "", "/sign-out").words("log out leave").posts());
    actions
}

/// The order in which groups stand.
const GROUPS: [&str; 5] = ["Apps", "Pages", "Actions", "Store", "People"];

/// What fits, the best first within its group, and the group with the best first.
fn ranked(all: Vec<Entry>, asked: &str) -> Vec<PaletteItem> {
    let asked = asked.trim().to_lowercase();
    let mut found: Vec<(u32, Entry)> =
        all.into_iter().filter_map(|entry| Some((score(&entry, &asked)?, entry))).collect();
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.truncate(MOST);
    let place = |group: &str| GROUPS.iter().position(|known| *known == group).unwrap_or(GROUPS.len());
    let best = |group: &str| found.iter().filter(|(_, e)| e.item.group == group).map(|(score, _)| *score).max();
    let mut order: Vec<&str> = GROUPS.into_iter().filter(|group| best(group).is_some()).collect();
    if !asked.is_empty() {
        order.sort_by_key(|group| (std::cmp::Reverse(best(group)), place(group)));
    } else {
        order.sort_by_key(|group| ["Pages", "Apps", "Actions"].iter().position(|known| known == group).unwrap_or(9));
    }
    let order: Vec<String> = order.into_iter().map(str::to_owned).collect();
    let rank = |group: &str| order.iter().position(|known| known == group);
    // A stable sort: within a group the best stay first.
    found.sort_by_key(|(_, entry)| rank(&entry.item.group));
    found.into_iter().map(|(_, entry)| entry.item).collect()
}

/// How well an entry fits; every word that was typed has to be somewhere in it. None when it does not.
fn score(entry: &Entry, asked: &str) -> Option<u32> {
    let label = entry.item.label.to_lowercase();
    let rest = format!("{} {}", entry.item.hint, entry.words).to_lowercase();
    // Of two that fit alike, the one of which more was typed.
    let typed = 10 * asked.chars().count() / label.chars().count().max(1);
    let mut score = u32::from(label == asked) * 100 + u32::try_from(typed.min(10)).unwrap_or(0);
    for word in asked.split_whitespace() {
        score += if label.starts_with(word) {
            40
        } else if label.split(|c: char| !c.is_alphanumeric()).any(|part| part.starts_with(word)) {
            30
        } else if label.contains(word) {
            20
        } else if rest.split(|c: char| !c.is_alphanumeric()).any(|part| part.starts_with(word)) {
            12
        } else if in_order(&label, word) {
            6
        } else {
            return None;
        };
    }
    Some(score)
}

/// Whether the letters of a word stand in a text in their order: «pgl» in «PostgreSQL».
fn in_order(text: &str, word: &str) -> bool {
    let mut letters = text.chars();
    word.chars().all(|wanted| letters.any(|letter| letter == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: &str) -> Vec<String> {
        let all = vec![
            entry("Pages", Icon::House, "Home", "", "/"),
            entry("Pages", Icon::Settings, "Settings", "", "/settings"),
            entry("Apps", Icon::Box, "PostgreSQL", "running", "/apps/postgresql"),
            entry("Apps", Icon::Settings, "Settings of PostgreSQL", "", "/apps/postgresql/settings"),
            entry("Store", Icon::Store, "Valkey", "Cache", "/store/official/valkey").words("install redis"),
        ];
        ranked(all, asked).into_iter().map(|item| item.label).collect()
    }

    #[test]
    fn the_best_fit_comes_first() {
        assert_eq!(found("set"), ["Settings", "Settings of PostgreSQL"]);
        assert_eq!(found("set post"), ["Settings of PostgreSQL"]);
        assert_eq!(found("redis"), ["Valkey"]);
        assert_eq!(found("pgsql"), ["PostgreSQL", "Settings of PostgreSQL"]);
        assert!(found("zzz").is_empty());
    }

    #[test]
    fn nothing_typed_shows_pages_first_and_groups_together() {
        assert_eq!(found("")[..2], ["Home", "Settings"]);
        assert_eq!(found("").len(), 5);
    }
}
