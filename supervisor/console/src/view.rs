//! The pictures.

mod home;
mod network;
mod screens;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

pub(crate) use self::home::home_rows;
use crate::{
    console::Console,
    look::Look,
    screen::{Screen, Tone},
    text::clean,
};

pub(crate) fn draw(console: &Console, frame: &mut Frame<'_>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    let look = console.look;
    bar(frame, look, head, &title(console), &console.facts.clock);
    let inner = Rect {
        x: body.x + 1,
        width: body.width.saturating_sub(2),
        y: body.y + 1,
        height: body.height.saturating_sub(1),
    };
    let keys = match console.stack.last() {
        None => home::draw(console, frame, inner),
        Some(Screen::List(list)) => screens::list(look, list, frame, inner),
        Some(Screen::Text(text)) => screens::text(look, text, frame, inner),
        Some(Screen::Log(log)) => screens::log(look, log, frame, inner),
        Some(Screen::Question(question)) => screens::question(look, question, frame, inner),
        Some(Screen::Form(form)) => screens::form(look, form, frame, inner),
        Some(Screen::Busy(busy)) => screens::busy(look, busy, frame, inner),
        Some(Screen::Pick(pick)) => network::pick(look, pick, frame, inner),
        Some(Screen::Fixed(fixed)) => screens::form(look, &fixed.form, frame, inner),
        Some(Screen::Keep(keep)) => network::keep(look, keep, frame, inner),
        Some(Screen::Reach) => home::reach(console, frame, body),
    };
    bar(frame, look, foot, &keys, "");
}

/// What the box is called, and where in the menu one is.
fn title(console: &Console) -> String {
    let name = if console.facts.name.is_empty() { "Orbitr" } else { &console.facts.name };
    let here = match console.stack.last() {
        None => return format!("{name} - Orbitr {}", version(console)),
        Some(Screen::List(list)) => list.title(),
        Some(Screen::Text(_) | Screen::Question(_) | Screen::Busy(_)) => "",
        Some(Screen::Pick(_) | Screen::Keep(_)) => "Network",
        Some(Screen::Fixed(fixed)) => fixed.form.title,
        Some(Screen::Log(_)) => "Logs",
        Some(Screen::Form(form)) => form.title,
        Some(Screen::Reach) => "Open in a browser",
    };
    if here.is_empty() { name.to_owned() } else { format!("{name} - {here}") }
}

fn version(console: &Console) -> &str {
    if console.facts.version.is_empty() { &console.place.version } else { &console.facts.version }
}

/// A line from edge to edge, with something at its right end.
fn bar(frame: &mut Frame<'_>, look: Look, area: Rect, left: &str, right: &str) {
    let (left, right) = (clean(left, look.signs), clean(right, look.signs));
    let width = usize::from(area.width).saturating_sub(2);
    let room = width.saturating_sub(right.chars().count() + 1);
    let left: String = left.chars().take(if right.is_empty() { width } else { room }).collect();
    let gap = width.saturating_sub(left.chars().count() + right.chars().count());
    frame.render_widget(Paragraph::new(format!(" {left}{}{right} ", " ".repeat(gap))).style(look.bar()), area);
}

fn toned(look: Look, tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => look.good(),
        Tone::Warn => look.warn(),
        Tone::Bad => look.bad(),
    }
}

/// One line of somebody's words, harmless and cut to the room there is.
fn words(look: Look, text: &str, style: Style) -> Line<'static> {
    Line::from(Span::styled(clean(text, look.signs), style))
}
