//! Log view: a window of some hundred lines onto a long log, which follows its end.

use maud::{Markup, Render, html};
use serde::Serialize;

use super::Icon;

/// The next part of a log, as the script fetches it: `GET {src}?from=N` with `Accept: application/json`.
#[derive(Clone, Debug, Serialize)]
pub struct LogChunk {
    /// Whole lines.
    pub text: String,
    /// Where the next part begins.
    pub next: u64,
    /// Whether nothing will come any more.
    pub ended: bool,
}

/// A JSON answer with the next part of a log.
#[must_use]
pub fn log_chunk(chunk: &LogChunk) -> axum::response::Response {
    axum::response::IntoResponse::into_response(axum::Json(chunk))
}

/// A log with its tools.
#[derive(Clone, Debug)]
pub struct LogView {
    id: String,
    label: String,
    chunk: LogChunk,
    src: Option<String>,
    topics: String,
    search: Option<(String, String)>,
    download: Option<String>,
}

impl LogView {
    /// `chunk` is the end of the log as it is now, at most some hundred lines; `id` is unique on the page.
    pub fn new(id: impl Into<String>, label: impl Into<String>, chunk: LogChunk) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
            chunk,
            src: None,
            topics: String::new(),
            search: None,
            download: None,
        }
    }

    /// Where the script fetches more (see [`LogChunk`]), and the topics that say that there is more.
    #[must_use]
    pub fn follows(mut self, src: impl Into<String>, topics: &[orbitr_model::Topic]) -> Self {
        self.src = Some(src.into());
        self.topics = topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        self
    }

    /// A search on the server: the page's own address and the word that was searched for; sent as `q`.
    #[must_use]
    pub fn search(mut self, action: impl Into<String>, word: impl Into<String>) -> Self {
        self.search = Some((action.into(), word.into()));
        self
    }

    /// Where the whole log is to be had.
    #[must_use]
    pub fn download(mut self, href: impl Into<String>) -> Self {
        self.download = Some(href.into());
        self
    }
}

impl Render for LogView {
    fn render(&self) -> Markup {
        let follows = self.src.is_some() && !self.chunk.ended;
        html! {
            // Its lines are the script's from here on: a live part around it leaves them alone.
            section class="log" id=(self.id) aria-label=(self.label) data-log data-src=[self.src.as_deref()]
                data-live=[follows.then_some(self.topics.as_str())] data-next=(self.chunk.next) {
                div class="log-tools" {
                    @if let Some((action, word)) = &self.search {
                        form class="log-search" method="get" action=(action) role="search" {
                            (Icon::Search)
                            input type="search" name="q" value=(word) placeholder="Search this log" aria-label="Search this log"
                                data-slash autocomplete="off";
                        }
                    }
                    @if follows {
                        label class="log-follow scripted" { input type="checkbox" data-follow checked; "Follow" }
                    }
                    div class="log-buttons" {
                        button type="button" class="button button-quiet button-small scripted" data-copy-from=(self.id) {
                            (Icon::Copy) span { "Copy" }
                        }
                        @if let Some(href) = &self.download {
                            (super::link_button("Download", href).quiet().small().icon(Icon::Download).download())
                        }
                    }
                }
                div class="log-lines" tabindex="0" role="log" aria-label=(self.label) aria-live="off" {
                    @for line in self.chunk.text.lines() { div { (line) } }
                    @if self.chunk.text.is_empty() { div class="log-none" { "Nothing has been written yet." } }
                }
            }
        }
    }
}
