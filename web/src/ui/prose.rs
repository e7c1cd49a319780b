//! Prose: Markdown that an extension brings, as text on the page.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// Markdown as paragraphs, lists, code and links. HTML in it is shown, never taken; pictures are left out, because
/// nothing on a page comes from elsewhere.
#[must_use]
pub fn prose(markdown: &str) -> Markup {
    let mut taken = true;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).filter_map(|event| harmless(event, &mut taken));
    let mut text = String::new();
    pulldown_cmark::html::push_html(&mut text, events);
    html! { div class="prose" { (PreEscaped(text)) } }
}

/// `taken` says whether the link that is open was taken; links do not nest.
fn harmless<'a>(event: Event<'a>, taken: &mut bool) -> Option<Event<'a>> {
    match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            *taken = is_web(dest_url);
            taken.then_some(event)
        }
        Event::End(TagEnd::Link) if !*taken => None,
        // The page has its own title; what an extension calls one stands below it.
        Event::Start(Tag::Heading { id, classes, attrs, .. }) => {
            Some(Event::Start(Tag::Heading { level: HeadingLevel::H3, id, classes, attrs }))
        }
        Event::End(TagEnd::Heading(_)) => Some(Event::End(TagEnd::Heading(HeadingLevel::H3))),
        other => Some(other),
    }
}

fn is_web(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_and_scripts_are_only_shown() {
        let text = prose("# Hi\n\n<script>x()</script>\n\n**bold** [a](javascript:x()) ![p](https://p)").into_string();
        assert!(!text.contains("<script") && !text.contains("href=\"javascript") && !text.contains("<img"), "{text}");
        assert!(text.contains("<strong>bold</strong>") && text.contains("<h3>Hi</h3>"), "{text}");
    }
}
