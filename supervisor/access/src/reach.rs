//! How far somebody reaches: the one place where role, grants and a token's scope come together. Pure.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_model::{AppId, Level, ProjectId, Role};

use crate::resource::Place;

/// The most that a role may ever do, whatever it is granted.
#[must_use]
pub const fn role_cap(role: Role) -> Level {
    match role {
        Role::Admin => Level::Administer,
        Role::User => Level::Manage,
        Role::Viewer => Level::View,
    }
}

/// What a person was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) apps: BTreeMap<AppId, Level>,
    pub(crate) projects: BTreeMap<ProjectId, Level>,
}

/// What a token is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) level: Level,
    /// The only apps and projects that it reaches; none when it reaches whatever its owner does.
    pub(crate) only: Option<Limits>,
}

/// The apps and projects that a token names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) apps: BTreeSet<AppId>,
    pub(crate) projects: BTreeSet<ProjectId>,
}

/// How far somebody reaches, worked out once for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Never more than this, whatever it is about.
    cap: Level,
    /// The level on the box itself.
    on_box: Level,
    /// The level on jobs that belong to no app in reach but were started by the caller; none for
    /// somebody who is held to named apps.
    on_own_jobs: Option<Level>,
    on: Named,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// Every app and project there is or will be.
    Everything,
    /// These and no others.
    Only { apps: BTreeMap<AppId, Level>, projects: BTreeMap<ProjectId, Level> },
}

impl Reach {
    /// Of a person or a token. `scopes` says which project each app is in.
    pub(crate) fn new(
        role: Role,
        given: &Given,
        scope: Option<&Scope>,
        scopes: &BTreeMap<AppId, ProjectId>,
        projects: &BTreeSet<ProjectId>,
    ) -> Self {
        let cap = scope.map_or(role_cap(role), |scope| role_cap(role).min(scope.level));
        let admin = role == Role::Admin;
        let only = scope.and_then(|scope| scope.only.as_ref());
        // A token that is held to named apps is for those apps: it looks at the box, and no more.
        let on_box = if admin && only.is_none() { cap } else { Level::View };
        let on_own_jobs = only.is_none().then_some(cap.min(Level::Manage));
        if admin && only.is_none() {
            return Self { cap, on_box, on_own_jobs, on: Named::Everything };
        }
        let base = |given: Option<Level>| if admin { Some(Level::Administer) } else { given };
        let on_project = |project: &ProjectId| base(given.projects.get(project).copied());
        let on_app = |app: &AppId, project: &ProjectId| base(given.apps.get(app).copied()).max(on_project(project));
        let apps = scopes
            .iter()
            .filter(|(app, project)| only.is_none_or(|o| o.apps.contains(app) || o.projects.contains(project)))
            .filter_map(|(app, project)| Some((app.clone(), on_app(app, project)?.min(cap))))
            .collect();
        let projects = projects
            .iter()
            .filter(|project| only.is_none_or(|only| only.projects.contains(project)))
            .filter_map(|project| Some((*project, on_project(project)?.min(cap))))
            .collect();
        Self { cap, on_box, on_own_jobs, on: Named::Only { apps, projects } }
    }

    /// Of root on the box itself.
    pub(crate) fn everything() -> Self {
        Self {
            cap: Level::Administer,
            on_box: Level::Administer,
            on_own_jobs: Some(Level::Manage),
            on: Named::Everything,
        }
    }

    /// Never more than this, whatever it is about.
    pub(crate) fn cap(&self) -> Level {
        self.cap
    }

    /// How far it goes at one place; none when that place is not even visible.
    pub(crate) fn at(&self, place: &Place) -> Option<Level> {
        match (place, &self.on) {
            (Place::Nowhere, _) => None,
            (Place::Box, _) => Some(self.on_box),
            (_, Named::Everything) => Some(self.cap),
            (Place::App(app), Named::Only { apps, .. }) => apps.get(app).copied(),
            (Place::Project(project), Named::Only { projects, .. }) => projects.get(project).copied(),
            (Place::Job { app: None, own }, Named::Only { .. }) => self.on_own_jobs.filter(|_| *own),
            // One's own job on an app that is gone or out of reach by now can still be read, but no more.
            (Place::Job { app: Some(app), own }, Named::Only { apps, .. }) => {
                let own = self.on_own_jobs.filter(|_| *own).map(|_| Level::View);
                apps.get(app).copied().max(own)
            }
        }
    }

    /// Whether it reaches everything there is, so that only existence is a question.
    pub(crate) fn is_everything(&self) -> bool {
        self.on == Named::Everything
    }

    /// Whether one's own jobs are in reach, whatever they work on.
    pub(crate) fn knows_own_jobs(&self) -> bool {
        self.on_own_jobs.is_some()
    }

    /// Of an actor in a test: everything, or the named apps and projects.
    #[cfg(feature = "testing")]
    pub(crate) fn for_test(cap: Level, only: Option<(BTreeMap<AppId, Level>, BTreeMap<ProjectId, Level>)>) -> Self {
        let on = only.map_or(Named::Everything, |(apps, projects)| Named::Only { apps, projects });
        let on_box = if on == Named::Everything { cap } else { Level::View };
        Self { cap, on_box, on_own_jobs: Some(cap.min(Level::Manage)), on }
    }

    /// What a list may show.
    pub(crate) fn visible(&self) -> Visible {
        match &self.on {
            Named::Everything => Visible::All,
            Named::Only { apps, projects } => {
                Visible::Only { apps: apps.keys().cloned().collect(), projects: projects.keys().copied().collect() }
            }
        }
    }
}

/// What a list may show to somebody. The apps are named one by one, those of granted projects too, so
/// that a query needs no table of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Everything.
    All,
    /// These apps and these projects.
    Only {
        /// Every visible app.
        apps: BTreeSet<AppId>,
        /// Every visible project as a whole.
        projects: BTreeSet<ProjectId>,
    },
}

impl Visible {
    /// Whether this app is in it.
    #[must_use]
    pub fn has_app(&self, app: &AppId) -> bool {
        match self {
            Self::All => true,
            Self::Only { apps, .. } => apps.contains(app),
        }
    }

    /// Whether this project is in it.
    #[must_use]
    pub fn has_project(&self, project: &ProjectId) -> bool {
        match self {
            Self::All => true,
            Self::Only { projects, .. } => projects.contains(project),
        }
    }

    /// The visible apps, or none when every app is visible. As a JSON array it fits
    /// `?1 IS NULL OR id IN (SELECT value FROM json_each(?1))`.
    #[must_use]
    pub fn apps(&self) -> Option<Vec<AppId>> {
        match self {
            Self::All => None,
            Self::Only { apps, .. } => Some(apps.iter().cloned().collect()),
        }
    }

    /// The visible apps as the one parameter of an SQL condition: a JSON array of ids, or none (NULL)
    /// when every app is visible. See [`Visible::apps`] for the condition.
    #[must_use]
    pub fn apps_parameter(&self) -> Option<String> {
        self.apps().map(|apps| serde_json::Value::from_iter(apps.into_iter().map(String::from)).to_string())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(n: u8) -> AppId {
        format!("app-{n}").parse().unwrap()
    }

    fn project(n: u8) -> ProjectId {
        format!("0198c0de-0000-7000-8000-0000000000{n:02}").parse().unwrap()
    }

    fn role() -> impl Strategy<Value = Role> {
        prop::sample::select(&Role::ALL[..])
    }

    fn level() -> impl Strategy<Value = Level> {
        prop::sample::select(&[Level::View, Level::Operate, Level::Manage, Level::Administer][..])
    }

    fn given() -> impl Strategy<Value = Given> {
        let grant = prop::sample::select(&[Level::View, Level::Operate, Level::Manage][..]);
        (
            prop::collection::btree_map((0..6u8).prop_map(app), grant.clone(), 0..4),
            prop::collection::btree_map((0..3u8).prop_map(project), grant, 0..3),
        )
            .prop_map(|(apps, projects)| Given { apps, projects })
    }

    fn scope() -> impl Strategy<Value = Option<Scope>> {
        let limits = (
            prop::collection::btree_set((0..6u8).prop_map(app), 0..3),
            prop::collection::btree_set((0..3u8).prop_map(project), 0..2),
        )
            .prop_map(|(apps, projects)| Limits { apps, projects });
        prop::option::of((level(), prop::option::of(limits)).prop_map(|(level, only)| Scope { level, only }))
    }

    fn scopes() -> BTreeMap<AppId, ProjectId> {
        // Apps 4 and 5 do not exist: a grant that names them must open nothing.
        (0..4).map(|n| (app(n), project(n % 2))).collect()
    }

    proptest! {
        /// The promise of the crate: never more than the role's cap, the grant, and the token's scope,
        /// whichever is least.
        #[test]
        fn nobody_reaches_further_than_role_grant_and_token_allow(
            role in role(), given in given(), scope in scope(), n in 0..6u8, own: bool,
        ) {
            let projects: BTreeSet<_> = (0..3).map(project).collect();
            let reach = Reach::new(role, &given, scope.as_ref(), &scopes(), &projects);
            let token = scope.as_ref().map_or(Level::Administer, |scope| scope.level);
            let named = |app: Option<&AppId>, project: Option<&ProjectId>| {
                scope.as_ref().and_then(|scope| scope.only.as_ref()).is_none_or(|only| {
                    app.is_some_and(|app| only.apps.contains(app))
                        || project.is_some_and(|project| only.projects.contains(project))
                })
            };
            let limited = scope.as_ref().is_some_and(|scope| scope.only.is_some());
            let admin = role == Role::Admin;
            let everything = admin && !limited;
            let most = |grant: Option<Level>| {
                let grant = if admin { Some(Level::Administer) } else { grant };
                grant.map(|grant| grant.min(role_cap(role)).min(token))
            };

            let exists = n < 4;
            let of = project(n % 2);
            let grant = given.apps.get(&app(n)).copied().max(given.projects.get(&of).copied());
            let expected = most(grant).filter(|_| named(Some(&app(n)), Some(&of)));
            let on_app = reach.at(&Place::App(app(n)));
            if exists {
                prop_assert_eq!(on_app, expected);
                prop_assert_eq!(reach.visible().has_app(&app(n)), expected.is_some());
            } else if !everything {
                prop_assert_eq!(on_app, None);
            }
            prop_assert_eq!(reach.at(&Place::Job { app: Some(app(n)), own: false }), on_app);
            let own_on_app = reach.at(&Place::Job { app: Some(app(n)), own: true });
            prop_assert!(own_on_app == on_app || (own_on_app == Some(Level::View) && !limited));

            let of = project(n % 3);
            let expected = most(given.projects.get(&of).copied()).filter(|_| named(None, Some(&of)));
            prop_assert_eq!(reach.at(&Place::Project(of)), expected);

            let on_box = reach.at(&Place::Box).unwrap();
            let most_on_box = if everything { Level::Administer } else { Level::View };
            prop_assert!(on_box <= token.min(most_on_box));
            let own_job = reach.at(&Place::Job { app: None, own });
            prop_assert!(own_job <= Some(role_cap(role).min(token)));
            if !own && !everything {
                prop_assert_eq!(own_job, None);
            }
            prop_assert_eq!(reach.at(&Place::Nowhere), None);
        }
    }

    #[test]
    fn a_token_whose_last_app_is_gone_reaches_nothing() {
        let scope = Scope { level: Level::Administer, only: Some(Limits::default()) };
        let reach = Reach::new(Role::Admin, &Given::default(), Some(&scope), &scopes(), &BTreeSet::new());
        assert_eq!(reach.visible(), Visible::Only { apps: BTreeSet::new(), projects: BTreeSet::new() });
        assert_eq!(reach.at(&Place::Box), Some(Level::View));
    }

    #[test]
    fn the_sql_parameter_is_a_list_of_ids_or_null() {
        assert_eq!(Visible::All.apps_parameter(), None);
        let some = Visible::Only { apps: [app(1), app(2)].into(), projects: BTreeSet::new() };
        assert_eq!(some.apps_parameter().as_deref(), Some(r#"["app-1","app-2"]"#));
    }
}
