//! Who may how much on what: one select for the project and one for each app.

use std::collections::BTreeMap;

use maud::{Markup, html};
use orbitr_access::{
    Caller, Grant, GrantOn, TheBox,
    action::{ListApps, ListProjects},
};
use orbitr_model::Level;

use crate::{
    access::words,
    site::Site,
    trouble::Answer,
    ui::{Choice, Field},
};

/// What can be granted: each thing with the name of its field and what it is called.
pub(super) struct Grantable {
    on: GrantOn,
    field: String,
    label: String,
    project: bool,
}

/// Every project and app.
pub(super) async fn grantable(site: &Site, caller: &Caller) -> Answer<Vec<Grantable>> {
    let projects = site.access.projects(&site.access.permit::<ListProjects>(caller, TheBox).await?).await?;
    let apps = site.apps.list(&site.access.permit::<ListApps>(caller, TheBox).await?).await?;
    let projects = projects.into_iter().map(|project| Grantable {
        field: format!("project.{}", project.id),
        label: format!("Every app in {}", project.name),
        on: GrantOn::Project { project: project.id },
        project: true,
    });
    let apps = apps.into_iter().map(|app| Grantable {
        field: format!("app.{}", app.id),
        label: app.name.to_string(),
        on: GrantOn::App { app: app.id },
        project: false,
    });
    Ok(projects.chain(apps).collect())
}

/// The selects, as they stand.
pub(super) fn fields(things: &[Grantable], chosen: &BTreeMap<String, Option<Level>>) -> Markup {
    html! {
        div class="grid-2" {
            @for thing in things {
                @let now = chosen.get(&thing.field).copied().flatten().map_or("", Level::as_str);
                (Field::select(&thing.field, &thing.label, choices(thing.project)).value(now))
            }
        }
    }
}

fn choices(project: bool) -> Vec<Choice> {
    let nothing = if project { "Nothing, unless granted below" } else { "No more than that" };
    let levels =
        [Level::View, Level::Operate, Level::Manage].map(|level| Choice::new(level.as_str(), words::level_says(level)));
    std::iter::once(Choice::new("", nothing)).chain(levels).collect()
}

/// The choices that an account's grants are.
pub(super) fn as_chosen(things: &[Grantable], grants: &[Grant]) -> BTreeMap<String, Option<Level>> {
    let level = |thing: &Grantable| grants.iter().find(|grant| grant.on == thing.on).map(|grant| grant.level);
    things.iter().map(|thing| (thing.field.clone(), level(thing))).collect()
}

/// The choices that a form brought; what it does not name is not there.
pub(super) fn from_form(things: &[Grantable], pairs: &[(String, String)]) -> BTreeMap<String, Option<Level>> {
    let sent = |thing: &Grantable| {
        let (_, word) = pairs.iter().find(|(name, _)| *name == thing.field)?;
        Some((thing.field.clone(), words::level(word)))
    };
    things.iter().filter_map(sent).collect()
}

/// The grants that choices ask for.
pub(super) fn wanted(things: &[Grantable], chosen: &BTreeMap<String, Option<Level>>) -> Vec<Grant> {
    let grant = |thing: &Grantable| {
        chosen.get(&thing.field).copied().flatten().map(|level| Grant { on: thing.on.clone(), level })
    };
    things.iter().filter_map(grant).collect()
}

/// What differs from `before`: each thing with its new level.
pub(super) fn changes(
    things: &[Grantable],
    before: &[Grant],
    chosen: &BTreeMap<String, Option<Level>>,
) -> Vec<(GrantOn, Option<Level>)> {
    let was = as_chosen(things, before);
    things
        .iter()
        .filter_map(|thing| Some((thing, *chosen.get(&thing.field)?)))
        .filter(|(thing, level)| was.get(&thing.field).copied().flatten() != *level)
        .map(|(thing, level)| (thing.on.clone(), level))
        .collect()
}

#[cfg(test)]
mod tests {
    use orbitr_model::{AppId, ProjectId};

    use super::*;

    fn things() -> Vec<Grantable> {
        let app: AppId = "web".parse().unwrap();
        let project = ProjectId::new();
        vec![
            Grantable {
                on: GrantOn::Project { project },
                field: "project.x".into(),
                label: String::new(),
                project: true,
            },
            Grantable { on: GrantOn::App { app }, field: "app.web".into(), label: String::new(), project: false },
        ]
    }

    #[test]
    fn only_what_the_form_changed_is_set() {
        let things = things();
        let before = [Grant { on: things[0].on.clone(), level: Level::View }];
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let same = from_form(&things, &[pair("project.x", "view"), pair("app.web", "")]);
        assert!(changes(&things, &before, &same).is_empty());
        let other = from_form(&things, &[pair("project.x", ""), pair("app.web", "manage")]);
        assert_eq!(
            changes(&things, &before, &other),
            [(things[0].on.clone(), None), (things[1].on.clone(), Some(Level::Manage))]
        );
        // An app that was installed after the form was drawn keeps what it has.
        assert!(changes(&things, &before, &from_form(&things, &[])).is_empty());
    }
}
