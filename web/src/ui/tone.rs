//! Tones: what a colour means. A tone never stands alone; an icon and a word go with it.

use serde::{Deserialize, Serialize};

use super::Icon;

/// The meaning of a pill, a banner or a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Nothing to say about it.
    #[default]
    Neutral,
    /// As it should be.
    Good,
    /// Something is being done; also plain information.
    Busy,
    /// Works, but somebody should look.
    Warn,
    /// Does not work.
    Bad,
}

impl Tone {
    /// The word in the `data-tone` attribute that the style sheet reads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Busy => "busy",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// The icon of a banner or a message in this tone.
    #[must_use]
    pub const fn icon(self) -> Icon {
        match self {
            Self::Neutral | Self::Busy => Icon::Info,
            Self::Good => Icon::CircleCheck,
            Self::Warn => Icon::TriangleAlert,
            Self::Bad => Icon::CircleX,
        }
    }
}
