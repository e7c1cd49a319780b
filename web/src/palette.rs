//! The palette: every page, app and action that the reader may use, found by typing.

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use maud::html;
use orbitr_access::{
    Caller, Permit, TheBox,
    action::{
        ChangeApp, ListApps, ManagePeople, RemoveApp, RevealAppSecrets, ViewAudit, ViewBox, ViewCatalog, ViewMachine,
        ViewPeople,
    },
    gate::Routes,
};
use orbitr_apps::AppView;
use orbitr_model::AppId;
use serde::Deserialize;

use crate::{
    apps, machine,
    prefs::{self, Theme},
    shell::{self, NavItem},
    site::{Cx, Site},
    trouble::Answer,
    ui::{self, Field, Icon, PaletteItem, PaletteWay},
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
    let here = headers.get("hx-current-url").and_then(|url| url.to_str().ok()).and_then(app_of);
    let found = ranked(everything(&site, permit.caller(), here.as_ref()).await?, &asked.q);
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

/// The app on one of whose pages somebody is.
fn app_of(url: &str) -> Option<AppId> {
    let path = url.parse::<http::Uri>().ok()?.path().to_owned();
    path.strip_prefix("/apps/")?.split('/').next()?.parse().ok()
}

/// Something to be found, with words that find it but are not shown.
struct Entry {
    item: PaletteItem,
    words: String,
}

fn entry(group: &str, icon: Icon, label: impl Into<String>, hint: impl Into<String>, href: impl Into<String>) -> Entry {
    let (label, hint) = (label.into(), hint.into());
    let item = PaletteItem { group: group.to_owned(), icon, label, hint, href: href.into(), way: PaletteWay::Page };
    Entry { item, words: String::new() }
}

impl Entry {
    fn words(mut self, words: impl Into<String>) -> Self {
        self.words = words.into();
        self
    }

    const fn by(mut self, way: PaletteWay) -> Self {
        self.item.way = way;
        self
    }
}

async fn everything(site: &Site, caller: &Caller, here: Option<&AppId>) -> Answer<Vec<Entry>> {
    let mut all = pages(caller);
    let apps = site.apps.list(&site.access.permit::<ListApps>(caller, TheBox).await?).await?;
    all.extend(apps.iter().flat_map(|app| app_entries(app, caller, here == Some(&app.id))));
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
    let page = |icon, label: &str, href: &str, words: &str| entry("Pages", icon, label, "", href).words(words);
    let mut pages: Vec<Entry> =
        NavItem::visible(caller.role()).map(|item| page(item.icon, item.label, item.href, "")).collect();
    pages.extend([
        page(Icon::Bell, "Issues", "/issues", "wrong problems broken alerts warnings fix health"),
        page(Icon::CircleUser, "Your account", "/account", "profile name"),
        page(Icon::KeyRound, "Change your password", "/account#password", "account"),
        page(Icon::ShieldCheck, "Your second step", "/account#second-step", "two factor 2fa totp authenticator"),
        page(Icon::LogIn, "Your sign-ins", "/account/sessions", "sessions devices browsers"),
        page(Icon::KeyRound, "API tokens", "/account/tokens", "keys programs"),
        page(Icon::Terminal, "The API", "/reference", "openapi reference rest documentation"),
    ]);
    if caller.may::<ViewMachine>(&TheBox) {
        let below = machine::PAGES.iter().filter(|(path, ..)| !path.is_empty());
        pages.extend(below.map(|(path, word, words)| page(Icon::Server, word, &format!("/system{path}"), words)));
    }
    pages
}

/// An app's page, its own address, its parts, and what can be asked of it now. Those of the app on whose page one is are a
/// group of their own, the first.
fn app_entries(app: &AppView, caller: &Caller, here: bool) -> Vec<Entry> {
    let (at, name) = (format!("/apps/{}", app.id), app.name.as_str());
    let (group, actions) = if here { (THIS_APP, THIS_APP) } else { ("Apps", "Actions") };
    let state = ui::Status::from(app.status.state).word;
    let mut entries = vec![entry("Apps", Icon::Box, name, state, &at).words(app.id.as_str())];
    let mut add = |group, icon, label: String, href: String, way| {
        entries.push(entry(group, icon, label, "", href).words(app.id.as_str()).by(way));
    };
    for endpoint in app.endpoints.iter().filter(|endpoint| endpoint.web) {
        let href = format!("{at}/open/{}", endpoint.name);
        add(group, Icon::ExternalLink, format!("Open {name}"), href, PaletteWay::Tab);
    }
    for verb in apps::verbs(app, caller) {
        let (word, icon, href) = apps::verb(&app.id, verb);
        add(actions, icon, format!("{word} {name}"), href, PaletteWay::Post);
    }
    add(group, Icon::ScrollText, format!("Logs of {name}"), format!("{at}/logs"), PaletteWay::Page);
    add(group, Icon::History, format!("History of {name}"), format!("{at}/history"), PaletteWay::Page);
    if caller.may::<ChangeApp>(&app.id) {
        add(group, Icon::Settings, format!("Settings of {name}"), format!("{at}/settings"), PaletteWay::Page);
    }
    if app.has_passwords && caller.may::<RevealAppSecrets>(&app.id) {
        add(actions, Icon::Eye, format!("Show passwords of {name}"), format!("{at}/secrets"), PaletteWay::Post);
    }
    if caller.may::<RemoveApp>(&app.id) && app.job.is_none() {
        add(actions, Icon::Trash2, format!("Remove {name} …"), format!("{at}/remove"), PaletteWay::Dialog);
    }
    entries
}

fn actions(caller: &Caller) -> Vec<Entry> {
    let mut actions = Vec::new();
    let action = |icon, label: &str, href: &str, words: &str| entry("Actions", icon, label, "", href).words(words);
    if caller.may::<ManagePeople>(&TheBox) {
        actions.push(action(Icon::UserPlus, "Invite somebody", "/people/invite", "person user account"));
    }
    if caller.may::<ViewAudit>(&TheBox) {
        actions.push(action(Icon::ShieldCheck, "Verify the history", "/activity/verify", "audit chain"));
    }
    for (theme, icon, label) in [
        (Theme::Light, Icon::Sun, "Use the light theme"),
        (Theme::Dark, Icon::Moon, "Use the dark theme"),
        (Theme::System, Icon::Monitor, "Use the theme of this device"),
    ] {
        let words = "switch appearance colours mode day night";
        actions.push(action(icon, label, prefs::ROUTE, words).by(PaletteWay::Theme(theme)));
    }
    actions.push(action(Icon::LogOut, "Sign out", "/sign-out", "log out leave").by(PaletteWay::SignOut));
    actions
}

/// The group of the app on whose page one is.
const THIS_APP: &str = "This app";

/// The order in which groups stand.
const GROUPS: [&str; 6] = [THIS_APP, "Apps", "Pages", "Actions", "Store", "People"];

/// What fits, the best first within its group, and the group with the best first.
fn ranked(all: Vec<Entry>, asked: &str) -> Vec<PaletteItem> {
    let asked = asked.trim().to_lowercase();
    let mut found: Vec<(u32, Entry)> =
        all.into_iter().filter_map(|entry| Some((score(&entry, &asked)?, entry))).collect();
    // Of what fits alike, the app that one is on comes first: it is not what is cut off.
    found.sort_by_key(|(score, entry)| (std::cmp::Reverse(*score), entry.item.group != THIS_APP));
    found.truncate(MOST);
    let place = |group: &str| GROUPS.iter().position(|known| *known == group).unwrap_or(GROUPS.len());
    let best = |group: &str| found.iter().filter(|(_, e)| e.item.group == group).map(|(score, _)| *score).max();
    let mut order: Vec<&str> = GROUPS.into_iter().filter(|group| best(group).is_some()).collect();
    if !asked.is_empty() {
        order.sort_by_key(|group| (std::cmp::Reverse(best(group)), place(group)));
    } else {
        order.sort_by_key(|group| {
            [THIS_APP, "Pages", "Apps", "Actions"].iter().position(|known| known == group).unwrap_or(9)
        });
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
    fn the_app_of_a_page_is_read_from_its_address() {
        let app = |url| app_of(url).map(|app| app.to_string());
        assert_eq!(app("https://box.local:8443/apps/shop").as_deref(), Some("shop"));
        assert_eq!(app("https://box.local/apps/shop/logs?q=x#end").as_deref(), Some("shop"));
        for elsewhere in ["https://box.local/", "https://box.local/apps", "https://box.local/apps/%2e%2e", "nonsense"] {
            assert_eq!(app(elsewhere), None, "{elsewhere}");
        }
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
