use std::time::Duration;

use bollard::errors::Error as Bollard;
use orbitr_model::Problem;

use crate::answer;

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another program or app of this machine listens on a port that was asked for.
    #[error("port {port} is already in use")]
    PortTaken {
        /// The port of the machine.
        port: u16,
        /// Docker itself has given it to a container, which may be gone; else another program listens there.
        by_docker: bool,
    },
    /// The image is not on this machine, and pulling was not asked for.
    #[error("the image {image} is not on this machine")]
    ImageMissing {
        /// The image as asked for.
        image: String,
    },
    /// The registry has no such image or tag.
    #[error("the registry has no image {image}")]
    ImageNotFound {
        /// The image as asked for.
        image: String,
    },
    /// The registry hands the image out only to those who may, or has no such repository: registries do
    /// not say which.
    #[error("the registry does not hand out the image {image}")]
    PullDenied {
        /// The image as asked for.
        image: String,
    },
    /// The image exists, but not for this kind of processor.
    #[error("the image {image} is not made for this kind of machine")]
    WrongPlatform {
        /// The image as asked for.
        image: String,
    },
    /// The registry wants us to come back later.
    #[error("the registry allows no more pulls for now")]
    TooManyPulls {
        /// The image as asked for.
        image: String,
    },
    /// The registry does not answer, or not as one should.
    #[error("the registry of {image} cannot be reached")]
    RegistryUnreachable {
        /// The image as asked for.
        image: String,
        /// What the engine said.
        detail: String,
    },
    /// A pull stood still for too long.
    #[error("the download of {image} stood still for {} seconds", after.as_secs())]
    Stalled {
        /// The image as asked for.
        image: String,
        /// For how long nothing moved.
        after: Duration,
    },
    /// Something else has the name already: a container, a network, or a Compose project that is not
    /// ours.
    #[error("the name {name} is already taken in Docker")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// There are two networks of one name, which Docker allows: two programs made it at the same moment.
    #[error("Docker has two networks named {name}")]
    NetworkDoubled {
        /// The name.
        name: String,
    },
    /// Something is left of a container whose start was cut short when the engine was killed; it can never start again.
    #[error("Docker has a remnant of a container whose start was cut short")]
    RemnantLeft,
    /// Files of an image are gone or not what they were when it was downloaded.
    #[error("Docker's store of images is damaged")]
    StoreDamaged {
        /// What the engine said, in one line.
        detail: String,
    },
    /// A disk is full.
    #[error("the disk is full")]
    NoSpace,
    /// All address ranges that Docker gives to networks are in use.
    #[error("Docker has no free address range for another network")]
    NoNetworkRange,
    /// The engine does not answer.
    #[error("Docker does not answer")]
    DaemonDown {
        /// What was seen.
        reason: String,
    },
    /// The Compose plugin is not installed.
    #[error("Docker's Compose plugin is not installed")]
    NoCompose,
    /// Compose does not understand the app's files.
    #[error("the Compose file is not right")]
    ComposeInvalid {
        /// What Compose said, in one line.
        detail: String,
    },
    /// What was asked for is not there (any more).
    #[error("Docker has no {what}")]
    Gone {
        /// The kind and name.
        what: String,
    },
    /// It does not carry this box's label, so it is not ours to change.
    #[error("{what} was not made by this box")]
    NotOurs {
        /// The kind and name.
        what: String,
    },
    /// It is in use and stays.
    #[error("{what} is in use")]
    InUse {
        /// The kind and name.
        what: String,
    },
    /// It took too long.
    #[error("Docker did not finish in {} seconds: {what}", after.as_secs())]
    Timeout {
        /// What was asked.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// Its caller did not want it any more.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("Docker could not do it: {what}")]
    Other {
        /// What was asked.
        what: String,
        /// The first useful line of the answer.
        detail: String,
    },
}

impl Error {
    /// What an API call's failure means; `what` names the call for messages.
    pub(crate) fn from_api(what: &str, error: &Bollard) -> Self {
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                Self::from_status(what, *status_code, message)
            }
            Bollard::DockerStreamError { error } => {
                answer::recognise(error).unwrap_or_else(|| Self::other(what, error))
            }
            Bollard::RequestTimeoutError => Self::Timeout { what: what.to_owned(), after: crate::engine::LIMIT },
            Bollard::HyperLegacyError { .. }
            | Bollard::HyperResponseError { .. }
            | Bollard::SocketNotFoundError(_)
            | Bollard::IOError { .. } => Self::DaemonDown { reason: chain(error) },
            other => Self::other(what, &other.to_string()),
        }
    }

    /// What an answer with this HTTP status and message means.
    pub(crate) fn from_status(what: &str, status: u16, message: &str) -> Self {
        if let Some(known) = answer::recognise(message) {
            return known;
        }
        match status {
            404 => Self::Gone { what: what.to_owned() },
            409 if message.contains("is in use")
                || message.contains("being used")
                || message.contains("has active endpoints") =>
            {
                Self::InUse { what: what.to_owned() }
            }
            _ => Self::other(what, message),
        }
    }

    pub(crate) fn other(what: &str, answer: &str) -> Self {
        Self::Other { what: what.to_owned(), detail: answer::first_useful_line(answer) }
    }
}

/// An error with its sources in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(next) = source {
        let part = next.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = next.source();
    }
    text
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = |status, code| Self::new(status, code, sentence(&error.to_string()));
        match &error {
            Error::PortTaken { .. } => problem(409, "port-taken")
                .why("Another app or another program on this machine listens there.")
                .then("Choose another port, or stop what uses this one."),
            Error::ImageMissing { .. } => {
                problem(409, "image-missing").then("Try again: the image is downloaded first.")
            }
            Error::ImageNotFound { .. } => problem(422, "image-not-found")
                .why("Its name or its tag is wrong, or its maker removed it.")
                .then("Check the image's name and tag."),
            Error::PullDenied { .. } => problem(422, "image-denied")
                .why("It needs a sign-in at the registry, or there is no such image.")
                .then("Check the image's name."),
            Error::WrongPlatform { .. } => problem(422, "image-wrong-platform")
                .why("Its maker does not build it for this processor.")
                .then("Choose another image or version."),
            Error::TooManyPulls { .. } => problem(503, "registry-busy")
                .why("Registries limit how many images one address may download in a time.")
                .then("Try again later.")
                .retry_after(3600),
            Error::RegistryUnreachable { detail, .. } => problem(503, "registry-unreachable")
                .why(detail.clone())
                .then("Check this box's connection to the internet and its name servers, then try again."),
            Error::Stalled { .. } => problem(504, "download-stalled")
                .why("The connection broke off or is very slow.")
                .then("Try again: what was downloaded is kept."),
            Error::NameTaken { .. } => problem(409, "docker-name-taken")
                .why("Something that this box did not make uses it.")
                .then("Choose another name, or rename or remove the other one in Docker."),
            Error::NetworkDoubled { .. } => problem(409, "docker-network-doubled")
                .why("Two programs made it at the same moment.")
                .then("Try again; if that does not help, remove one of the two in Docker."),
            Error::RemnantLeft => problem(409, "docker-remnant-left")
                .why("Docker was killed while it started the container.")
                .then("Remove the container; what makes it anew can start it."),
            Error::StoreDamaged { detail } => problem(502, "docker-store-damaged")
                .why(detail.clone())
                .then("Get the app's images anew: its issue has a button for that."),
            Error::NoSpace => problem(507, "disk-full").then("Free some space, then try again."),
            Error::NoNetworkRange => problem(409, "docker-networks-full")
                .why("Docker gives each network a range of addresses and has used them all.")
                .then("Remove networks that nothing uses, or give Docker more address pools."),
            Error::DaemonDown { reason } if reason.contains("Permission denied") => problem(503, "docker-down")
                .why("This box's supervisor may not use Docker's socket.")
                .then("Add its user to the group «docker», then restart it."),
            Error::DaemonDown { reason } => problem(503, "docker-down")
                .why(reason.clone())
                .then("It is tried again by itself; if it stays, look at the service «docker» on this machine.")
                .retry_after(5),
            Error::NoCompose => {
                problem(503, "compose-missing").then("Install the package with Docker Compose 2, then try again.")
            }
            Error::ComposeInvalid { detail } => problem(422, "compose-invalid").why(detail.clone()),
            Error::Gone { .. } => problem(404, "docker-gone"),
            Error::NotOurs { .. } => problem(409, "not-ours").why("This box changes only what it made itself."),
            Error::InUse { .. } => problem(409, "docker-in-use"),
            Error::Timeout { .. } => problem(504, "docker-timed-out").then("Try again; if it stays, restart Docker."),
            Error::Cancelled => problem(409, "cancelled"),
            Error::Other { detail, .. } => problem(502, "docker-failed").why(detail.clone()),
        }
    }
}

fn sentence(fragment: &str) -> String {
    let mut chars = fragment.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
