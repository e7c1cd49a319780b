//! All other screens. Each says which keys it knows, for the last line.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::Style,
    text::Line,
    widgets::Paragraph,
};

use super::{toned, words};
use crate::{
    LogSource, Look,
    screen::{Busy, Form, List, Log, Question, Text},
    text::wrap,
};

/// How wide the labels of a form are.
const LABEL: u16 = 12;

pub(super) fn wrapped<'a>(
    look: Look,
    lines: impl IntoIterator<Item = &'a String>,
    width: u16,
    style: Style,
) -> Vec<Line<'static>> {
    let parts = lines.into_iter().flat_map(|line| match line.starts_with(' ') || line.contains("  ") {
        // Columns and what is set in stay as they are.
        true => vec![line.clone()],
        false => wrap(line, usize::from(width)),
    });
    parts.map(|part| words(look, &part, style)).collect()
}

/// Where the window begins so that the chosen line is in it.
fn window(at: usize, len: usize, height: usize) -> usize {
    at.saturating_sub(height.saturating_sub(1)).min(len.saturating_sub(height.min(len)))
}

pub(super) fn list(look: Look, list: &List, frame: &mut Frame<'_>, area: Rect) -> String {
    let say = |frame: &mut Frame<'_>, text: &str, style| {
        let lines = wrapped(look, [&text.to_owned()], area.width, style);
        frame.render_widget(Paragraph::new(lines), area);
        "Esc back".to_owned()
    };
    match &list.rows {
        None => return say(frame, "Looking...", Style::new()),
        Some(Err(problem)) => {
            return say(
                frame,
                &format!("{}. {} {}", problem.title.trim_end_matches('.'), problem.detail, problem.next),
                look.bad(),
            );
        }
        Some(Ok(rows)) if rows.is_empty() => return say(frame, "There are none.", Style::new()),
        Some(Ok(_)) => {}
    }
    let rows = list.rows();
    let height = usize::from(area.height);
    let widest = rows.iter().map(|row| row.title.chars().count()).max().unwrap_or(0).min(usize::from(area.width) / 2);
    let first = window(list.at, rows.len(), height);
    for ((number, row), y) in rows.iter().enumerate().skip(first).take(height).zip(area.y..) {
        let chosen = number == list.at;
        let title: String = row.title.chars().take(widest).collect();
        let mark = if chosen { '>' } else { ' ' };
        let text = format!("{mark} {title:<widest$}  {}", row.state);
        let style = if chosen { look.chosen() } else { toned(look, row.tone) };
        frame.render_widget(Paragraph::new(words(look, &text, style)).style(style), Rect { y, height: 1, ..area });
    }
    let verbs = list.chosen().map(|row| row.verbs.as_slice()).unwrap_or_default();
    let keys: Vec<String> = verbs.iter().map(|verb| format!("{} {}", verb.key, verb.label.to_lowercase())).collect();
    format!("Esc back  {}", keys.join("  "))
}

pub(super) fn text(look: Look, text: &Text, frame: &mut Frame<'_>, area: Rect) -> String {
    let [head, body] = Layout::vertical([Constraint::Length(2), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(words(look, &text.title, toned(look, text.tone).patch(look.strong()))), head);
    let lines = wrapped(look, &text.lines, body.width, Style::new());
    let more = lines.len() > usize::from(body.height);
    let from = text.from.min(lines.len().saturating_sub(usize::from(body.height)));
    frame.render_widget(Paragraph::new(lines.into_iter().skip(from).collect::<Vec<_>>()), body);
    let change = if text.change.is_some() { "  c change" } else { "" };
    if more { format!("Esc back  Up, Down scroll{change}") } else { format!("Esc back{change}") }
}

pub(super) fn log(look: Look, log: &Log, frame: &mut Frame<'_>, area: Rect) -> String {
    let other = if log.source == LogSource::Orbitr { "m whole machine" } else { "m only Orbitr" };
    let keys = format!("Esc back  Up, Down scroll  f newest  {other}");
    if let Some(problem) = &log.problem {
        let text = format!("{}. {} {}", problem.title.trim_end_matches('.'), problem.detail, problem.next);
        frame.render_widget(Paragraph::new(wrapped(look, [&text], area.width, look.bad())), area);
        return keys;
    }
    if log.lines.is_empty() {
        let text = if log.asked { "Looking..." } else { "There are no lines." };
        frame.render_widget(Paragraph::new(text), area);
        return keys;
    }
    // From the last line in sight upwards, until the screen is full.
    let last = log.lines.len().saturating_sub(log.below);
    let mut shown: Vec<Line<'static>> = Vec::new();
    for line in log.lines.iter().take(last).rev() {
        let style = if line.bad { look.bad() } else { Style::new() };
        let text = format!("{} {}: {}", line.at, line.who, line.text);
        let parts = wrap(&text, usize::from(area.width));
        shown.extend(parts.iter().rev().map(|part| words(look, part, style)));
        if shown.len() >= usize::from(area.height) {
            break;
        }
    }
    shown.truncate(usize::from(area.height));
    shown.reverse();
    frame.render_widget(Paragraph::new(shown), area);
    if log.below > 0 { format!("{keys}  ({} newer)", log.below) } else { keys }
}

pub(super) fn question(look: Look, question: &Question, frame: &mut Frame<'_>, area: Rect) -> String {
    let [head, body, _, buttons] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Max(
            u16::try_from(wrapped(look, &question.lines, area.width, Style::new()).len()).unwrap_or(u16::MAX),
        ),
        Constraint::Length(1),
        Constraint::Min(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(words(look, &question.title, look.strong())), head);
    frame.render_widget(Paragraph::new(wrapped(look, &question.lines, body.width, Style::new())), body);
    if let Some(field) = &question.typed {
        let room = usize::from(area.width.saturating_sub(LABEL + 1)).max(1);
        let seen: String = field.value.chars().skip(field.value.chars().count().saturating_sub(room)).collect();
        let end = u16::try_from(seen.chars().count()).unwrap_or(0);
        let text = format!("{:<width$}{seen}", field.label, width = usize::from(LABEL));
        frame.render_widget(Paragraph::new(words(look, &text, look.strong())), buttons);
        frame.set_cursor_position(Position { x: buttons.x + LABEL + end, y: buttons.y });
        return format!("Type it, then Enter: {}  Esc back", question.yes.to_lowercase());
    }
    let button = |label: &str, chosen: bool| {
        let style = if chosen { look.chosen() } else { Style::new() };
        let mark = if chosen { '>' } else { ' ' };
        ratatui::text::Span::styled(format!("{mark}[ {label} ]"), style)
    };
    let line = Line::from(vec![button("Back", !question.sure), "  ".into(), button(question.yes, question.sure)]);
    frame.render_widget(Paragraph::new(line), buttons);
    "Left, Right choose  Enter do it  Esc back".to_owned()
}

pub(super) fn form(look: Look, form: &Form, frame: &mut Frame<'_>, area: Rect) -> String {
    let lines = wrapped(look, &form.lines, area.width, Style::new());
    let height = u16::try_from(lines.len()).unwrap_or(0);
    frame.render_widget(Paragraph::new(lines), area);
    for (number, field) in form.fields.iter().enumerate() {
        let Ok(row) = u16::try_from(number) else { continue };
        let place = Rect { y: area.y + height + 1 + row, height: 1, ..area };
        if !area.contains(place.as_position()) {
            break;
        }
        let value = if field.hidden { "*".repeat(field.value.chars().count()) } else { field.value.clone() };
        let room = usize::from(area.width.saturating_sub(LABEL + 1)).max(1);
        let seen: String = value.chars().skip(value.chars().count().saturating_sub(room)).collect();
        let end = u16::try_from(seen.chars().count()).unwrap_or(0);
        let text = format!("{:<width$}{seen}", field.label, width = usize::from(LABEL));
        frame.render_widget(
            Paragraph::new(words(look, &text, if number == form.at { look.strong() } else { Style::new() })),
            place,
        );
        if number == form.at {
            frame.set_cursor_position(Position { x: place.x + LABEL + end, y: place.y });
        }
    }
    "Enter next, then do it  Esc back".to_owned()
}

pub(super) fn busy(look: Look, busy: &Busy, frame: &mut Frame<'_>, area: Rect) -> String {
    let part = busy.fraction.map(|part| format!(" {:.0} %", part * 100.0)).unwrap_or_default();
    let lines = vec![format!("{}...{part}", busy.title), String::new(), busy.message.clone()];
    frame.render_widget(Paragraph::new(wrapped(look, &lines, area.width, Style::new())), area);
    "Esc back; it goes on".to_owned()
}
