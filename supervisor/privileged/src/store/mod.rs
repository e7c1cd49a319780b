//! Docker's store: whether it is whole (`look-at-docker-store`), setting it aside and beginning another one
//! (`rebuild-docker-store`), and removing what was set aside (`remove-docker-stores`).
//!
//! What is set aside stays within the store's own folder, in `set-aside-TIME`: so everything is moved by renames alone, also
//! where the folder is a subvolume of its own, and the named volumes, which are somebody's data, are never moved at all.

mod aside;
mod engine;
mod examine;

use std::time::{Duration, Instant};

use orbitr_host::files;
use orbitr_model::{
    DockerStoreFacts, LookAtDockerStoreRequest, RebuildDockerStoreRequest, RemoveDockerStoresRequest, SetAside,
    Timestamp,
};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{Error, Places, Run, report::leave};

const LOOK: &str = "Looking at Docker's store";
const REMOVE: &str = "Removing a store that was set aside";
/// How long a look may read: a store of hundreds of images is read in a few seconds on a slow disk.
const LIMIT: Duration = Duration::from_secs(90);
/// What Docker writes at this moment looks damaged for a moment: only what still does after this is.
const CONFIRM: Duration = Duration::from_secs(2);
/// So many files are told by name.
const TOLD: usize = 20;

/// `look-at-docker-store`: writes `docker-store.json` anew. Changes nothing else.
pub(crate) async fn look_at_docker_store(run: &Run) -> Result<Option<Value>, Error> {
    // Nobody has to ask: the unit also runs after each start of Docker, and once a day.
    run.request::<LookAtDockerStoreRequest>()?;
    let facts = look(run).await?;
    Ok(Some(json!({ "damaged": facts.damage.len() })))
}

/// `rebuild-docker-store`.
pub(crate) async fn rebuild_docker_store(run: &Run) -> Result<Option<Value>, Error> {
    let request: RebuildDockerStoreRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    if !run.places.docker_store.is_dir() {
        return Err(Error::NoStore(run.places.docker_store.clone()));
    }
    let name = match aside::done(&run.places, &request.key) {
        // It was cut off while Docker came up again.
        Some(name) => name,
        None => set_aside(run, &request.key).await?,
    };
    run.fraction(0.6)?;
    run.step("Starting Docker")?;
    engine::start(run).await?;
    run.step("Waiting until Docker answers")?;
    engine::answers(run).await?;
    run.fraction(0.9)?;
    look(run).await?;
    let path = run.places.docker_store.join(&name);
    Ok(Some(json!({ "name": name, "path": path })))
}

/// Stops Docker and moves its store away. From its first write to its last one Docker does not start, whatever happens.
async fn set_aside(run: &Run, key: &str) -> Result<String, Error> {
    run.fraction(0.0)?;
    run.step("Stopping Docker")?;
    engine::stop(run).await?;
    run.fraction(0.3)?;
    engine::let_go(run).await?;
    let name = aside::begin(run, key)?;
    aside::carry_on(run, &name)?;
    run.step("Looking at the volumes")?;
    aside::spare_volumes(run, &name)?;
    run.step("Ending the move")?;
    aside::end(run)?;
    Ok(name)
}

/// `remove-docker-stores`.
pub(crate) async fn remove_docker_stores(run: &Run) -> Result<Option<Value>, Error> {
    let request: RemoveDockerStoresRequest = run.request()?.ok_or_else(|| Error::Request("nobody asked".to_owned()))?;
    if let Some(wrong) = request.names.iter().find(|name| !SetAside::is_name(name)) {
        let wrong: String = wrong.chars().filter(char::is_ascii_graphic).take(80).collect();
        return Err(Error::Request(format!("«{wrong}» is no store that was set aside")));
    }
    if let Some((name, _)) = aside::begun(&run.places).filter(|(name, _)| request.names.contains(name)) {
        return Err(Error::Request(format!("{name} is still being set aside")));
    }
    for name in &request.names {
        run.step(&format!("Removing {name}"))?;
        for store in aside::stores(&run.places) {
            let folder = store.join(name);
            // Whether it was whole or half removed before does not matter.
            let removed = tokio::task::spawn_blocking(move || files::remove(&folder)).await;
            removed.map_err(|_| Error::Stopped)?.map_err(Error::io(REMOVE))?;
        }
    }
    look(run).await?;
    Ok(Some(json!({ "removed": request.names })))
}

/// Looks, and tells everybody.
async fn look(run: &Run) -> Result<DockerStoreFacts, Error> {
    run.step(LOOK)?;
    let until = Instant::now() + LIMIT;
    let places = run.places.clone();
    let (mut suspects, complete) = blocking(move || examine::all(&places, until)).await?;
    if !suspects.is_empty() {
        sleep(CONFIRM).await;
        suspects = blocking(move || examine::again(suspects)).await?;
    }
    let more = suspects.len().saturating_sub(TOLD).try_into().unwrap_or(u32::MAX);
    suspects.truncate(TOLD);
    let places = run.places.clone();
    let facts = DockerStoreFacts {
        version: 1,
        looked_at: Timestamp::now(),
        complete,
        unfinished: aside::begun(&places).is_some(),
        damage: suspects.into_iter().map(examine::Suspect::tell).collect(),
        more,
        aside: blocking(move || aside::list(&places)).await?,
    };
    leave(&run.places.store_facts(), &facts)?;
    Ok(facts)
}

/// Reading many files keeps a thread of its own busy.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopped)
}

/// The marker that a rebuild was begun: Docker's units do not start while it is there.
fn marker(places: &Places) -> std::path::PathBuf {
    places.docker_store.join(".orbitr-rebuild")
}
