//! What comes in and what goes out.

use std::fmt;

use orbitr_model::Problem;
use serde_json::Value;

use crate::{BundlePlace, Facts};

/// A key, as far as the menu knows keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Something that can be typed.
    Char(char),
    /// Confirms.
    Enter,
    /// Back.
    Esc,
    /// Up one.
    Up,
    /// Down one.
    Down,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Up a screen.
    PageUp,
    /// Down a screen.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// To the next field.
    Tab,
    /// Takes the last letter away.
    Backspace,
    /// Control and L: paints everything anew.
    Repaint,
    /// Control and C: only where the menu may be left.
    Interrupt,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// How the box is.
    Facts(Box<Facts>),
    /// A list that was asked for.
    List(What, Result<Value, Problem>),
    /// Something to read that was asked for.
    Shown(Shown, Result<Value, Problem>),
    /// How a deed goes.
    Deed(Came),
    /// Lines of a log.
    Log(Said),
    /// A second has gone by, see [`crate::Console::counts_down`].
    Second,
}

/// How a deed goes.
#[derive(Clone, Debug)]
pub enum Came {
    /// It is at work.
    Underway {
        /// What it does now.
        message: String,
        /// How far it is, 0 to 1.
        fraction: Option<f64>,
    },
    /// It is done.
    Done {
        /// In one sentence.
        title: String,
        /// What else there is to know.
        lines: Vec<String>,
    },
    /// A network setting is tried: what `GET /box/network` says then.
    Tried(Value),
    /// It failed, or was refused.
    Failed(Problem),
    /// A code of the second step is wanted.
    WantsCode {
        /// Comes back with the code.
        challenge: Hidden,
    },
}

/// What is heard of a log.
#[derive(Clone, Debug)]
pub enum Said {
    /// The last lines there are; replaces what is shown.
    Window(Vec<Line>),
    /// Lines before the first one shown; none when there are none.
    Older(Vec<Line>),
    /// A new line.
    New(Line),
    /// It cannot be read.
    Broken(Problem),
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it is, for asking for what was before.
    pub cursor: String,
    /// When, as it is shown.
    pub at: String,
    /// Who wrote it.
    pub who: String,
    /// What it says.
    pub text: String,
    /// Whether it tells of something bad.
    pub bad: bool,
}

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The apps.
    Apps,
    /// Units of systemd.
    Services,
    /// Accounts, for a new password.
    Accounts,
    /// Disks that a stick can install onto.
    Targets,
}

/// Something to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Links, addresses, name servers.
    Network,
    /// Disks and how full they are.
    Disks,
    /// What must be typed before everything is erased, and what stands in the way.
    Reset,
    /// What stands in the way of going down.
    Power(PowerVerb),
}

/// Whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The supervisor's.
    Orbitr,
    /// The whole machine's.
    Machine,
}

/// Down, and perhaps up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerVerb {
    /// Down and up again.
    Reboot,
    /// Down.
    PowerOff,
}

impl PowerVerb {
    /// As the API calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reboot => "reboot",
            Self::PowerOff => "power-off",
        }
    }

    /// At the beginning of a sentence.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reboot => "Reboot",
            Self::PowerOff => "Power off",
        }
    }
}

/// Something that nobody may read over anybody's shoulder, nor in a log.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Keeps it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// For the one who checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// What a network card shall be set to; without an address, DHCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSetting {
    /// Its own hardware address.
    pub card: String,
    /// Its name.
    pub name: String,
    /// The fixed address with the bits that name its network.
    pub address: Option<String>,
    /// The router.
    pub gateway: Option<String>,
    /// The name servers.
    pub dns: Vec<String>,
}

/// Something to be done to the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Start, stop or restart an app.
    App {
        /// Its id.
        id: String,
        /// `start`, `stop` or `restart`.
        verb: String,
    },
    /// Restart a unit.
    RestartUnit(String),
    /// Reboot or power off.
    Power {
        /// Which.
        verb: PowerVerb,
        /// Wait for the jobs that run; otherwise they must have ended.
        wait: bool,
    },
    /// Keep this version of the system although apps are not healthy.
    KeepUpdate(String),
    /// Go back from it to the version before.
    LeaveUpdate(String),
    /// Keep apps stopped, or start those that are wanted.
    SafeMode(bool),
    /// Erase everything.
    FactoryReset {
        /// The machine's, as it was typed.
        serial: String,
        /// Wait for the jobs that run; otherwise they must have ended.
        wait: bool,
    },
    /// Install this system onto a disk.
    Install {
        /// For example `/dev/sda`.
        disk: String,
        /// The disk's, as it was typed; empty where nothing is on it.
        serial: String,
    },
    /// Make the data partition, readable to whoever holds the disk.
    MakeData,
    /// Try another setting of a network card.
    SetNetwork(NetworkSetting),
    /// Keep the network setting that is tried.
    ConfirmNetwork,
    /// Take it back.
    RevertNetwork,
    /// A one-time password for an account.
    ResetPassword(String),
    /// Write a support bundle there.
    Support(BundlePlace),
    /// A root shell in the place of this menu, for an administrator.
    Shell {
        /// Who.
        username: String,
        /// Proves it.
        password: Hidden,
    },
    /// The second step of the same.
    ShellCode {
        /// Who.
        username: String,
        /// What the first step answered.
        challenge: Hidden,
        /// From the authenticator app.
        code: Hidden,
    },
}

/// What the menu wants done. Answers come back as [`Event`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Look at the box afresh.
    Look,
    /// A list.
    List(What),
    /// Something to read.
    Show(Shown),
    /// Do it.
    Do(Deed),
    /// The last lines of a log, and each new one from then on.
    Follow(LogSource),
    /// Lines before this one.
    Before(LogSource, String),
    /// No more lines.
    Unfollow,
    /// Paint everything anew.
    Repaint,
    /// The menu is left.
    Leave,
}
