//! Just enough of the Compose part: what the lints and the computed permissions look at. The text itself is never
//! written again; Docker Compose reads it as it is.

mod keys;
mod ports;
mod read;
mod service;

use indexmap::IndexMap;

use crate::diagnostic::Place;

pub(crate) use ports::ServicePort;
pub(crate) use read::read;
pub(crate) use service::{MountSource, Service};

/// The Compose part of a manifest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compose {
    pub(crate) services: IndexMap<String, Service>,
    pub(crate) volumes: IndexMap<String, Place>,
    /// Top-level Compose secrets with the file each names, if it names one.
    pub(crate) secrets: IndexMap<String, Option<String>>,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}
