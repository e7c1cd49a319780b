//! Grants: who may how much on which app or project.

use orbitr_model::{AppId, Level, ProjectId, Topic, UserId, Username, deed};
use orbitr_store::{Tx, row};
use rusqlite::{Connection, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Access, Permit,
    action::{ListProjects, ManagePeople, ViewPeople},
    error::Error,
    history, scope, users,
};

/// What a grant is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum GrantOn {
    /// One app.
    App {
        /// The app.
        app: AppId,
    },
    /// A project with every app in it, now and later.
    Project {
        /// The project.
        project: ProjectId,
    },
}

/// One grant of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// On what.
    pub on: GrantOn,
    /// How much: `view`, `operate` or `manage`.
    pub level: Level,
}

/// Sets, changes or takes away one grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGrant {
    /// On what.
    pub on: GrantOn,
    /// How much: `view`, `operate` or `manage`; none takes the grant away.
    pub level: Option<Level>,
}

/// Who has a grant on a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UserGrant {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub username: Username,
    /// How much.
    pub level: Level,
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// Whether it is the one that every box has.
    pub built_in: bool,
}

/// Sets or takes away a grant, in a transaction that writes history itself.
pub(crate) fn set(tx: &mut Tx<'_>, user: UserId, set: &SetGrant) -> Result<(), Error> {
    if set.level == Some(Level::Administer) {
        return Err(Error::field("level", "A grant is «view», «operate» or «manage»; the rest is for admins."));
    }
    let (table, column, id, exists) = match &set.on {
        GrantOn::App { app } => ("grant_on_app", "app_id", app.to_string(), scope::has_app(tx, app)?),
        GrantOn::Project { project } => {
            ("grant_on_project", "project_id", project.to_string(), scope::has_project(tx, project)?)
        }
    };
    if !exists {
        return Err(Error::field("on", format!("There is no such thing as «{id}».")));
    }
    match set.level {
        Some(level) => tx.execute(
            &format!(
                "INSERT INTO {table} (user_id, {column}, level) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user_id, {column}) DO UPDATE SET level = excluded.level"
            ),
            params![user.to_string(), id, level.as_str()],
        )?,
        None => tx.execute(
            &format!("DELETE FROM {table} WHERE user_id = ?1 AND {column} = ?2"),
            params![user.to_string(), id],
        )?,
    };
    tx.changed(Topic::People);
    Ok(())
}

fn of_user(conn: &Connection, user: UserId) -> rusqlite::Result<Vec<Grant>> {
    let mut grants: Vec<Grant> = conn
        .prepare_cached("SELECT project_id, level FROM grant_on_project WHERE user_id = ?1")?
        .query_map([user.to_string()], |found| {
            let on = GrantOn::Project { project: row::parse(found, "project_id")? };
            Ok(Grant { on, level: row::word(found, "level")? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let on_apps = conn
        .prepare_cached("SELECT app_id, level FROM grant_on_app WHERE user_id = ?1 ORDER BY app_id")?
        .query_map([user.to_string()], |found| {
            Ok(Grant { on: GrantOn::App { app: row::parse(found, "app_id")? }, level: row::word(found, "level")? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    grants.extend(on_apps);
    Ok(grants)
}

fn user_grant(found: &Row<'_>) -> rusqlite::Result<UserGrant> {
    Ok(UserGrant {
        user: row::parse(found, "id")?,
        username: row::parse(found, "name")?,
        level: row::word(found, "level")?,
    })
}

impl Access {
    /// Somebody's grants: projects first, then apps.
    ///
    /// # Errors
    /// [`Error::NoUser`]; otherwise as the database.
    pub async fn grants_of(&self, _: &Permit<ViewPeople>, user: UserId) -> Result<Vec<Grant>, Error> {
        self.store()
            .read(move |conn| {
                users::known(conn, user)?;
                Ok(of_user(conn, user)?)
            })
            .await
    }

    /// Who has a grant on this very app or project, by name. Admins need none and are not in it.
    ///
    /// # Errors
    /// As the database.
    pub async fn grants_on(&self, _: &Permit<ViewPeople>, on: GrantOn) -> Result<Vec<UserGrant>, Error> {
        let (table, column, id) = match on {
            GrantOn::App { app } => ("grant_on_app", "app_id", app.to_string()),
            GrantOn::Project { project } => ("grant_on_project", "project_id", project.to_string()),
        };
        self.store()
            .read(move |conn| {
                let sql = format!(
                    "SELECT user.id, user.name, g.level FROM {table} AS g JOIN user ON user.id = g.user_id
                     WHERE g.{column} = ?1 ORDER BY user.name"
                );
                Ok(conn.prepare_cached(&sql)?.query_map([id], user_grant)?.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Sets, changes or takes away one grant. It counts from the next request on.
    ///
    /// # Errors
    /// [`Error::NoUser`], [`Error::Invalid`]; otherwise as the database.
    pub async fn set_grant(
        &self,
        permit: &Permit<ManagePeople>,
        user: UserId,
        grant: SetGrant,
    ) -> Result<Vec<Grant>, Error> {
        let permit = permit.clone();
        self.store()
            .write(move |tx| {
                let row = users::known(tx, user)?;
                set(tx, user, &grant)?;
                let subject = history::user(user, &row.user.username);
                let detail = json!({ "on": grant.on, "level": grant.level });
                tx.event(history::done(&permit, deed::USER_GRANT, subject, detail))?;
                Ok(of_user(tx, user)?)
            })
            .await
    }

    /// The projects that may be seen, the built-in one first.
    ///
    /// # Errors
    /// As the database.
    pub async fn projects(&self, permit: &Permit<ListProjects>) -> Result<Vec<Project>, Error> {
        let visible = permit.visible();
        self.store()
            .read(move |conn| {
                let all = conn
                    .prepare_cached("SELECT id, name, built_in FROM project ORDER BY built_in DESC, name")?
                    .query_map([], |found| {
                        Ok(Project {
                            id: row::parse(found, "id")?,
                            name: found.get("name")?,
                            built_in: found.get("built_in")?,
                        })
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                Ok(all.into_iter().filter(|project| visible.has_project(&project.id)).collect())
            })
            .await
    }
}
