//! What an action is done to: the kinds of thing that a permit can be about.

use std::fmt::{Debug, Display};

use orbitr_model::{AppId, JobId, ProjectId};

/// A kind of thing that permits are about.
pub trait Resource: sealed::Locate + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The kind in one word: the path parameter that names it (`{app}`) and the subject in history.
    const KIND: &'static str;

    /// Reads it from a path parameter; none when the text cannot name such a thing. The box has no
    /// parameter.
    fn from_path(text: &str) -> Option<Self>;

    /// Its identifier as history keeps it.
    fn id(&self) -> String;
}

/// The box as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TheBox;

impl Resource for TheBox {
    const KIND: &'static str = "box";

    fn from_path(_: &str) -> Option<Self> {
        Some(Self)
    }

    fn id(&self) -> String {
        "box".to_owned()
    }
}

macro_rules! named_resources {
    ($($resource:ty: $kind:literal;)*) => {$(
        impl Resource for $resource {
            const KIND: &'static str = $kind;

            fn from_path(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn id(&self) -> String {
                text(self)
            }
        }
    )*};
}

named_resources! {
    AppId: "app";
    ProjectId: "project";
    JobId: "job";
}

fn text(id: &impl Display) -> String {
    id.to_string()
}

/// Where a resource is, as far as the question who may reach it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The box itself.
    Box,
    /// An app, wherever it is.
    App(AppId),
    /// A project.
    Project(ProjectId),
    /// A job: the app that it works on, and whether the caller started it.
    Job { app: Option<AppId>, own: bool },
    /// There is no such thing.
    Nowhere,
}

pub(crate) mod sealed {
    use orbitr_model::{AppId, JobId, ProjectId};

    use super::TheBox;

    /// What a resource is, for the one function that looks up where it is. Nobody else can implement it.
    #[derive(Clone, Debug)]
    pub enum Named {
        /// The box itself.
        Box,
        /// An app.
        App(AppId),
        /// A project.
        Project(ProjectId),
        /// A job.
        Job(JobId),
    }

    /// Says what a resource is.
    pub trait Locate {
        /// What it is.
        fn named(&self) -> Named;
    }

    impl Locate for TheBox {
        fn named(&self) -> Named {
            Named::Box
        }
    }

    impl Locate for AppId {
        fn named(&self) -> Named {
            Named::App(self.clone())
        }
    }

    impl Locate for ProjectId {
        fn named(&self) -> Named {
            Named::Project(*self)
        }
    }

    impl Locate for JobId {
        fn named(&self) -> Named {
            Named::Job(*self)
        }
    }
}
