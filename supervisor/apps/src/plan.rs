//! What an installation or a change would do, before anything is done.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use orbitr_access::{Permit, action::ViewCatalog};
use orbitr_model::{Actor, AppId, DisplayName, ExtensionId, FieldError, ProjectId, ReleaseId, Timestamp};
use orbitr_sdk::{Bindings, Instances, PortWish};
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Apps, Error,
    bindings::{Chosen, choose},
    extension::{Answers, Extension, protocol},
    kinds::change,
    model::{App, ChangeRequest, HostPort, InstallRequest, Phase, Release, Wanted},
    obstacles::needed,
    policy::Cause,
    releases, rows, secret_values,
    work::blocking,
};

/// What an installation would do.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Plan {
    /// The extension.
    pub extension: ExtensionId,
    /// The id that the app would have.
    pub app: AppId,
    /// What it would be called.
    pub name: DisplayName,
    /// Whether the data of an earlier installation is there and would be used.
    pub onto_kept_data: bool,
    /// The inputs with every default filled in, without secret ones.
    pub inputs: BTreeMap<String, Value>,
    /// The ports of the box that it would hold, by variable.
    pub ports: BTreeMap<String, HostPort>,
    /// The images that it runs.
    pub images: Vec<String>,
    /// What is wrong with the answers so far; empty when it can be installed.
    pub fields: Vec<FieldError>,
}

/// An app and its first release, ready to be written.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) app: App,
    pub(crate) release: Release,
    pub(crate) answers: Answers,
    pub(crate) onto_kept_data: bool,
    pub(crate) chosen: Chosen,
    pub(crate) one_only: bool,
}

impl Draft {
    pub(crate) fn history(&self) -> Value {
        serde_json::json!({
            "extension": self.app.extension,
            "version": self.release.version,
            "onto_kept_data": self.onto_kept_data,
            "ports": self.release.ports,
        })
    }
}

/// What the database says before an installation.
pub(crate) struct Before {
    pub(crate) apps: Vec<App>,
    pub(crate) held: Vec<(HostPort, AppId)>,
    pub(crate) kept: Option<(App, Option<Release>)>,
    next_number: u32,
}

impl Apps {
    /// What an installation with these answers would do. Changes nothing.
    ///
    /// # Errors
    /// There is no such extension, it cannot run here, or the id is not free. Wrong answers are no error:
    /// they are in the plan.
    pub async fn plan(&self, _: &Permit<ViewCatalog>, request: &InstallRequest) -> Result<Plan, Error> {
        let entry = self.entry(&request.extension)?;
        let extension = Extension::parse(entry.manifest.text())?;
        extension.check_runs_here(&request.extension)?;
        let before = self.before(request, &extension).await?;
        let (app, name) = names(request, &extension, &before.apps)?;
        let onto_kept_data = before.kept.is_some();
        let mut plan = Plan {
            extension: request.extension.clone(),
            app,
            name,
            onto_kept_data,
            inputs: BTreeMap::new(),
            ports: BTreeMap::new(),
            images: Vec::new(),
            fields: Vec::new(),
        };
        match self.answers(request, &extension, &before).await {
            Ok((answers, _)) => {
                let images = extension.images(answers.resolved.bindings())?;
                plan.images = images.into_values().map(|image| image.reference.to_string()).collect();
                plan.inputs = answers.resolved.plain();
                plan.ports = answers.ports;
            }
            Err(Error::Inputs(fields)) => plan.fields = fields,
            Err(error) => return Err(error),
        }
        Ok(plan)
    }

    /// The rows of an installation.
    pub(crate) async fn draft(&self, request: &InstallRequest, extension: &Extension) -> Result<Draft, Error> {
        let before = self.before(request, extension).await?;
        let (id, name) = names(request, extension, &before.apps)?;
        let (answers, chosen) = self.answers(request, extension, &before).await?;
        let now = orbitr_store::time::now();
        let release = release(extension, &id, &request.extension, before.next_number, &answers, now)?;
        let onto_kept_data = before.kept.is_some();
        let app = App {
            id,
            name,
            // The caller puts in the project that its permit is for.
            project: before.kept.as_ref().map_or_else(ProjectId::new, |(app, _)| app.project),
            extension: request.extension.clone(),
            phase: Phase::Installing,
            wanted: Wanted::Running,
            active: None,
            created: before.kept.as_ref().map_or(now, |(app, _)| app.created),
            changed: before.kept.as_ref().map_or(now, |(app, _)| app.changed),
        };
        let one_only = extension.manifest().x().instances == Instances::One;
        Ok(Draft { app, release, answers, onto_kept_data, chosen, one_only })
    }

    /// The rows of a change of inputs.
    pub(crate) async fn draft_change(
        &self,
        app: &App,
        request: &ChangeRequest,
        actor: &Actor,
    ) -> Result<releases::Draft, Error> {
        let id = app.id.clone();
        let read = move |conn: &Connection| {
            let app = rows::get(conn, &id)?;
            let latest = rows::latest(conn, &app)?;
            Ok::<_, Error>((latest, rows::held_ports(conn)?, rows::next_number(conn, &id)?))
        };
        let (latest, held, number) = self.hands.store.read(read).await?;
        let Some(before) = latest else {
            return Err(Error::WrongState { app: app.id.clone(), why: "has no release".to_owned() });
        };
        let extension = Extension::read(&before)?;
        let kept = secret_values(&self.hands.store, &before).await?;
        let facts = self.facts();
        let was = extension.answers_of(&before, &kept, &facts)?;
        let mut given = before.inputs.clone();
        given.extend(request.inputs.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut keep = |wish: &PortWish<'_>| before.ports.get(&wish.variable).map(|port| port.port);
        let answers = extension.resolve(&given, &kept, was.resolved.bindings(), &facts, &mut keep)?;
        if !extension.check_change(&answers.resolved, &was.resolved).map_err(Error::Inputs)? {
            return Err(Error::Inputs(vec![FieldError {
                field: "inputs".to_owned(),
                message: "nothing changes".to_owned(),
            }]));
        }
        if let Some(what) = needed(&extension, &answers.resolved, &before.bindings) {
            let why =
                format!("needs {what} with these answers, which it was installed without: install another one so");
            return Err(Error::WrongState { app: app.id.clone(), why });
        }
        let new: Vec<HostPort> =
            answers.ports.values().filter(|port| !before.ports.values().any(|old| old == *port)).copied().collect();
        check_ports(new, &held, &app.id).await?;
        let now = orbitr_store::time::now();
        let mut release = release(&extension, &app.id, &app.extension, number, &answers, now)?;
        release.bindings.clone_from(&before.bindings);
        release.reason = format!("Changed {}", request.inputs.keys().cloned().collect::<Vec<_>>().join(", "));
        release.made_by = actor.clone();
        // Other answers to the same version: the data is not another program's.
        Ok(releases::Draft {
            release,
            previous: before.id,
            secrets: answers.secrets,
            data: None,
            way: change::Way::default(),
            cause: Cause::Change,
            consent: BTreeSet::new(),
        })
    }

    pub(crate) async fn before(&self, request: &InstallRequest, extension: &Extension) -> Result<Before, Error> {
        let wanted = request.app.clone();
        let one_only = extension.manifest().x().instances == Instances::One;
        let id = request.extension.clone();
        let before = self.hands.store.read(move |conn| {
            let apps = rows::apps(conn)?;
            let there = apps.iter().find(|app| one_only && app.extension == id && app.phase != Phase::Kept);
            if let Some(there) = there {
                return Err(Error::OneOnly { extension: id, app: there.id.clone() });
            }
            let found = wanted.as_ref().and_then(|wanted| apps.iter().find(|app| app.id == *wanted)).cloned();
            let kept = match found {
                None => None,
                Some(app) if app.phase == Phase::Kept && app.extension == id => {
                    let release = rows::latest(conn, &app)?;
                    Some((app, release))
                }
                Some(app) => return Err(Error::IdTaken(app.id)),
            };
            let next_number = match &kept {
                Some((app, _)) => rows::next_number(conn, &app.id)?,
                None => 1,
            };
            Ok(Before { apps, held: rows::held_ports(conn)?, kept, next_number })
        });
        before.await
    }

    /// Reads the answers; ports that nobody chose get a free number.
    async fn answers(
        &self,
        request: &InstallRequest,
        extension: &Extension,
        before: &Before,
    ) -> Result<(Answers, Chosen), Error> {
        let mut given = BTreeMap::new();
        let mut kept = BTreeMap::new();
        if let Some((_, Some(release))) = &before.kept {
            given.clone_from(&release.inputs);
            kept = secret_values(&self.hands.store, release).await?;
        }
        given.extend(request.inputs.iter().map(|(name, value)| (name.clone(), value.clone())));
        let chosen = choose(extension, &request.bindings).map_err(Error::Inputs)?;
        kept.extend(chosen.secrets.clone());
        let own = request.app.clone().unwrap_or_else(fresh_id);
        let words = chosen.words.clone();
        let answers = self.answers_to((given, kept, words), extension, (&before.held, &BTreeSet::new()), &own).await?;
        Ok((answers, chosen))
    }

    /// The same with everything that is known already: what is answered, the secrets that are there, and where
    /// requirements come from. Ports that are `freed` before it starts are not looked for on the machine.
    pub(crate) async fn answers_to(
        &self,
        (given, kept, words): (BTreeMap<String, Value>, BTreeMap<String, String>, Bindings),
        extension: &Extension,
        (held, freed): (&[(HostPort, AppId)], &BTreeSet<HostPort>),
        own: &AppId,
    ) -> Result<Answers, Error> {
        let mut taken: BTreeSet<HostPort> = held.iter().map(|(port, _)| *port).collect();
        let extension = extension.clone();
        let facts = self.facts();
        // Looking whether a port is free asks the kernel.
        let answers = blocking(move || {
            let mut pick = |wish: &PortWish<'_>| {
                let port = pick_port(wish, &taken)?;
                taken.insert(port);
                Some(port.port)
            };
            extension.resolve(&given, &kept, &words, &facts, &mut pick)
        })
        .await?;
        check_ports(answers.ports.values().copied().filter(|port| !freed.contains(port)).collect(), held, own).await?;
        Ok(answers)
    }
}

/// An id that no app has; only to be compared with.
fn fresh_id() -> AppId {
    #[expect(clippy::expect_used, reason = "a constant that is right")]
    "new".parse().expect("a slug")
}

/// The id and the name of the new app: as asked for, or made from the extension's.
fn names(request: &InstallRequest, extension: &Extension, apps: &[App]) -> Result<(AppId, DisplayName), Error> {
    let taken = |id: &AppId| apps.iter().any(|app| app.id == *id);
    let base = request.extension.name();
    let id = match &request.app {
        Some(id) => id.clone(),
        None => free_id(base, taken)?,
    };
    let name = match &request.name {
        Some(name) => name.clone(),
        None => {
            extension.manifest().meta().name.parse().map_err(|_| Error::Manifest("its name is no name".to_owned()))?
        }
    };
    Ok((id, name))
}

/// The first id that nobody has: this one, or this one with a number.
pub(crate) fn free_id(base: &str, taken: impl Fn(&AppId) -> bool) -> Result<AppId, Error> {
    let choose = || {
        let message = "choose an id for the app".to_owned();
        Error::Inputs(vec![FieldError { field: "app".to_owned(), message }])
    };
    (1..1000)
        .map(|n| if n == 1 { base.to_owned() } else { format!("{}-{n}", base.get(..36).unwrap_or(base)) })
        .filter_map(|text| text.parse().ok())
        .find(|id| !taken(id))
        .ok_or_else(choose)
}

pub(crate) fn release(
    extension: &Extension,
    app: &AppId,
    id: &ExtensionId,
    number: u32,
    answers: &Answers,
    now: Timestamp,
) -> Result<Release, Error> {
    Ok(Release {
        id: ReleaseId::new(),
        app: app.clone(),
        number,
        extension: id.clone(),
        version: extension.manifest().version().to_owned(),
        revision: extension.manifest().x().revision,
        manifest: extension.manifest().text().to_owned(),
        inputs: answers.resolved.plain(),
        ports: answers.ports.clone(),
        images: extension.images(answers.resolved.bindings())?,
        bindings: BTreeMap::new(),
        reason: "Installed".to_owned(),
        made_by: Actor::Box,
        created: now,
        pinned: false,
    })
}

/// The preferred port if it is free, else the next free one in its range.
pub(crate) fn pick_port(wish: &PortWish<'_>, taken: &BTreeSet<HostPort>) -> Option<HostPort> {
    let protocol = protocol(wish.protocol);
    let free = |port: &u16| {
        let port = HostPort { port: *port, protocol };
        (!taken.contains(&port) && is_free(port)).then_some(port)
    };
    if let Some(preferred) = wish.preferred {
        if let Some(port) = free(&preferred) {
            return Some(port);
        }
        if wish.fixed {
            return None;
        }
    }
    let (first, last) = match (wish.range, wish.preferred) {
        (Some(range), _) => (*range.ports().start(), *range.ports().end()),
        (None, Some(preferred)) if preferred >= 1024 => (preferred, preferred.saturating_add(1000)),
        (None, _) => (10_000, 19_999),
    };
    (first..=last).find_map(|port| free(&port))
}

/// Whether nothing on this machine listens on a port, on any address.
pub(crate) fn is_free(port: HostPort) -> bool {
    use crate::model::Protocol;
    let addresses: [SocketAddr; 2] =
        [(Ipv4Addr::UNSPECIFIED, port.port).into(), (Ipv6Addr::UNSPECIFIED, port.port).into()];
    addresses.iter().all(|address| {
        let tried = match port.protocol {
            Protocol::Tcp => std::net::TcpListener::bind(address).map(drop),
            Protocol::Udp => std::net::UdpSocket::bind(address).map(drop),
        };
        // A machine without IPv6 has no port there to be taken.
        !matches!(tried, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
    })
}

/// Refuses ports that somebody holds already. Those of the app itself are its own.
pub(crate) async fn check_ports(ports: Vec<HostPort>, held: &[(HostPort, AppId)], own: &AppId) -> Result<(), Error> {
    for port in &ports {
        if let Some((_, by)) = held.iter().find(|(taken, by)| taken == port && by != own) {
            return Err(Error::PortTaken { port: *port, by: Some(by.clone()) });
        }
    }
    blocking(move || match ports.into_iter().find(|port| !is_free(*port)) {
        Some(port) => Err(Error::PortTaken { port, by: None }),
        None => Ok(()),
    })
    .await
}

/// The draft was made outside of the transaction: is it still true?
pub(crate) fn still_free(conn: &Connection, draft: &Draft) -> Result<(), Error> {
    let now = rows::find(conn, &draft.app.id)?;
    match (&now, draft.onto_kept_data) {
        (None, false) => {}
        (Some(app), true) if app.phase == Phase::Kept && app.changed == draft.app.changed => {}
        _ => return Err(Error::IdTaken(draft.app.id.clone())),
    }
    if draft.one_only {
        let others = rows::apps(conn)?.into_iter();
        let there = others.filter(|app| app.id != draft.app.id && app.phase != Phase::Kept);
        if let Some(there) = there.into_iter().find(|app| app.extension == draft.app.extension) {
            return Err(Error::OneOnly { extension: draft.app.extension.clone(), app: there.id });
        }
    }
    Ok(())
}
