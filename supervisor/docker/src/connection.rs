use orbitr_model::Timestamp;

/// The engine that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its version, for example `28.5.2`.
    pub version: String,
    /// The newest API version it speaks, for example `(1, 51)`.
    pub api: (u32, u32),
}

/// Whether the engine answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It does, and the table of containers is current.
    Up(Engine),
    /// It does not; it is tried again by itself.
    Down {
        /// What was seen, in one line.
        reason: String,
        /// Since when.
        since: Timestamp,
    },
}

impl Connection {
    /// Whether the engine answers.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }
}

/// Reads `1.41`.
pub(crate) fn api_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
