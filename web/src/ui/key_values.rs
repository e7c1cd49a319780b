//! Key-value list: facts about one thing.

use maud::{Markup, Render, html};

use super::copyable;

/// Facts, each with its name.
#[derive(Clone, Debug, Default)]
pub struct KeyValues {
    rows: Vec<(String, Markup)>,
}

/// An empty list; add rows.
#[must_use]
pub fn key_values() -> KeyValues {
    KeyValues::default()
}

impl KeyValues {
    /// A fact; text and markup both fit.
    #[must_use]
    pub fn row(mut self, key: impl Into<String>, value: impl Render) -> Self {
        self.rows.push((key.into(), value.render()));
        self
    }

    /// A fact that may not be there.
    #[must_use]
    pub fn maybe(self, key: impl Into<String>, value: Option<impl Render>) -> Self {
        match value {
            Some(value) => self.row(key, value),
            None => self,
        }
    }

    /// A fact that somebody will want to paste elsewhere.
    #[must_use]
    pub fn copy(self, key: impl Into<String>, value: &str) -> Self {
        let value = copyable(value);
        self.row(key, value)
    }
}

impl Render for KeyValues {
    fn render(&self) -> Markup {
        html! {
            dl class="key-values" {
                @for (key, value) in &self.rows { div { dt { (key) } dd { (value) } } }
            }
        }
    }
}
