//! The screens of changing the network.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{screens::wrapped, toned, words};
use crate::{
    Look,
    network::{Keep, Pick, urgency},
    text::span,
};

pub(super) fn pick(look: Look, pick: &Pick, frame: &mut Frame<'_>, area: Rect) -> String {
    let lines = wrapped(look, &pick.lines, area.width, Style::new());
    let room = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let [head, body, ways] =
        Layout::vertical([Constraint::Length(2), Constraint::Max(room + u16::from(room > 0)), Constraint::Min(0)])
            .areas(area);
    frame.render_widget(Paragraph::new(words(look, &pick.title, look.strong())), head);
    frame.render_widget(Paragraph::new(lines), body);
    let line = |(number, (label, _)): (usize, &(String, _))| {
        let chosen = number == pick.at;
        let mark = if chosen { '>' } else { ' ' };
        words(look, &format!("{mark} {label}"), if chosen { look.chosen() } else { Style::new() })
    };
    frame.render_widget(Paragraph::new(pick.ways.iter().enumerate().map(line).collect::<Vec<_>>()), ways);
    "Esc back  Up, Down choose  Enter go on".to_owned()
}

pub(super) fn keep(look: Look, keep: &Keep, frame: &mut Frame<'_>, area: Rect) -> String {
    let lines = wrapped(look, &keep.lines, area.width, Style::new());
    let room = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let parts = [
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Max(room),
        Constraint::Length(1),
        Constraint::Min(1),
    ];
    let [head, left, body, _, buttons] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(words(look, &keep.title, look.strong())), head);
    let time = match (keep.left, keep.applied) {
        (0, _) => "The old one comes back.".to_owned(),
        (_, false) => "It is being set.".to_owned(),
        (seconds, true) => format!("The old one comes back in {}.", span_of(seconds)),
    };
    frame.render_widget(Paragraph::new(words(look, &time, toned(look, urgency(keep.left)))), left);
    frame.render_widget(Paragraph::new(lines), body);
    let mut line: Vec<Span<'static>> = Vec::new();
    for (number, (word, _)) in keep.buttons().into_iter().enumerate() {
        let chosen = number == keep.at;
        let mark = if chosen { '>' } else { ' ' };
        line.push(Span::styled(format!("{mark}[ {word} ]"), if chosen { look.chosen() } else { Style::new() }));
        line.push(" ".into());
    }
    frame.render_widget(Paragraph::new(Line::from(line)), buttons);
    "Left, Right choose  Enter do it  Esc back; it goes on".to_owned()
}

/// Minutes and seconds: here every second counts.
fn span_of(seconds: u64) -> String {
    if seconds < 60 { span(seconds) } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}
