//! Issue: something that is wrong, why, what shows it, and what helps.

use maud::{Markup, Render, html};

use super::{Icon, Tone};

/// One issue, in a list.
#[derive(Clone, Debug)]
pub struct IssueRow {
    /// Unique on the page: a link can go to it.
    pub id: String,
    /// How bad it is.
    pub tone: Tone,
    /// How bad it is, for screen readers.
    pub word: &'static str,
    /// What is wrong.
    pub title: String,
    /// What it is about and since when.
    pub meta: Markup,
    /// What that means and what helps.
    pub text: String,
    /// Facts that show it.
    pub evidence: Vec<(String, String)>,
    /// What can be pressed.
    pub actions: Markup,
}

impl IssueRow {
    fn icon(&self) -> Icon {
        self.tone.icon()
    }
}

impl Render for IssueRow {
    fn render(&self) -> Markup {
        html! {
            li class="issue" id=(self.id) data-tone=(self.tone.as_str()) {
                span class="issue-mark" { (self.icon()) span class="sr-only" { (self.word) } }
                div class="issue-text" {
                    h3 { (self.title) }
                    p class="issue-meta" { (self.meta) }
                    @if !self.text.is_empty() { p { (self.text) } }
                    @if !self.evidence.is_empty() {
                        dl class="issue-evidence" {
                            @for (name, value) in &self.evidence { div { dt { (name) } dd { (value) } } }
                        }
                    }
                    div class="issue-actions" { (self.actions) }
                }
            }
        }
    }
}

/// Issues below each other, for a card whose body is flush.
#[must_use]
pub fn issues(rows: &[IssueRow]) -> Markup {
    html! { ul class="issues" { @for row in rows { (row) } } }
}

/// Issues in a line each, with a link to where they are told at length: tone, word for it, title, address, when.
#[must_use]
pub fn issue_lines(lines: &[(Tone, &'static str, String, String, Markup)]) -> Markup {
    html! {
        ul class="issue-lines" {
            @for (tone, word, title, href, when) in lines {
                li data-tone=(tone.as_str()) {
                    (tone.icon()) span class="sr-only" { (word) ": " }
                    a href=(href) { (title) } span class="issue-when" { (when) }
                }
            }
        }
    }
}
