//! Why an app cannot go to a newer version on this box, in words that say what to do about it. What an update would do, the
//! update itself and the clock ask here, so that none of them begins what another one refuses.

use std::collections::BTreeMap;

use orbitr_model::AppId;
use orbitr_sdk::{Instances, PortWish, Require, Resolved};
use rusqlite::Connection;

use crate::{
    Apps, Error,
    bindings::{Binding, words},
    extension::Extension,
    kinds::change::Way,
    model::{App, Release, Wanted},
    rows, secret_values,
};

impl Apps {
    /// Why an app cannot be updated on this box; empty when it can.
    pub(crate) async fn obstacles(&self, app: &App, new: &Extension, active: &Release) -> Result<Vec<String>, Error> {
        let mut obstacles = match new.check_runs_here(&app.extension) {
            Ok(()) => Vec::new(),
            Err(Error::Unsupported { reasons, .. }) => reasons,
            Err(error) => return Err(error),
        };
        obstacles.extend(no_way(app, new, &active.version));
        let kept = kept_bindings(active, new);
        obstacles.extend(self.missing(new, active, &kept).await?);
        obstacles.extend(self.misfit(new, active, &kept).await?);
        Ok(obstacles)
    }

    /// What the new version requires with the answers of now that nobody was ever asked for.
    async fn missing(
        &self,
        new: &Extension,
        active: &Release,
        kept: &BTreeMap<String, Binding>,
    ) -> Result<Option<String>, Error> {
        let requires = new.manifest().requires().iter();
        let unasked: Vec<_> = requires
            .filter(|(name, it)| !it.optional && !kept.contains_key(name.as_str()))
            .map(|(_, require)| require)
            .collect();
        if let Some(require) = unasked.iter().find(|require| require.when.is_none()) {
            return Ok(Some(needs(new, title(require))));
        }
        if unasked.is_empty() {
            return Ok(None);
        }
        let secrets = secret_values(&self.hands.store, active).await?;
        let mut given = active.inputs.clone();
        given.retain(|name, _| new.manifest().inputs().contains_key(name.as_str()));
        // Only looked at: no port is taken by this.
        let mut pick = |wish: &PortWish<'_>| active.ports.get(&wish.variable).map(|had| had.port).or(wish.preferred);
        match new.resolve(&given, &secrets, &words(kept), &self.facts(), &mut pick) {
            Ok(answers) => Ok(unbound(new, &answers.resolved, kept)),
            // It asks something new first; the update looks again when that is answered.
            Err(Error::Inputs(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the app has, and the new version cannot go on with.
    async fn misfit(
        &self,
        new: &Extension,
        active: &Release,
        kept: &BTreeMap<String, Binding>,
    ) -> Result<Option<String>, Error> {
        let old = Extension::read(active)?;
        for (name, binding) in kept {
            let of = |extension: &Extension| extension.manifest().requires().get(name.as_str()).cloned();
            let (Some(require), Some(had)) = (of(new), of(&old)) else { continue };
            if require.capability != had.capability {
                let what = format!("the new version needs {} where this one has {}", title(&require), title(&had));
                return Ok(Some(format!("{what}: {}", apart(new))));
            }
            if !require.choices().contains(&binding.choice()) && had.choices().contains(&binding.choice()) {
                let what = format!("the new version takes {} from elsewhere than this one does", title(&require));
                return Ok(Some(format!("{what}: {}", apart(new))));
            }
            if let Some(provider) = binding.provider() {
                let unfit = self.unfit(provider.clone(), require).await?;
                if unfit.is_some() {
                    return Ok(unfit);
                }
            }
        }
        Ok(None)
    }

    /// Why an app does not give what the new version of another one needs.
    async fn unfit(&self, provider: AppId, require: Require) -> Result<Option<String>, Error> {
        let read = move |conn: &Connection| {
            let app = rows::get(conn, &provider)?;
            let release = rows::latest(conn, &app)?;
            Ok::<_, Error>((app, release))
        };
        let (app, Some(release)) = self.hands.store.read(read).await? else { return Ok(None) };
        let extension = Extension::read(&release)?;
        if extension.manifest().provides_for(&require).is_some() {
            return Ok(None);
        }
        let mut given = extension.manifest().provides().values();
        let given = given.find(|it| it.capability == require.capability).and_then(|it| it.version.clone());
        let given = given.unwrap_or_else(|| release.version.clone());
        let range = require.version.as_ref().map(|range| format!(" {}", range.as_str())).unwrap_or_default();
        let what =
            format!("the new version needs {}{range}, and {} ({}) gives {given}", title(&require), app.name, app.id);
        Ok(Some(format!("{what}: bring that app to a version that fits first")))
    }
}

/// Where the requirements of the new version come from: as before.
pub(crate) fn kept_bindings(active: &Release, new: &Extension) -> BTreeMap<String, Binding> {
    let mut kept = active.bindings.clone();
    kept.retain(|name, _| new.manifest().requires().contains_key(name.as_str()));
    kept
}

/// What the new version requires with these answers, and nobody was ever asked for.
pub(crate) fn unbound(new: &Extension, answers: &Resolved, kept: &BTreeMap<String, Binding>) -> Option<String> {
    needed(new, answers, kept).map(|what| needs(new, &what))
}

/// What an extension requires with these answers and does not have, as people call it.
pub(crate) fn needed(extension: &Extension, answers: &Resolved, has: &BTreeMap<String, Binding>) -> Option<String> {
    let mut needed = extension.needed(answers).into_iter();
    let (_, require) = needed.find(|(name, require)| !require.optional && !has.contains_key(name))?;
    Some(title(&require).to_owned())
}

fn needs(new: &Extension, what: &str) -> String {
    format!("the new version needs {what}, which this app was installed without: {}", apart(new))
}

/// What is left to do where the app cannot go on.
fn apart(new: &Extension) -> &'static str {
    match new.manifest().x().instances {
        Instances::Many => {
            "install the new version as another app and bring over what is in this one; this one goes on"
        }
        Instances::One => {
            "keep what is in it elsewhere, remove it, and install the new version; until then this one goes on"
        }
    }
}

fn title(require: &Require) -> &str {
    orbitr_sdk::contract(require.capability.as_str()).map_or(require.capability.as_str(), |contract| contract.title)
}

/// Why the app cannot go to the new version from where it is, as the extension says it.
pub(crate) fn no_way(app: &App, new: &Extension, from: &str) -> Option<String> {
    if let Err(range) = new.manifest().way_from(from) {
        return Some(format!("it can be reached from versions {} only, and the app runs {from}", range.as_str()));
    }
    let must_run = Way::of(new, from) != Way::default() && app.wanted == Wanted::Stopped;
    must_run.then(|| "the app must run for this update: start it first".to_owned())
}
