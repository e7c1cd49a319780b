//! Roles, levels and browsers in people's words, and the tables that two pages show alike.

use axum::http::{HeaderMap, Uri, header};
use maud::{Markup, html};
use orbitr_access::{SessionView, TokenView, User};
use orbitr_model::{Level, Role};

use crate::ui::{self, Cell, Choice, Clock, Column, Icon, Row, Status, Tone};

/// The levels, the least first.
pub(super) const LEVELS: [Level; 4] = [Level::View, Level::Operate, Level::Manage, Level::Administer];

/// The level that a form names.
pub(super) fn level(word: &str) -> Option<Level> {
    LEVELS.into_iter().find(|level| level.as_str() == word)
}

/// The role that a form names.
pub(super) fn role(word: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.as_str() == word)
}

/// What a level lets do.
pub(super) const fn level_says(level: Level) -> &'static str {
    match level {
        Level::View => "View: look, change nothing",
        Level::Operate => "Operate: start, stop, restart",
        Level::Manage => "Manage: install, change, remove",
        Level::Administer => "Administer: everything, people too",
    }
}

/// A level in a word, as tables show it.
pub(super) const fn level_word(level: Level) -> &'static str {
    match level {
        Level::View => "View",
        Level::Operate => "Operate",
        Level::Manage => "Manage",
        Level::Administer => "Administer",
    }
}

/// A role in a word.
pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "Admin",
        Role::User => "User",
        Role::Viewer => "Viewer",
    }
}

/// The roles to choose from.
pub(super) fn roles() -> Vec<Choice> {
    let about = |role| match role {
        Role::Admin => "Everything on this box.",
        Role::User => "Up to managing the apps granted to them.",
        Role::Viewer => "Looks at the apps granted to them, changes nothing.",
    };
    Role::ALL.into_iter().map(|role| Choice::new(role.as_str(), role_word(role)).help(about(role))).collect()
}

/// Whether signing in takes a second step.
pub(super) const fn second_step(user: &User) -> Status {
    if user.second_step {
        Status::new(Tone::Good, Icon::ShieldCheck, "On")
    } else {
        Status::new(Tone::Neutral, Icon::CircleDashed, "Off")
    }
}

/// «Firefox on Linux», from what a browser calls itself. A guess for people who look for a sign-in that is not theirs;
/// nothing hangs on it.
pub(super) fn browser(user_agent: &str) -> String {
    let known =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, n)| *n);
    // The order matters: most browsers also call themselves by the names of others.
    let program = known(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Vivaldi/", "Vivaldi"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("HeadlessChrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = known(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Macintosh", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    }
}

/// Where this browser found the box: `https://box.local:8443`. Only ever shown back to whoever sent it.
pub(super) fn origin(uri: &Uri, headers: &HeaderMap) -> String {
    let host = uri.authority().map(|authority| authority.as_str());
    let host = host.or_else(|| headers.get(header::HOST)?.to_str().ok()).unwrap_or("localhost");
    format!("https://{host}")
}

fn is_phone(user_agent: &str) -> bool {
    ["iPhone", "Android", "Mobile"].iter().any(|mark| user_agent.contains(mark))
}

/// Sign-ins; `at` is the address under which each one is ended.
pub(super) fn sessions(list: &[SessionView], clock: &Clock, at: &str) -> Markup {
    let rows = list.iter().map(|session| {
        let icon = if is_phone(&session.user_agent) { Icon::Smartphone } else { Icon::Monitor };
        let row = Row::new()
            .cell(html! { span class="cluster nowrap" title=(session.user_agent) {
                (icon) span { (browser(&session.user_agent)) }
                @if session.current { (ui::status(Status::new(Tone::Good, Icon::Check, "This one"))) }
            } })
            .cell(session.address.map_or_else(|| "on the box".to_owned(), |address| address.to_string()))
            .cell(clock.ago(session.created_at))
            .cell(clock.ago(session.last_used_at));
        if session.current {
            row.cell(Cell::new(""))
        } else {
            row.cell(ui::button("End").small().post(format!("{at}/{}/end", session.id)))
        }
    });
    let mut columns = ["Browser", "Address", "Signed in", "Last used"].map(Column::new).to_vec();
    columns.push(Column::actions());
    let empty = ui::empty(Icon::LogIn, "Not signed in anywhere");
    html! { (ui::table("Sign-ins", columns).rows(rows).empty(empty)) }
}

/// Tokens; `at` is the address under which each one is revoked.
pub(super) fn tokens(list: &[TokenView], clock: &Clock, at: &str) -> Markup {
    let rows = list.iter().map(|token| {
        let reach = match &token.only {
            Some(only) if only.projects.is_empty() => {
                only.apps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Some(only) => format!("{} apps, {} projects", only.apps.len(), only.projects.len()),
            None => String::new(),
        };
        Row::new()
            .cell(html! { strong { (token.label) } " " code class="quiet" { (token.hint) "…" } })
            .cell(html! { (level_word(token.level)) @if !reach.is_empty() { div class="status-reason" { "only " (reach) } } })
            .cell(html! {
                @if token.expired { (ui::status(Status::new(Tone::Warn, Icon::Timer, "Expired"))) }
                @else { (clock.ago(token.expires_at)) }
            })
            .cell(html! { @match token.last_used_at {
                Some(at) => { (clock.ago(at)) @if let Some(address) = token.last_address { div class="status-reason" { "from " (address) } } }
                None => span class="quiet" { "Never" },
            } })
            .cell(ui::button("Revoke").small().post(format!("{at}/{}/revoke", token.id)))
    });
    let mut columns = ["Token", "May", "Expires", "Last used"].map(Column::new).to_vec();
    columns.push(Column::actions());
    let empty = ui::empty(Icon::KeyRound, "No tokens").text("A token lets a program do what its owner may do.");
    html! { (ui::table("Tokens", columns).rows(rows).empty(empty)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_told_in_two_words() {
        for (agent, told) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            ("", "Unknown browser"),
        ] {
            assert_eq!(browser(agent), told);
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_none() {
        assert_eq!(level("manage"), Some(Level::Manage));
        assert_eq!(level("root"), None);
    }
}
