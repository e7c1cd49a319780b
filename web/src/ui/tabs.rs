//! Tabs: the parts of one thing, each with an address of its own.

use maud::{Markup, html};

/// One part.
#[derive(Clone, Debug)]
pub struct Tab {
    label: String,
    href: String,
    current: bool,
    count: Option<u64>,
}

impl Tab {
    /// A part and its address.
    pub fn new(label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        Self { label: label.into(), href: href.into(), current, count: None }
    }

    /// A number behind the word.
    #[must_use]
    pub const fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }
}

/// The parts of the thing that `label` names.
#[must_use]
pub fn tabs(label: &str, tabs: &[Tab]) -> Markup {
    html! {
        nav class="tabs" aria-label=(label) {
            ul {
                @for tab in tabs {
                    li {
                        a href=(tab.href) aria-current=[tab.current.then_some("page")] {
                            (tab.label)
                            @if let Some(count) = tab.count { span class="count" { (count) } }
                        }
                    }
                }
            }
        }
    }
}
