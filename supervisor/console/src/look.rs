//! What the terminal can show: colours, signs beyond ASCII.

use ratatui::style::{Color, Modifier, Style};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The 16 colours of old; without them, bold and reversed letters stand in.
    pub colour: bool,
    /// Signs beyond ASCII.
    pub signs: bool,
}

impl Look {
    fn toned(self, colour: Color, without: Modifier) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new().add_modifier(without) }
    }

    pub(crate) fn bar(self) -> Style {
        if self.colour {
            Style::new().fg(Color::White).bg(Color::Blue)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }

    pub(crate) fn chosen(self) -> Style {
        if self.colour {
            Style::new().fg(Color::Black).bg(Color::Cyan)
        } else {
            Style::new().add_modifier(Modifier::REVERSED)
        }
    }

    pub(crate) fn label(self) -> Style {
        self.toned(Color::Cyan, Modifier::empty())
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(crate) fn good(self) -> Style {
        self.toned(Color::Green, Modifier::empty())
    }

    pub(crate) fn warn(self) -> Style {
        self.toned(Color::Yellow, Modifier::BOLD)
    }

    pub(crate) fn bad(self) -> Style {
        self.toned(Color::LightRed, Modifier::BOLD)
    }
}
