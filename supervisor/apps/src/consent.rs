//! What a version asks of people before it may run: consent to its permissions, by name, and that its notices were read.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{Action, Caller, Permit, TheBox, action::ChangeBox};
use orbitr_catalog::Entry;
use orbitr_model::{AppId, FieldError, ReleaseId};
use orbitr_sdk::{Grant, Manifest, NoticeLevel, Permission};
use orbitr_store::{Tx, row};
use rusqlite::{Connection, Row, params};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Error, extension::Extension, model::Release, store_front::PermissionView};

/// Grants less safe than this reach into the box itself: consent to them is the admins'.
const OF_THE_APP: u8 = 5;

/// What people must know about a version before they take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoticeView {
    /// The version that it is about.
    pub version: String,
    /// How much it matters.
    pub level: NoticeLevel,
    /// What it says, as Markdown.
    pub text: String,
}

/// The permissions that `new` has and `old` does not.
pub(crate) fn asked(old: &Manifest, new: &Manifest) -> Vec<PermissionView> {
    let had: Vec<&Grant> = old.x().permissions.iter().map(|permission| &permission.grant).collect();
    all(new.x().permissions.iter().filter(|permission| !had.contains(&&permission.grant)))
}

/// Permissions as people see them.
pub(crate) fn all<'a>(permissions: impl Iterator<Item = &'a Permission>) -> Vec<PermissionView> {
    permissions
        .map(|permission| PermissionView {
            grant: permission.grant.to_string(),
            reason: permission.reason.clone(),
            score: permission.grant.score(),
            typed: permission.grant.needs_typed_consent(),
        })
        .collect()
}

/// What the extension tells about the versions after `version`.
pub(crate) fn notices(entry: &Entry, version: &str) -> Vec<NoticeView> {
    let told = entry.manifest.told_from(version).into_iter();
    told.map(|told| NoticeView {
        version: told.at.to_owned(),
        level: told.level,
        text: entry.text(told.text).unwrap_or_default().to_owned(),
    })
    .collect()
}

/// Whether everything that is asked for was consented to, by somebody who may; and nothing else.
pub(crate) fn check<A: Action>(
    permit: &Permit<A>,
    asked: &[PermissionView],
    consent: &BTreeSet<String>,
) -> Result<(), Error> {
    checked(permit.caller(), asked, consent)
        .map_err(|message| Error::Inputs(vec![FieldError { field: "consent".to_owned(), message }]))
}

fn checked(caller: &Caller, asked: &[PermissionView], consent: &BTreeSet<String>) -> Result<(), String> {
    let missing: Vec<_> = asked.iter().map(|it| it.grant.as_str()).filter(|grant| !consent.contains(*grant)).collect();
    if !missing.is_empty() {
        return Err(format!("this version asks for {}: consent by name, or leave it", missing.join(", ")));
    }
    if let Some(odd) = consent.iter().find(|grant| !asked.iter().any(|it| it.grant == **grant)) {
        return Err(format!("this version does not ask for «{odd}»"));
    }
    let of_the_box = asked.iter().find(|it| it.score < OF_THE_APP).filter(|_| !caller.may::<ChangeBox>(&TheBox));
    match of_the_box {
        Some(it) => Err(format!("{} reaches into the box itself: only an admin can consent to it", it.grant)),
        None => Ok(()),
    }
}

/// What is installed along with an app cannot ask: it is installed by itself first.
pub(crate) fn none_needed<'a>(releases: impl Iterator<Item = &'a Release>) -> Result<(), Error> {
    for release in releases {
        if let Some(asked) = all(Extension::read(release)?.manifest().x().permissions.iter()).first() {
            let message = format!(
                "{} asks for {}: install it by itself first, with your consent, and choose it then",
                release.extension, asked.grant
            );
            return Err(Error::Inputs(vec![FieldError { field: "bindings".to_owned(), message }]));
        }
    }
    Ok(())
}

/// Breaking notices must have been read.
pub(crate) fn check_read(notices: &[NoticeView], breaking: bool) -> Result<(), Error> {
    match notices.iter().find(|notice| notice.level == NoticeLevel::Breaking).filter(|_| !breaking) {
        Some(notice) => Err(Error::Inputs(vec![FieldError {
            field: "breaking".to_owned(),
            message: format!("say that you have read what version {} stops from working", notice.version),
        }])),
        None => Ok(()),
    }
}

/// What is wrong with the answers and with the consent, said at once.
pub(crate) fn together<T>(
    made: Result<T, Error>,
    asked: impl IntoIterator<Item = Result<(), Error>>,
) -> Result<T, Error> {
    asked.into_iter().fold(made, |made, asked| match (made, asked) {
        (made, Ok(())) => made,
        (Err(Error::Inputs(mut fields)), Err(Error::Inputs(more))) => {
            fields.extend(more);
            Err(Error::Inputs(fields))
        }
        (Err(error), _) | (Ok(_), Err(error)) => Err(error),
    })
}

/// Writes down what was consented to with a release.
pub(crate) fn keep(tx: &Tx<'_>, release: ReleaseId, consent: &BTreeSet<String>) -> Result<(), Error> {
    let mut insert = tx.prepare_cached("INSERT INTO consent (release_id, permission) VALUES (?1, ?2)")?;
    for grant in consent {
        insert.execute(params![release.to_string(), grant])?;
    }
    Ok(())
}

/// What was consented to with each release of an app.
pub(crate) fn kept(conn: &Connection, app: &AppId) -> Result<BTreeMap<ReleaseId, Vec<String>>, Error> {
    let mut query = conn.prepare_cached(
        "SELECT release_id, permission FROM consent JOIN release ON release.id = release_id
         WHERE app_id = ?1 ORDER BY permission",
    )?;
    let read = |found: &Row<'_>| Ok((row::parse::<ReleaseId>(found, "release_id")?, found.get("permission")?));
    let mut kept: BTreeMap<ReleaseId, Vec<String>> = BTreeMap::new();
    for found in query.query_map([app.as_str()], read)? {
        let (release, grant) = found?;
        kept.entry(release).or_default().push(grant);
    }
    Ok(kept)
}
