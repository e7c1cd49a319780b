//! What can go wrong with the machine's operations, as types.

use std::net::Ipv4Addr;

use orbitr_model::{FieldError, JobId, Problem};

use crate::{
    Trial,
    power::{Holder, Pending},
};

/// An operation of this room that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Some of the input is not right.
    #[error("the input is not right")]
    Invalid(Vec<FieldError>),
    /// Somebody else changed the settings since they were read.
    #[error("the settings are at version {now}, not {expected}")]
    ChangedMeanwhile {
        /// The version that the caller saw.
        expected: u64,
        /// The version that there is.
        now: u64,
    },
    /// A setting in the database is not what any version of Orbitr writes.
    #[error("the setting {0} cannot be read")]
    Unreadable(&'static str),
    /// The kernel does not give the machine's figures or addresses.
    #[error("the machine does not answer")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no such unit.
    #[error("there is no unit {0}")]
    NoUnit(String),
    /// The unit is there, and is none of those that may be restarted.
    #[error("the unit {0} may not be restarted")]
    NotRestartable(String),
    /// A reboot or power off waits already.
    #[error("a reboot or power off waits already")]
    PowerPending(Pending),
    /// A factory reset waits already.
    #[error("a factory reset waits already")]
    ResetPending(JobId),
    /// The serial number that was typed is not this machine's.
    #[error("the serial number is another one")]
    WrongSerial,
    /// Something must not be cut.
    #[error("{} things hold a shutdown back", .0.len())]
    HeldBack(Vec<Holder>),
    /// Another network setting is tried at the moment.
    #[error("a network setting of {} is tried already", .0.name)]
    NetworkPending(Box<Trial>),
    /// No network setting is tried.
    #[error("no network setting is tried")]
    NothingTried,
    /// The machine does not have the setting yet that is to be confirmed.
    #[error("the network setting is not applied yet")]
    NotYetApplied,
    /// The confirmation came over a way that the new setting does not leave open; its address, where it is known.
    #[error("the confirmation did not come over the new setting")]
    NotOverTheNew(Option<Ipv4Addr>),
    /// A job is at Docker's store already.
    #[error("a job is at Docker's store already")]
    StoreAtWork(JobId),
    /// No such store was set aside.
    #[error("there is no store {0} that was set aside")]
    NoSetAside(String),
    /// It cannot be done on this machine; the text says why.
    #[error("it cannot be done here: {0}")]
    Unavailable(String),
    /// systemd or one of its fellows.
    #[error("the system bus")]
    Bus(#[from] orbitr_host::dbus::Error),
    /// The journal.
    #[error("the journal")]
    Journal(#[from] orbitr_host::journal::Error),
    /// Updates of the system.
    #[error("updates")]
    Update(#[from] crate::updates::Refused),
    /// The jobs.
    #[error("the jobs")]
    Jobs(#[from] orbitr_jobs::Error),
    /// The database.
    #[error("the database")]
    Store(#[from] orbitr_store::Error),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(fields) => Self::invalid(fields),
            Error::ChangedMeanwhile { .. } => {
                Self::new(412, "changed-meanwhile", "The settings have changed since you looked")
                    .why("Somebody else saved them in the meantime.")
                    .then("Look at them again and decide again.")
            }
            Error::Store(error) => error.into(),
            Error::Bus(error) => error.into(),
            Error::Journal(error) => error.into(),
            Error::Update(refused) => refused.into(),
            Error::Jobs(error) => error.into(),
            Error::NoUnit(name) => Self::not_found("unit", name),
            Error::NotRestartable(name) => {
                Self::new(409, "unit-not-restartable", format!("{name} cannot be restarted from here"))
                    .why("Only a few units can, so that nobody takes the machine apart by mistake.")
                    .then("Restart the machine, or use a shell on it.")
            }
            Error::PowerPending(pending) => {
                Self::new(409, "power-pending", format!("«{}» waits already", pending.verb.word()))
                    .why("It begins when the last job has ended.")
                    .then(format!("Wait, or cancel the job {}.", pending.job))
            }
            Error::ResetPending(job) => Self::new(409, "reset-pending", "A factory reset waits already")
                .why("It begins when the last job has ended.")
                .then(format!("Wait, or cancel the job {job}.")),
            Error::WrongSerial => {
                let mut problem = Self::field("serial", "This is not the serial number of this machine.");
                problem.code = "serial-wrong".to_owned();
                problem.then("Nothing was changed. Read it again and type it as it stands there.")
            }
            Error::HeldBack(held) => {
                let list = held.iter().map(|holder| match holder.why.as_str() {
                    "" => holder.who.clone(),
                    why => format!("{} ({why})", holder.who),
                });
                Self::new(409, "held-back", "Something must not be cut off now")
                    .why(list.collect::<Vec<_>>().join("; "))
                    .then("Wait until it has ended, or have the box wait for it.")
            }
            Error::NetworkPending(trial) => pending(&trial),
            Error::NothingTried => Self::new(409, "nothing-tried", "No network setting waits to be confirmed")
                .why("Either none was changed, or its time is over and the old one is back.")
                .then("Look at the network; change it again if you still want to."),
            Error::NotYetApplied => Self::new(409, "not-applied-yet", "The new network setting is only being made")
                .then("Confirm it in a few seconds.")
                .retry_after(2),
            Error::NotOverTheNew(address) => {
                Self::new(409, "not-over-the-new-address", "This did not come over the new network setting")
                    .why("The address that you came over goes away with it; nobody knows yet whether the new one can be reached.")
                    .then(address.map_or_else(
                        || "Open the box under its new address, or use its own screen, and confirm there.".to_owned(),
                        |address| format!("Open https://{address} and confirm there, or use the box's own screen."),
                    ))
            }
            Error::StoreAtWork(job) => Self::new(409, "docker-store-at-work", "Somebody is at Docker's store already")
                .why(format!("It is the job {job}."))
                .then("Wait until it has ended."),
            Error::NoSetAside(name) => Self::not_found("store that was set aside", name),
            Error::Unavailable(why) => Self::new(409, "not-here", "This cannot be done on this machine").why(why),
            Error::Unreadable(_) | Error::Host(_) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "machine operation failed");
                Self::internal()
            }
        }
    }
}

fn pending(trial: &Trial) -> Problem {
    let title = format!("A new setting of {} waits to be confirmed", trial.name);
    let why =
        format!("«{}» goes back in {} s to «{}».", trial.to.sentence(), trial.seconds_left, trial.from.sentence());
    Problem::new(409, "network-pending", title).why(why).then("Confirm it or take it back, then change something else.")
}
