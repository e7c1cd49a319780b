//! Which apps need which, over any number of steps: what must run first, and what must end first.

use std::collections::BTreeSet;

use orbitr_model::AppId;
use rusqlite::Connection;

use super::rows;
use crate::{Error, model::App};

/// What an app needs, and what that needs: each after what it needs itself.
pub(crate) fn needs(conn: &Connection, app: &AppId) -> Result<Vec<AppId>, Error> {
    let next = |app: &AppId| Ok(rows::of_app(conn, app)?.into_iter().map(|row| row.provider).collect());
    farthest_first(app, &next)
}

/// What needs an app, and what needs that: each after what needs it itself.
pub(crate) fn needed_by(conn: &Connection, app: &AppId) -> Result<Vec<AppId>, Error> {
    let next = |app: &AppId| Ok(rows::of_provider(conn, app)?.into_iter().map(|row| row.app).collect());
    farthest_first(app, &next)
}

/// Sorts apps so that each comes after what it needs; apps that have nothing to do with each other stay as they were.
pub(crate) fn providers_first(conn: &Connection, apps: Vec<App>) -> Result<Vec<App>, Error> {
    let mut ranked = Vec::with_capacity(apps.len());
    for app in apps {
        ranked.push((needs(conn, &app.id)?.len(), app));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    Ok(ranked.into_iter().map(|(_, app)| app).collect())
}

type Next<'a> = dyn Fn(&AppId) -> Result<BTreeSet<AppId>, Error> + 'a;

/// Everything that is reached from an app, without itself, the end of each way first.
fn farthest_first(app: &AppId, next: &Next<'_>) -> Result<Vec<AppId>, Error> {
    let (mut seen, mut found) = (BTreeSet::from([app.clone()]), Vec::new());
    visit(app, next, &mut seen, &mut found)?;
    Ok(found)
}

fn visit(app: &AppId, next: &Next<'_>, seen: &mut BTreeSet<AppId>, found: &mut Vec<AppId>) -> Result<(), Error> {
    for other in next(app)? {
        if seen.insert(other.clone()) {
            visit(&other, next, seen, found)?;
            found.push(other);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn from(start: &str, ways: &[(&str, &str)]) -> Vec<String> {
        let id = |text: &str| text.parse::<AppId>().unwrap();
        let mut all: BTreeMap<AppId, BTreeSet<AppId>> = BTreeMap::new();
        for (from, to) in ways {
            all.entry(id(from)).or_default().insert(id(to));
        }
        let found = farthest_first(&id(start), &|app| Ok(all.get(app).cloned().unwrap_or_default())).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_lies_farther_away_comes_first_and_once() {
        assert_eq!(from("web", &[]), Vec::<String>::new());
        assert_eq!(from("web", &[("web", "api"), ("api", "db")]), ["db", "api"]);
        let square = [("web", "api"), ("web", "db"), ("api", "cache"), ("api", "db"), ("cache", "db")];
        assert_eq!(from("web", &square), ["db", "cache", "api"]);
    }

    #[test]
    fn apps_that_need_each_other_come_to_an_end() {
        assert_eq!(from("web", &[("web", "api"), ("api", "web"), ("api", "api")]), ["api"]);
    }
}
