//! Two releases of an app side by side: what one has and the other has not.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{Permit, action::ViewApp};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Apps, Error, bindings::Binding, extension::Extension, model::Release, rows, secret_values};

/// Lines around each change of the text.
const AROUND: usize = 3;

/// What differs between two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comparison {
    /// The number of the one that is looked at from.
    pub from: u32,
    /// The number of the other one.
    pub to: u32,
    /// What differs, in the order of its kinds; empty when nothing does.
    pub differences: Vec<Difference>,
    /// How the extension's text differs, as a unified diff; empty when it does not.
    pub text: String,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// What kind of thing it is.
    pub what: What,
    /// Its name.
    pub name: String,
    /// What the first one has; none where it has nothing, and for secrets.
    pub from: Option<String>,
    /// What the other one has.
    pub to: Option<String>,
}

/// A kind of thing that releases have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The version with its revision.
    Version,
    /// An answer.
    Input,
    /// A secret: only that it is another one.
    Secret,
    /// The image of a service, by digest where that is known.
    Image,
    /// A port of the box.
    Port,
    /// Where something comes from that it requires.
    Binding,
    /// What it may do on the box.
    Permission,
}

impl Apps {
    /// What differs between two releases of an app.
    ///
    /// # Errors
    /// There is no such app or release, or the text of one cannot be read any more.
    pub async fn compare(&self, permit: &Permit<ViewApp>, from: u32, to: u32) -> Result<Comparison, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| {
            let app = rows::get(conn, &id)?;
            let find = |number| {
                let found = rows::release_by_number(conn, &app.id, number)?;
                found.ok_or_else(|| Error::NoRelease { app: app.id.clone(), number })
            };
            Ok::<_, Error>((find(from)?, find(to)?))
        };
        let (old, new) = self.hands.store.read(read).await?;
        let secrets = (secret_values(&self.hands.store, &old).await?, secret_values(&self.hands.store, &new).await?);
        let mut differences = vec![];
        let version =
            |it: &Release| BTreeMap::from([(String::new(), format!("{} (revision {})", it.version, it.revision))]);
        compare(&mut differences, What::Version, &version(&old), &version(&new));
        compare(&mut differences, What::Input, &inputs(&old), &inputs(&new));
        differences.extend(differing(&secrets.0, &secrets.1).map(|name| other_secret(name)));
        compare(&mut differences, What::Image, &images(&old), &images(&new));
        compare(&mut differences, What::Port, &ports(&old), &ports(&new));
        compare(&mut differences, What::Binding, &bindings(&old), &bindings(&new));
        compare(&mut differences, What::Permission, &permissions(&old)?, &permissions(&new)?);
        Ok(Comparison { from, to, differences, text: text(&old, &new) })
    }
}

fn compare(out: &mut Vec<Difference>, what: What, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
    out.extend(differing(old, new).map(|name| Difference {
        what,
        name: name.clone(),
        from: old.get(name).cloned(),
        to: new.get(name).cloned(),
    }));
}

/// The names of what is not the same on both sides.
fn differing<'a>(
    old: &'a BTreeMap<String, String>,
    new: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name))
}

/// Only that it is another one.
fn other_secret(name: &str) -> Difference {
    let short = name.split_once('/').map_or(name, |(_, short)| short);
    Difference { what: What::Secret, name: short.to_owned(), from: None, to: None }
}

fn inputs(release: &Release) -> BTreeMap<String, String> {
    let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    release.inputs.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn images(release: &Release) -> BTreeMap<String, String> {
    release.images.iter().map(|(service, image)| (service.clone(), image.pinned().to_string())).collect()
}

fn ports(release: &Release) -> BTreeMap<String, String> {
    let port =
        |(name, port): (&String, &crate::HostPort)| (name.clone(), format!("{}/{}", port.port, port.protocol.as_str()));
    release.ports.iter().map(port).collect()
}

fn bindings(release: &Release) -> BTreeMap<String, String> {
    let word = |binding: &Binding| match binding {
        Binding::Managed { app } => format!("{app}, made for it"),
        Binding::Existing { app } => app.to_string(),
        Binding::External { .. } => "outside of this box".to_owned(),
        Binding::Bundled => "within the app".to_owned(),
    };
    release.bindings.iter().map(|(name, binding)| (name.clone(), word(binding))).collect()
}

fn permissions(release: &Release) -> Result<BTreeMap<String, String>, Error> {
    let extension = Extension::read(release)?;
    let all = crate::consent::all(extension.manifest().x().permissions.iter());
    Ok(all.into_iter().map(|permission| (permission.grant, permission.reason)).collect())
}

fn text(old: &Release, new: &Release) -> String {
    if old.manifest == new.manifest {
        return String::new();
    }
    let name = |release: &Release| format!("release {}", release.number);
    similar::TextDiff::from_lines(&old.manifest, &new.manifest)
        .unified_diff()
        .context_radius(AROUND)
        .header(&name(old), &name(new))
        .to_string()
}
