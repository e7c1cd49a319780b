//! Another version, and back: what an update would do, updating, rolling back, the snapshots that come of it.

use std::collections::{BTreeMap, BTreeSet};

use orbitr_access::{
    Permit,
    action::{ChangeApp, RemoveApp, ViewApp},
};
use orbitr_model::{Actor, AppId, FieldError, ReleaseId, deed};
use orbitr_sdk::{Bindings, Field, PortWish};
use orbitr_store::NewEvent;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Apps, Error,
    bindings::{rows as binding_rows, words},
    consent::{self, NoticeView},
    extension::{Answers, Extension},
    kinds::{
        change::{self, Data, Way},
        forget,
    },
    model::{App, HostPort, Phase, Release, RollBackData, RollBackRequest, Snapshot, UpdateRequest, Wanted},
    obstacles::{kept_bindings, unbound},
    ops::{event, new_job, write_release},
    plan::{check_ports, pick_port, release},
    policy::{self, Cause, Hold},
    rows, safe_mode, secret_values,
    store_front::PermissionView,
    view::{Started, Version},
    work::blocking,
};

/// What an update would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpdatePlan {
    /// What the app runs.
    pub from: Version,
    /// What the store has.
    pub to: Version,
    /// Images that the new version runs and the app does not run yet.
    pub images: Vec<String>,
    /// What the new version asks for the first time, in order.
    pub inputs: Vec<Field>,
    /// Answers that it does not ask for any more; they are forgotten.
    pub dropped: Vec<String>,
    /// Versions that run on the way, one after another.
    pub stones: Vec<String>,
    /// Whether the app is down while its data is kept and the new version starts.
    pub stops: bool,
    /// Why it cannot be updated on this box; empty when it can.
    pub obstacles: Vec<String>,
    /// What to know before, in the order of the versions.
    pub notices: Vec<NoticeView>,
    /// What the new version may do and the one of now may not: consent to each is needed, by name.
    pub permissions: Vec<PermissionView>,
    /// That the app is held; it is not updated until it is released.
    pub hold: Option<Hold>,
}

/// A new release of an app, ready to be written.
pub(crate) struct Draft {
    pub(crate) release: Release,
    pub(crate) previous: ReleaseId,
    pub(crate) secrets: BTreeMap<String, String>,
    /// What becomes of the data, where this release may change it.
    pub(crate) data: Option<Data>,
    /// What is done on the way.
    pub(crate) way: Way,
    /// Why there is one.
    pub(crate) cause: Cause,
    /// What is consented to with it.
    pub(crate) consent: BTreeSet<String>,
}

/// What the database says before an app gets another release.
struct Before {
    active: Release,
    held: Vec<(HostPort, AppId)>,
    next_number: u32,
}

impl Apps {
    /// The version that an app could be updated to; none when the store has no newer one.
    pub(crate) fn newer(&self, app: &App, version: &str, revision: u32) -> Option<Version> {
        let manifest = &self.catalog.get(&app.extension)?.manifest;
        (app.phase == Phase::Installed && manifest.is_newer_than(version, revision)).then(|| Version::of(manifest))
    }

    /// What an update would do. Changes nothing.
    ///
    /// # Errors
    /// The app is not installed, or there is no newer version.
    pub async fn plan_update(&self, permit: &Permit<ChangeApp>) -> Result<UpdatePlan, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| Ok::<_, Error>((rows::get(conn, &id)?, policy::of(conn, &id)?));
        let (app, policy) = self.hands.store.read(read).await?;
        let before = self.before_change(&app).await?;
        let (old, new) = (Extension::read(&before.active)?, self.newer_extension(&app, &before.active)?);
        let obstacles = self.obstacles(&app, &new, &before.active).await?;
        let runs: Vec<String> = before.active.images.values().map(|image| image.reference.to_string()).collect();
        let kept = kept_bindings(&before.active, &new);
        let images = new.images(&words(&kept))?.into_values().map(|image| image.reference.to_string());
        let asked = |name: &str| old.manifest().inputs().contains_key(name);
        Ok(UpdatePlan {
            from: Version { version: before.active.version.clone(), revision: before.active.revision },
            to: Version::of(new.manifest()),
            images: images.filter(|image| !runs.contains(image)).collect(),
            inputs: new.manifest().form().fields.into_iter().filter(|field| !asked(&field.name)).collect(),
            dropped: dropped(&before.active, &new),
            stones: stones(&new, &before.active.version),
            stops: app.wanted == Wanted::Running,
            obstacles,
            notices: consent::notices(self.entry(&app.extension)?, &before.active.version),
            permissions: consent::asked(old.manifest(), new.manifest()),
            hold: policy.hold,
        })
    }

    /// Updates an app to the version that the store has: a new release beside the active one, and the job that switches to
    /// it. The data is kept as it was, and comes back with the release before when the new one does not answer.
    ///
    /// # Errors
    /// There is no newer version or another one than was asked for, it cannot run here, it asks for an input or a consent
    /// that is not given, a port is taken, the app is held or not installed, or a job is at it.
    pub async fn update(&self, permit: &Permit<ChangeApp>, request: UpdateRequest) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let id = app.id.clone();
        policy::not_held(&app, &self.hands.store.read(move |conn| policy::of(conn, &id)).await?)?;
        let draft = self.draft_update(&app, &request, Cause::Update, permit.actor()).await;
        let plan = self.plan_update(permit).await?;
        let consent = consent::check(permit, &plan.permissions, &request.consent);
        let draft = consent::together(draft, [consent, consent::check_read(&plan.notices, request.breaking)])?;
        let to = draft.release.version.clone();
        let detail = json!({ "version": to, "revision": draft.release.revision, "consent": request.consent });
        let event = event(permit, deed::APP_UPDATE, &app, detail);
        let title = format!("Update {} to {to}", app.name);
        self.switch(permit.actor(), app, draft, &title, event).await
    }

    /// Runs an older release again, as a new one, with the data of now or of then.
    ///
    /// # Errors
    /// There is no such release, it is the active one, its data of then is not there, a port is taken, the app is not
    /// installed, or a job is at it.
    pub async fn roll_back(&self, permit: &Permit<ChangeApp>, request: RollBackRequest) -> Result<Started, Error> {
        let app = self.idle_app(permit.resource(), Phase::Installed).await?;
        let draft = self.draft_roll_back(&app, &request, permit.actor()).await?;
        let detail = json!({ "release": request.release, "data": request.data, "version": draft.release.version });
        let event = event(permit, deed::APP_ROLL_BACK, &app, detail);
        let title = format!("Roll {} back to release {}", app.name, request.release);
        self.switch(permit.actor(), app, draft, &title, event).await
    }

    /// The snapshots of an app's data, the newest first.
    ///
    /// # Errors
    /// There is no such app, or the database does not answer.
    pub async fn snapshots(&self, permit: &Permit<ViewApp>) -> Result<Vec<Snapshot>, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| rows::get(conn, &id).and_then(|app| rows::snapshots(conn, &app.id));
        self.hands.store.read(read).await
    }

    /// Deletes a snapshot of an app's data, for good.
    ///
    /// # Errors
    /// There is no such app or snapshot, or a job is at the app.
    pub async fn forget_snapshot(&self, permit: &Permit<RemoveApp>, number: u32) -> Result<Started, Error> {
        let id = permit.resource().clone();
        let read = move |conn: &Connection| Ok::<_, Error>((rows::get(conn, &id)?, rows::snapshots(conn, &id)?));
        let (app, snapshots) = self.hands.store.read(read).await?;
        if !snapshots.iter().any(|snapshot| snapshot.number == number) {
            return Err(Error::SnapshotGone { app: app.id, number });
        }
        let args = forget::Args { app: app.id.clone(), snapshot: number };
        let title = format!("Delete a snapshot of the data of {}", app.name);
        let job = new_job::<forget::Forget>(&args, &app, &title, permit.actor())?;
        let event = event(permit, deed::APP_FORGET_SNAPSHOT, &app, json!({ "snapshot": number }));
        self.start(app, event, job, |_, _| Ok(())).await
    }

    /// Writes a release down with the job that makes it the active one.
    pub(crate) async fn switch(
        &self,
        actor: &Actor,
        app: App,
        draft: Draft,
        title: &str,
        event: NewEvent,
    ) -> Result<Started, Error> {
        self.hands.folder(&app.id).check().await?;
        let safe = self.in_safe_mode().await?;
        let id = app.id.clone();
        let serves = !self.hands.store.read(move |conn| binding_rows::of_provider(conn, &id)).await?.is_empty();
        let args = change::Args {
            app: app.id.clone(),
            release: draft.release.id,
            previous: draft.previous,
            // In safe mode it gets its new release without being started.
            running: (app.wanted == Wanted::Running || draft.cause.wakes()) && !safe,
            data: draft.data,
            way: draft.way,
            serves,
            automatic: draft.cause.is_automatic(),
        };
        // What runs on the way cannot run in an app that is down.
        if safe && args.way != Way::default() {
            return Err(Error::SafeMode);
        }
        let job = new_job::<change::Change>(&args, &app, title, actor)?;
        let secrets = self.hands.store.secrets().clone();
        self.start(app, event, job, move |tx, app| {
            if safe_mode::is_on(tx)? != safe {
                return Err(Error::Busy(app.id.clone()));
            }
            draft.cause.settle(tx, app, &draft.release)?;
            write_release(tx, &secrets, &draft.release, &draft.secrets)?;
            consent::keep(tx, draft.release.id, &draft.consent)
        })
        .await
    }

    async fn before_change(&self, app: &App) -> Result<Before, Error> {
        let app = app.clone();
        let read = move |conn: &Connection| {
            let Some(active) = rows::latest(conn, &app)? else {
                return Err(Error::WrongState { app: app.id, why: "has no release".to_owned() });
            };
            Ok(Before { active, held: rows::held_ports(conn)?, next_number: rows::next_number(conn, &app.id)? })
        };
        self.hands.store.read(read).await
    }

    fn newer_extension(&self, app: &App, active: &Release) -> Result<Extension, Error> {
        let newest = || Error::WrongState { app: app.id.clone(), why: "has the newest version already".to_owned() };
        let entry = self.entry(&app.extension)?;
        self.newer(app, &active.version, active.revision).ok_or_else(newest)?;
        Extension::parse(entry.manifest.text())
    }

    pub(crate) async fn draft_update(
        &self,
        app: &App,
        request: &UpdateRequest,
        cause: Cause,
        actor: &Actor,
    ) -> Result<Draft, Error> {
        let before = self.before_change(app).await?;
        let old = Extension::read(&before.active)?;
        let new = self.newer_extension(app, &before.active)?;
        new.check_runs_here(&app.extension)?;
        let no = |reason: &str| Error::WrongState { app: app.id.clone(), why: format!("cannot be updated: {reason}") };
        if let Some(reason) = self.obstacles(app, &new, &before.active).await?.first() {
            return Err(no(reason));
        }
        let version = new.manifest().version();
        if request.version.as_deref().is_some_and(|asked| asked != version) {
            let message = format!("the store has {version} by now; look at what changes once more");
            return Err(Error::Inputs(vec![FieldError { field: "version".to_owned(), message }]));
        }
        only_new_answers(request, &old)?;
        let kept = secret_values(&self.hands.store, &before.active).await?;
        let mut given = before.active.inputs.clone();
        given.retain(|name, _| new.manifest().inputs().contains_key(name.as_str()));
        given.extend(request.inputs.clone());
        let bindings = kept_bindings(&before.active, &new);
        let answers = self.answers_again(&new, &before, given, kept, words(&bindings)).await?;
        if let Some(reason) = unbound(&new, &answers.resolved, &bindings) {
            return Err(no(&reason));
        }
        let added = added(&answers.ports, &before.active);
        check_ports(added, &before.held, &app.id).await?;
        let now = orbitr_store::time::now();
        let mut release = release(&new, &app.id, &app.extension, before.next_number, &answers, now)?;
        release.bindings = bindings;
        release.reason = match before.active.version == release.version {
            true => format!("Updated to revision {} of {}", release.revision, release.version),
            false => format!("Updated from {} to {}", before.active.version, release.version),
        };
        release.made_by = actor.clone();
        let way = Way::of(&new, &before.active.version);
        let (data, consent) = (Some(Data::GoOn), request.consent.clone());
        Ok(Draft { release, previous: before.active.id, secrets: answers.secrets, data, way, cause, consent })
    }

    /// Answers to a newer version of an extension: ports stay, and new ones get a free number.
    async fn answers_again(
        &self,
        new: &Extension,
        before: &Before,
        given: BTreeMap<String, Value>,
        kept: BTreeMap<String, String>,
        bindings: Bindings,
    ) -> Result<Answers, Error> {
        let mut taken = before.held.iter().map(|(port, _)| *port).collect();
        let (new, facts, ports) = (new.clone(), self.facts(), before.active.ports.clone());
        blocking(move || {
            let mut pick = |wish: &PortWish<'_>| {
                if let Some(had) = ports.get(&wish.variable) {
                    return Some(had.port);
                }
                let port = pick_port(wish, &taken)?;
                let port: HostPort = port;
                std::collections::BTreeSet::insert(&mut taken, port);
                Some(port.port)
            };
            new.resolve(&given, &kept, &bindings, &facts, &mut pick)
        })
        .await
    }

    async fn draft_roll_back(&self, app: &App, request: &RollBackRequest, actor: &Actor) -> Result<Draft, Error> {
        let before = self.before_change(app).await?;
        let (id, number) = (app.id.clone(), request.release);
        let read = move |conn: &Connection| {
            Ok::<_, Error>((rows::release_by_number(conn, &id, number)?, rows::snapshots(conn, &id)?))
        };
        let wrong = |message: String| Error::Inputs(vec![FieldError { field: "release".to_owned(), message }]);
        let (Some(old), snapshots) = self.hands.store.read(read).await? else {
            return Err(wrong(format!("there is no release {number}")));
        };
        if old.id == before.active.id {
            return Err(wrong(format!("release {number} is the active one")));
        }
        let data = match request.data {
            RollBackData::Now => Data::GoOn,
            RollBackData::Then => match snapshots.iter().find(|snapshot| snapshot.release == old.id) {
                Some(snapshot) => Data::From(snapshot.number),
                None => {
                    let message = format!("there is no snapshot of the data of release {number}");
                    return Err(Error::Inputs(vec![FieldError { field: "data".to_owned(), message }]));
                }
            },
        };
        if data == Data::GoOn && !Extension::read(&before.active)?.manifest().goes_back_to(&old.version) {
            let message = format!(
                "version {} cannot go on with what version {} wrote; take the data as it was then",
                old.version, before.active.version
            );
            return Err(Error::Inputs(vec![FieldError { field: "data".to_owned(), message }]));
        }
        check_ports(added(&old.ports, &before.active), &before.held, &app.id).await?;
        let secrets = secret_values(&self.hands.store, &old).await?;
        let release = old.again(before.next_number, format!("Rolled back to release {number}"), actor);
        let cause = Cause::Back { version: before.active.version, revision: before.active.revision };
        let (data, way, consent) = (Some(data), Way::default(), BTreeSet::new());
        Ok(Draft { release, previous: before.active.id, secrets, data, way, cause, consent })
    }
}

/// The versions on the way from this one.
fn stones(new: &Extension, from: &str) -> Vec<String> {
    let way = new.manifest().way_from(from).unwrap_or_default();
    way.into_iter().map(|step| step.version.clone()).collect()
}

/// An update answers what is asked for the first time; everything else has its own page.
fn only_new_answers(request: &UpdateRequest, old: &Extension) -> Result<(), Error> {
    let known = |name: &&String| old.manifest().inputs().contains_key(name.as_str());
    let fields: Vec<_> = request
        .inputs
        .keys()
        .filter(known)
        .map(|name| FieldError {
            field: format!("inputs.{name}"),
            message: "an update leaves this as it is; change it before or after".to_owned(),
        })
        .collect();
    if fields.is_empty() { Ok(()) } else { Err(Error::Inputs(fields)) }
}

/// Ports that the active release does not hold.
fn added(ports: &BTreeMap<String, HostPort>, active: &Release) -> Vec<HostPort> {
    ports.values().filter(|port| !active.ports.values().any(|held| held == *port)).copied().collect()
}

fn dropped(active: &Release, new: &Extension) -> Vec<String> {
    active.inputs.keys().filter(|name| !new.manifest().inputs().contains_key(name.as_str())).cloned().collect()
}
