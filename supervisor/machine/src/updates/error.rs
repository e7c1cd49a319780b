//! Why an update is refused or did not work, as types with codes that stay.

use orbitr_model::{ByteSize, ImageVersion, JobId, Problem};

/// An operation on updates that did not happen.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Root has not told which versions there are.
    #[error("nobody knows which version runs")]
    Unknown(String),
    /// There is no address to get updates from.
    #[error("there is no source of updates")]
    NoSource,
    /// The source cannot be reached, or does not give what was asked for.
    #[error("the source does not give {name}: {why}")]
    Unreachable {
        /// Which file.
        name: String,
        /// Why.
        why: String,
    },
    /// What the source gives is not what it should be.
    #[error("what the source gives is odd: {0}")]
    Odd(String),
    /// The signature is missing, wrong, or of a key that is not ours.
    #[error("the signature is not right: {0}")]
    NotSigned(String),
    /// A file has another content than was signed.
    #[error("{0} is damaged")]
    Damaged(String),
    /// There is no newer version.
    #[error("no newer version is offered")]
    NothingOffered,
    /// That version cannot follow the one that runs.
    #[error("{version} cannot be installed: {why}")]
    Unfit {
        /// Which.
        version: String,
        /// Why.
        why: String,
    },
    /// That version came back once.
    #[error("{0} came back")]
    Quarantined(ImageVersion),
    /// That version did not come back.
    #[error("{0} did not come back")]
    NotReturned(ImageVersion),
    /// That version is not on the disk, or runs and will go on.
    #[error("{0} cannot be chosen")]
    NotInstalled(ImageVersion),
    /// A job, or somebody who uploads, is at it already.
    #[error("an update is under way")]
    AtWork(Option<JobId>),
    /// There is no room for it.
    #[error("there is no room")]
    NoRoom {
        /// How much is needed.
        needed: ByteSize,
        /// How much there is.
        free: ByteSize,
    },
    /// Too little memory is free to unpack a version.
    #[error("too little memory is free")]
    MemoryShort {
        /// How much is needed.
        needed: ByteSize,
        /// How much there is.
        free: ByteSize,
    },
    /// The machine runs on a battery that is nearly empty.
    #[error("the battery has {percent} %")]
    BatteryLow {
        /// How full it is.
        percent: u8,
        /// How full it must be.
        needed: u8,
    },
    /// The version that runs is not proved by the apps yet, and the one before may be needed.
    #[error("{0} is not proved yet")]
    Unproved(ImageVersion),
    /// It is not decided yet whether that version stays.
    #[error("{0} is on trial")]
    OnTrial(ImageVersion),
    /// Nobody is asked about that version.
    #[error("nobody is asked about {0}")]
    NotAsked(ImageVersion),
    /// The version before is not there any more, or did not do its work either.
    #[error("there is no version to go back to")]
    NoWayBack(ImageVersion),
    /// The folder for updates cannot be read or written.
    #[error("the folder for updates: {0}")]
    Folder(String),
}

impl Refused {
    /// Whether another try after a while can help.
    pub(super) const fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        Self::Folder(error.to_string())
    }
}

const UNTOUCHED: &str = "Nothing was installed.";

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown(why) => Self::new(503, "versions-unknown", "Nobody knows which versions are installed")
                .why(why)
                .then("Restart the machine. The unit orbitr-updates.service and its journal say more."),
            Refused::NoSource => Self::new(409, "update-source-missing", "There is no address to get updates from")
                .then("Give one in the settings of updates, or upload an update as a file."),
            Refused::Unreachable { name, why } => Self::new(
                502,
                "update-source-unreachable",
                "The source of updates cannot be reached",
            )
            .why(format!("{name}: {why}"))
            .then("Look at the network and at the address; what was downloaded is kept, and the next try goes on."),
            Refused::Odd(why) => {
                Self::new(502, "update-set-odd", "The update set is not as it should be").why(why).then(UNTOUCHED)
            }
            Refused::NotSigned(why) => {
                Self::new(502, "update-not-signed", "The update is not signed by who makes this system")
                    .why(why)
                    .then("Nothing of it was used. If the address is right, tell whoever runs that server.")
            }
            Refused::Damaged(name) => Self::new(502, "update-damaged", "The update is not what was signed")
                .why(format!("«{name}» has another content."))
                .then("It was thrown away and nothing was installed. Try again."),
            Refused::NothingOffered => Self::new(409, "no-update", "No newer version is there to be installed")
                .then("Check for updates, or upload one as a file."),
            Refused::Unfit { version, why } => {
                Self::new(409, "update-unfit", format!("{version} cannot be installed here")).why(why).then(UNTOUCHED)
            }
            Refused::Quarantined(version) => {
                Self::new(409, "update-quarantined", format!("{version} was tried and came back"))
                    .why("The page Updates says what it did not do.")
                    .then("Wait for a newer version, or lift its quarantine first.")
            }
            Refused::NotReturned(version) => {
                Self::new(404, "version-not-quarantined", format!("{version} is not in quarantine"))
            }
            Refused::NotInstalled(version) => {
                Self::new(409, "version-not-installed", format!("{version} is not a version to go to"))
                    .why("Only the other version that is on this disk can be chosen.")
            }
            Refused::AtWork(job) => {
                let problem = Self::new(409, "update-at-work", "An update is under way already");
                problem.then(match job {
                    Some(job) => format!("Wait until it has ended, or cancel the job {job}."),
                    None => "Wait until it has come in.".to_owned(),
                })
            }
            Refused::NoRoom { needed, free } => Self::new(507, "update-no-room", "There is no room for the update")
                .why(format!("It needs {needed}, and {free} are free."))
                .then("Remove what is not needed, then try again."),
            Refused::MemoryShort { needed, free } => {
                Self::new(507, "update-no-memory", "Too little memory is free for the update")
                    .why(format!("Unpacking it needs {needed}, and {free} are free."))
                    .then("Stop an app that is not needed now, then try again.")
            }
            Refused::BatteryLow { percent, needed } => Self::new(409, "battery-low", "The battery is nearly empty")
                .why(format!("The machine runs on its battery, which has {percent} %; an update needs {needed} %."))
                .then("Plug it in, then try again."),
            Refused::Unproved(version) => {
                Self::new(409, "update-unproved", format!("{version} has to be proved or decided about first"))
                    .why("Another version would take the place of the one that the box may have to go back to.")
                    .then("Wait until every app is healthy, or answer the question on the page Updates.")
            }
            Refused::OnTrial(version) => {
                Self::new(409, "version-on-trial", format!("It is not decided yet whether {version} stays"))
                    .why("The version before would not know of it, if the box went back.")
                    .then("Wait until the update is over; the page Updates says how far it is.")
            }
            Refused::NotAsked(version) => {
                Self::new(409, "update-not-asked", format!("Nobody is asked about {version} any more"))
                    .why("Its apps became healthy, or somebody has answered already.")
                    .then("Look at the page Updates.")
            }
            Refused::NoWayBack(version) => {
                Self::new(409, "update-no-way-back", format!("There is no way back to {version}"))
                    .why("It is not on the disk any more, or it was tried and came back.")
                    .then("Keep the version that runs, and install a newer one when there is one.")
            }
            Refused::Folder(why) => {
                Self::new(500, "update-folder", "The folder for updates cannot be used").why(why).then("Try again.")
            }
        }
    }
}
