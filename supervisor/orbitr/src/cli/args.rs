//! The arguments, as they are typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{adopt, apps, archives, bindings, jobs::JobVerb, moves, policy, releases, remedies, updates};

const REACHING: &str = "Reaching the box";

/// What every verb that talks to a supervisor takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print the API's JSON instead of tables and sentences
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The supervisor's Unix socket on this machine [default: $ORBITR_SOCKET, or control.sock in
    /// $ORBITR_STATE_DIR, or /run/orbitr/control.sock]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "url", help_heading = REACHING)]
    pub(crate) socket: Option<PathBuf>,
    /// Reach a box over the network: https://HOST[:PORT]; the token is in --token-file or $ORBITR_TOKEN
    #[arg(long, global = true, value_name = "URL", help_heading = REACHING)]
    pub(crate) url: Option<String>,
    /// The file that holds the API token [default: $ORBITR_TOKEN]
    #[arg(long, global = true, value_name = "FILE", requires = "url", help_heading = REACHING)]
    pub(crate) token_file: Option<PathBuf>,
    /// The certificate of the box's own authority, in PEM (tls/ca.pem in its state directory)
    #[arg(long, global = true, value_name = "FILE", requires = "url", help_heading = REACHING)]
    pub(crate) ca: Option<PathBuf>,
}

impl Common {
    /// A flag that was given and means nothing to the supervisor itself.
    pub(super) fn only_for_clients(&self) -> Option<&'static str> {
        let given = [
            ("--json", self.json),
            ("--url", self.url.is_some()),
            ("--token-file", self.token_file.is_some()),
            ("--ca", self.ca.is_some()),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }
}

/// What can be asked of a supervisor.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// How the box is doing
    Status,
    /// What the box runs on, and its figures; updates of its system
    Box {
        #[command(subcommand)]
        verb: Option<updates::BoxVerb>,
    },
    /// The apps
    Apps,
    /// One app
    App {
        #[command(subcommand)]
        verb: AppVerb,
    },
    /// What can be installed
    Extensions,
    /// Install an extension
    Install(Box<InstallArgs>),
    /// Start an app
    Start(OperateArgs),
    /// Stop an app
    Stop(apps::StopArgs),
    /// Restart an app
    Restart(OperateArgs),
    /// Remove an app, with or without its data
    Remove(apps::RemoveArgs),
    /// The last lines of an app's logs
    Logs(LogsArgs),
    /// The jobs, the newest first
    Jobs(JobsArgs),
    /// One job
    Job {
        #[command(subcommand)]
        verb: JobVerb,
    },
    /// The accounts
    Users,
    /// One account
    User {
        #[command(subcommand)]
        verb: UserVerb,
    },
    /// The audit log, the newest first
    Audit(AuditArgs),
    /// What is wrong with the box and its apps, and what helps; ends with 1 if anything is
    Issues {
        #[command(subcommand)]
        verb: Option<IssuesVerb>,
    },
    /// What systemd runs on the machine
    Units(UnitsArgs),
    /// One unit
    Unit {
        #[command(subcommand)]
        verb: UnitVerb,
    },
    /// The machine's journal
    Journal(JournalArgs),
    /// The clock, its zone and its servers
    Time,
    /// Links, addresses, the way out, name servers; and changing them
    Network {
        #[command(subcommand)]
        verb: Option<NetworkVerb>,
    },
    /// Whether SSH is on, and whose keys open it; and changing that
    Ssh {
        #[command(subcommand)]
        verb: Option<SshVerb>,
    },
    /// Reboot the machine
    Reboot(PowerArgs),
    /// Power the machine off
    PowerOff(PowerArgs),
    /// Keep every app stopped, to look at what is wrong; or start those that are wanted
    SafeMode {
        /// Without it: says how it is
        #[arg(value_enum)]
        to: Option<OnOff>,
        /// Follow the jobs that stop or start apps, and end as they do
        #[arg(long)]
        wait: bool,
    },
    /// Erase everything on the box and start over; without --serial it only says what would happen
    FactoryReset(ResetArgs),
    /// Make a support bundle: versions, state and logs, without secrets and data
    Support(SupportArgs),
    /// Seal every secret of the box with a fresh key
    RotateKey,
    /// Renew the certificate of the box
    RenewCertificate(remedies::Follow),
    /// Copy the database of the box now, without waiting for the daily copy
    CopyDatabase(remedies::Follow),
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    /// On
    On,
    /// Off
    Off,
}

/// What can be asked about an app.
#[derive(Debug, Subcommand)]
pub(crate) enum AppVerb {
    /// Everything about an app but its secrets
    Show {
        /// The app's id
        id: String,
    },
    /// Update an app to the version that the store has; it comes back as it was if that does not answer
    Update(releases::UpdateArgs),
    /// What becomes of newer versions without a person: held, put in by themselves, at which hours; without options it says so
    UpdatePolicy(policy::PolicyArgs),
    /// Look at the password or key that an action gave, once
    Result(policy::ResultArgs),
    /// The releases of an app, and the data that is kept of each
    Releases(releases::ReleasesArgs),
    /// Run an action of an app's extension; its output is in the job's log
    Do(apps::ActArgs),
    /// Give an app another password at the app that it is bound to
    Rotate(bindings::RotateArgs),
    /// Give an app a free port for each that another program holds
    MovePorts(OperateArgs),
    /// Get the images of an app that are gone or damaged, and start it
    FetchImages(OperateArgs),
    /// Make a secret of an app anew, where its extension says that a restart is enough
    RotateSecret(remedies::RotateArgs),
    /// Call an app something else
    Rename {
        /// The app's id
        id: String,
        /// What people are to call it
        name: String,
    },
    /// Delete a snapshot of an app's data, for good
    Forget(releases::ForgetArgs),
    /// Make another app of an app, with a copy of its data and its passwords
    Clone(moves::CloneArgs),
    /// Move an app's data to another disk; without one, lists the disks
    MoveData(moves::MoveDataArgs),
    /// Put an app with its data into an archive, and fetch that
    Export(archives::ExportArgs),
    /// Install an app from an archive: a file, or one that the box has
    Import(archives::ImportArgs),
    /// Take a Compose project over that runs without the box; without a name, lists them
    Adopt(adopt::AdoptArgs),
    /// The archives that the box has
    Archives(archives::ListArgs),
    /// Delete an archive, for good
    DeleteArchive(archives::DeleteArgs),
    /// Run an older release of an app again
    RollBack(releases::RollBackArgs),
}

/// What can be done with issues.
#[derive(Debug, Subcommand)]
pub(crate) enum IssuesVerb {
    /// Hide an issue until it ends and comes back, or gets worse
    Dismiss {
        /// Its id, as the list shows it
        id: String,
    },
}

/// What can be done with a unit.
#[derive(Debug, Subcommand)]
pub(crate) enum UnitVerb {
    /// How it is doing, and its last lines
    Show {
        /// Its whole name, for example docker.service
        name: String,
    },
    /// Restart it; only a few can be
    Restart {
        /// Its whole name
        name: String,
        /// Follow the job, and end as it does
        #[arg(long)]
        wait: bool,
    },
}

/// What can be done with the network.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkVerb {
    /// Try another setting of one card: it goes back after two minutes unless it is confirmed
    Set(NetworkSetArgs),
    /// Keep the setting that is tried
    Confirm,
    /// Take back the setting that is tried
    Revert,
}

/// How a card shall be set.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("method").required(true))]
pub(crate) struct NetworkSetArgs {
    /// The card: its name, for example eth0, or its own hardware address
    pub(super) card: String,
    /// The network gives an address
    #[arg(long, group = "method")]
    pub(super) dhcp: bool,
    /// Always the same address, with the bits that name its network: 192.168.1.20/24
    #[arg(long, group = "method", value_name = "ADDRESS/BITS")]
    pub(super) address: Option<String>,
    /// The router; without it the box reaches only its own network
    #[arg(long, value_name = "ADDRESS", requires = "address")]
    pub(super) gateway: Option<String>,
    /// A name server, up to four times; without any, those that the network names
    #[arg(long, value_name = "ADDRESS")]
    pub(super) dns: Vec<String>,
}

/// What can be done with SSH.
#[derive(Debug, Subcommand)]
pub(crate) enum SshVerb {
    /// Turn it on; without --keys for those that there are already
    On {
        /// A file of public keys, a line each; they replace those that there are. `-` is standard input
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Turn it off; the keys stay known
    Off,
}

/// Which units.
#[derive(Debug, Args)]
pub(crate) struct UnitsArgs {
    /// Only those that have failed
    #[arg(long)]
    pub(super) failed: bool,
}

/// Which lines of the journal.
#[derive(Debug, Args)]
pub(crate) struct JournalArgs {
    /// Go on with new lines as they are written
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Only those about this unit
    #[arg(long, short, value_name = "NAME")]
    pub(super) unit: Option<String>,
    /// Only those at least so urgent: emerg, alert, crit, err, warning, notice, info, debug
    #[arg(long, short, value_name = "WORD")]
    pub(super) priority: Option<String>,
    /// Only those of this boot: 0 the current one, -1 the one before, or its id
    #[arg(long, short, value_name = "BOOT", allow_hyphen_values = true)]
    pub(super) boot: Option<String>,
    /// Only those that hold this text, in upper or lower case
    #[arg(long, short, value_name = "TEXT")]
    pub(super) text: Option<String>,
    /// So many of the last lines; 1 to 1000
    #[arg(long, short = 'n', value_name = "N", default_value_t = 200)]
    pub(super) lines: u32,
}

/// Why, and what to do while jobs run.
#[derive(Debug, Args)]
pub(crate) struct PowerArgs {
    /// Why, in a few words; history keeps it
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// While jobs run, wait until they have ended instead of refusing
    #[arg(long)]
    pub(super) wait: bool,
}

/// That it is meant.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    /// The machine's serial number, or the first 8 digits of its id where it has none
    #[arg(long, value_name = "TEXT")]
    pub(super) serial: Option<String>,
    /// While jobs run, wait until they have ended instead of refusing
    #[arg(long)]
    pub(super) wait: bool,
}

/// Where to put the bundle.
#[derive(Debug, Args)]
pub(crate) struct SupportArgs {
    /// The file to write, which must not be there yet [default: orbitr-support-<time>.tar.gz here]
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// On the box itself, for an owner who cannot get in: prints a one-time password
    ///
    /// It also turns the second step off, enables the account, ends its sessions and revokes its tokens.
    Reset {
        /// The name that they sign in with
        name: String,
    },
    /// Invite somebody: prints a code that makes an account once, within seven days
    Invite {
        /// What they will be
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Whom it is for, in your own words
        #[arg(long, value_name = "TEXT", default_value = "Invited on the command line")]
        note: String,
    },
}

/// What an author of extensions needs.
#[derive(Debug, Subcommand)]
pub(crate) enum ExtensionVerb {
    /// Start a new extension: a folder that passes the check, to be made one's own
    New {
        /// The folder to make; its name becomes the extension's id
        folder: PathBuf,
    },
    /// Check extensions as the store does: every mistake with its file, line and column
    Check {
        /// The folder of an extension, with its extension.yaml
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Print the JSON Schema of extension.yaml, for editors
    Schema,
}

/// A role.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleArg {
    /// Everything on the box
    Admin,
    /// What is granted to them
    User,
    /// Look at what is granted to them
    Viewer,
}

impl RoleArg {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }
}

/// What to install.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The extension: REGISTRY/NAME, or NAME of an official one
    pub(super) extension: String,
    /// The new app's id [default: made from the extension's name]
    #[arg(long)]
    pub(super) id: Option<String>,
    /// What people call it
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The project that it belongs to
    #[arg(long, value_name = "ID", default_value = "home")]
    pub(super) project: String,
    #[command(flatten)]
    pub(super) answers: AnswerArgs,
    #[command(flatten)]
    pub(super) bindings: bindings::BindArgs,
    #[command(flatten)]
    pub(super) consent: policy::ConsentArgs,
    /// Follow the job, and end as it does
    #[arg(long)]
    pub(super) wait: bool,
}

/// What somebody answers to an extension.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// An answer to what the extension asks; not for secrets, which other users of the machine could see
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(super) input: Vec<(String, String)>,
    /// An answer that is in a file, without its last line end; `-` is the terminal or standard input
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    pub(super) input_file: Vec<(String, String)>,
}

pub(super) fn pair(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=…"),
    }
}

/// Which app.
#[derive(Debug, Args)]
pub(crate) struct OperateArgs {
    /// The app's id
    pub(super) id: String,
    /// Follow the job, and end as it does
    #[arg(long)]
    pub(super) wait: bool,
}

/// Which lines.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The app's id
    pub(super) id: String,
    /// Go on with new lines as they are written
    #[arg(long, short)]
    pub(super) follow: bool,
    /// So many of the last lines; 1 to 5000
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) tail: u32,
    /// Only those of this service of the app
    #[arg(long, value_name = "NAME")]
    pub(super) service: Option<String>,
    /// Only those that hold this text, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    pub(super) search: Option<String>,
}

/// Which jobs.
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// Only those that have not ended
    #[arg(long)]
    pub(super) active: bool,
    /// Only those that work on this app
    #[arg(long, value_name = "ID")]
    pub(super) app: Option<String>,
    /// At most so many; 1 to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: u32,
}

/// Which part of the audit log.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Instead of showing it, check that nothing in it was changed or removed
    #[arg(long)]
    pub(super) verify: bool,
    /// At most so many events; 1 to 200
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: u32,
}
