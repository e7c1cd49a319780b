//! The acts that need root: what the units of the image run as `orbitr privileged ACT`, one short-lived process each.
//!
//! What lives here: one module for each act; how an act is asked, reports and ends ([`Run`]); the decisions, as pure
//! functions of what was found. What may not: the database, HTTP, Docker's API, any room; and nothing here trusts what
//! the supervisor hands over: every device, name and path is looked for on the machine.
//!
//! `overlays/image/README.md` is the contract with the image: files, units, marks on disks.

mod data;
mod docker;
mod error;
mod factory;
mod gate;
mod install;
mod places;
mod report;
mod settings;
mod stick;
mod store;
mod support;
mod updates;

use orbitr_model::Act;
use serde_json::Value;

pub use self::{
    data::{Decision, Seen, decide},
    error::Error,
    places::Places,
    report::Run,
};

/// Does one act. The report says how it went, too.
///
/// # Errors
/// Why it did not do what it was asked; there is nothing left to tell the supervisor then.
pub async fn act(act: Act, run: &Run) -> Result<(), Error> {
    let done: Result<Option<Value>, Error> = match act {
        Act::OpenData => data::open::open_data(run).await,
        Act::MakeData => data::make::make_data(run).await,
        Act::ApplySettings => settings::apply_settings(run).await,
        Act::Install => install::install(run).await,
        Act::FactoryReset => factory::factory_reset(run).await,
        Act::ResetDocker => docker::reset_docker(run).await,
        Act::Support => support::support(run).await,
        Act::SaveSupport => stick::save_support(run).await,
        Act::ReadUpdate => stick::read_update(run).await,
        Act::InstallUpdate => updates::install_update(run).await,
        Act::ChooseVersion => updates::choose_version(run).await,
        Act::LookAtUpdates => updates::look_at_updates(run).await,
        Act::HealthGate => gate::health_gate(run).await,
        Act::LookAtDockerStore => store::look_at_docker_store(run).await,
        Act::RebuildDockerStore => store::rebuild_docker_store(run).await,
        Act::RemoveDockerStores => store::remove_docker_stores(run).await,
    };
    run.end(done)
}
