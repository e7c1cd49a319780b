//! The first screen: the box in one glance, and the menu.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::words;
use crate::{
    Look, Supervisor, Work,
    console::Console,
    entry::Entry,
    facts::of,
    qr,
    text::{clean, span, wrap},
};

/// How wide the labels are.
const LABEL: usize = 14;
/// How wide an entry of the menu is.
const ENTRY: u16 = 25;
/// Below this width there are two entries beside each other, from it on three.
const WIDE: u16 = 76;
/// Below this height there is no room for pictures.
const TALL: u16 = 20;

/// How many lines the menu has on a wide screen: what Left and Right jump over.
pub(crate) const fn home_rows(entries: usize) -> usize {
    entries.div_ceil(3)
}

/// Draws it; says which keys there are.
pub(super) fn draw(console: &Console, frame: &mut Frame<'_>, area: Rect) -> String {
    let entries = console.entries();
    let columns = if area.width >= WIDE { 3 } else { 2 };
    let rows = u16::try_from(entries.len().div_ceil(columns)).unwrap_or(area.height);
    let [top, _, menu] = Layout::vertical([
        Constraint::Min(0),
        Constraint::Length(u16::from(area.height > rows + 6)),
        Constraint::Length(rows),
    ])
    .areas(area);
    let answers = !matches!(console.facts.supervisor, Supervisor::Down(_));
    let code = (console.look.signs && area.height >= TALL && area.width >= WIDE && answers)
        .then(|| console.facts.url().and_then(qr::modules))
        .flatten();
    let mut beside = top;
    if let Some(modules) = code {
        let letters = qr::halves(&modules);
        let (width, height) = (u16::try_from(modules.len()).unwrap_or(0), u16::try_from(letters.len()).unwrap_or(0));
        if height <= top.height && width + 40 < top.width {
            let place = Rect { x: top.right() - width, width, height, ..top };
            frame.render_widget(
                Paragraph::new(letters.into_iter().map(Line::from).collect::<Vec<_>>()).style(paper(console.look)),
                place,
            );
            beside.width = top.width - width - 2;
        }
    }
    frame.render_widget(Paragraph::new(glance(console, beside, top.width)), top);
    self::menu(console, &entries, frame, menu, columns);
    let leave = if console.place.may_leave { "  Esc leave" } else { "" };
    format!("Arrows choose  Enter open  ? help{leave}")
}

/// Dark on light, which readers expect.
fn paper(look: Look) -> Style {
    if look.colour { Style::new().fg(Color::White).bg(Color::Black) } else { Style::new() }
}

fn menu(console: &Console, entries: &[Entry], frame: &mut Frame<'_>, area: Rect, columns: usize) {
    let rows = entries.len().div_ceil(columns).max(1);
    let wide = u16::try_from(columns).ok().and_then(|n| area.width.checked_div(n)).unwrap_or(ENTRY).min(ENTRY + 2);
    for (number, entry) in entries.iter().enumerate() {
        let (column, row) = (number / rows, number % rows);
        let (Ok(column), Ok(row)) = (u16::try_from(column), u16::try_from(row)) else { continue };
        let place = Rect { x: area.x + column * wide, y: area.y + row, width: wide.saturating_sub(1), height: 1 };
        if !area.contains(place.as_position()) {
            continue;
        }
        let chosen = number == console.at;
        let style = if chosen { console.look.chosen() } else { Style::new() };
        let mark = if chosen { '>' } else { ' ' };
        let text = format!("{mark}{} {:<width$}", entry.key, entry.title, width = usize::from(wide).saturating_sub(4));
        frame.render_widget(Paragraph::new(text).style(style), place);
    }
}

/// The facts, the most important first, in the room that there is.
fn glance(console: &Console, beside: Rect, whole: u16) -> Vec<Line<'static>> {
    let (facts, look) = (&console.facts, console.look);
    let mut page = Page { look, width: usize::from(beside.width), lines: Vec::new() };
    let mode = facts.mode();
    let style = match &facts.supervisor {
        Supervisor::Up if facts.reasons.is_empty() && !facts.safe_mode => look.good(),
        Supervisor::Up | Supervisor::Unclaimed | Supervisor::Unasked => look.warn(),
        Supervisor::Limited | Supervisor::Down(_) | Supervisor::Refused(_) => look.bad(),
    };
    page.pair("State", mode, style);
    match &facts.supervisor {
        Supervisor::Down(why) => page.pair("", &format!("Orbitr does not answer: {why}"), look.bad()),
        Supervisor::Refused(why) => page.pair("", why, look.bad()),
        Supervisor::Limited if facts.is_installer() => {
            page.pair("", "Runs from a stick: install it from a browser, or here.", look.warn());
        }
        Supervisor::Limited if facts.waits_for_data() => {
            page.pair("", "Waits for its owner: open the page, type the code.", look.warn());
        }
        Supervisor::Limited => page.pair("", &facts.announced, look.warn()),
        Supervisor::Unclaimed => page.pair("", "Waiting to be claimed: open the page, type the code.", look.warn()),
        _ => {}
    }
    if facts.safe_mode {
        page.pair("", "Safe mode is on: apps stay stopped.", look.warn());
    }
    if let Some(reason) = facts.reasons.first() {
        page.pair("", reason, look.warn());
    }
    let urls = if beside.height > 8 { 3 } else { 1 };
    for (number, url) in facts.urls.iter().take(urls).enumerate() {
        page.pair(if number == 0 { "Open" } else { "" }, url, if number == 0 { look.strong() } else { Style::new() });
    }
    if facts.urls.is_empty() && facts.supervisor != Supervisor::Unasked {
        page.pair("Open", "no address: is the network cable plugged in?", look.warn());
    }
    if let Some((name, code)) = &facts.code {
        page.pair(name, code, look.strong());
    }
    if let Some(issue) = facts.issues.first() {
        let more = if facts.issues.len() > 1 { format!(" (+{})", facts.issues.len() - 1) } else { String::new() };
        page.pair("Wrong", &format!("{issue}{more}"), look.warn());
    }
    if facts.supervisor == Supervisor::Up {
        let counts: Vec<String> = facts.apps.iter().map(|(state, count)| format!("{count} {state}")).collect();
        page.pair("Apps", &if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }, Style::new());
        for (number, work) in facts.jobs.0.iter().take(3).enumerate() {
            page.pair(if number == 0 { "At work" } else { "" }, &job(work), Style::new());
        }
    }
    figures(console, &mut page);
    let mut lines = page.lines;
    if !facts.certificate.is_empty() && beside.height > 10 {
        // Below the picture there is more room.
        let filler = usize::from(beside.height).saturating_sub(2).min(13);
        lines.truncate(filler);
        lines.resize(filler, Line::default());
        let mut page = Page { look, width: usize::from(whole), lines };
        let (first, second) = facts.certificate.split_at_checked(48).unwrap_or((&facts.certificate, ""));
        page.pair("Certificate", first, Style::new());
        page.pair("SHA-256", second, Style::new());
        lines = page.lines;
    }
    lines
}

fn figures(console: &Console, page: &mut Page) {
    let Some(figures) = &console.facts.figures else { return };
    page.pair("Memory", &of(figures.memory), Style::new());
    page.pair("Disk", &of(figures.disk), Style::new());
    page.pair("Processor", &format!("{:.0} %, up {}", figures.cpu, span(figures.uptime)), Style::new());
}

fn job(work: &Work) -> String {
    let part = work.progress.map(|part| format!(" {:.0} %", part * 100.0)).unwrap_or_default();
    if work.message.is_empty() {
        format!("{}{part}", work.title)
    } else {
        format!("{}:{part} {}", work.title, work.message)
    }
}

struct Page {
    look: Look,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page {
    /// A label and its value, the value in two lines at most.
    fn pair(&mut self, label: &str, value: &str, style: Style) {
        let room = self.width.saturating_sub(LABEL).max(10);
        let value = clean(value, self.look.signs);
        for (number, part) in wrap(&value, room).into_iter().take(2).enumerate() {
            let label = if number == 0 { label } else { "" };
            self.lines.push(Line::from(vec![
                Span::styled(format!("{label:<LABEL$}"), self.look.label()),
                Span::styled(part, style),
            ]));
        }
    }
}

/// How to reach the box, with the code as large as it goes.
pub(super) fn reach(console: &Console, frame: &mut Frame<'_>, area: Rect) -> String {
    let (facts, look) = (&console.facts, console.look);
    let keys = "Esc back".to_owned();
    let modules = facts.url().and_then(qr::modules).unwrap_or_default();
    let (picture, width) = picture(look, &modules);
    let height = u16::try_from(picture.len()).unwrap_or(u16::MAX);
    let mut text = area;
    if height <= area.height && width < area.width {
        let place = Rect { x: area.right() - width, width, height, ..area };
        frame.render_widget(Paragraph::new(picture), place);
        if area.width - width >= 24 {
            text.width = area.width - width - 1;
        } else {
            return keys;
        }
    }
    let mut lines: Vec<Line<'static>> = vec![Line::default()];
    let mut add = |label: &str, value: &str, style: Style| {
        if value.is_empty() {
            return;
        }
        lines.push(words(look, &format!(" {label}"), look.label()));
        let room = usize::from(text.width).saturating_sub(1).max(1);
        lines.extend(wrap(value, room).into_iter().map(|part| words(look, &format!(" {part}"), style)));
    };
    add("Open", &facts.urls.join(" "), look.strong());
    if let Some((name, code)) = &facts.code {
        add(name, code, look.strong());
    }
    add("Certificate, SHA-256", &facts.certificate.replace(':', " "), Style::new());
    add("Authority, SHA-256", &facts.authority.replace(':', " "), Style::new());
    frame.render_widget(Paragraph::new(lines), text);
    keys
}

/// The code for this terminal: with half blocks, or each module as two reversed spaces.
fn picture(look: Look, modules: &[Vec<bool>]) -> (Vec<Line<'static>>, u16) {
    let width = u16::try_from(modules.len()).unwrap_or(0);
    if look.signs {
        let lines = qr::halves(modules).into_iter().map(|line| Line::from(Span::styled(line, paper(look)))).collect();
        return (lines, width);
    }
    let light = Style::new().add_modifier(Modifier::REVERSED);
    let line = |row: &Vec<bool>| {
        Line::from(
            row.iter()
                .map(|is_light| Span::styled("  ", if *is_light { light } else { Style::new() }))
                .collect::<Vec<_>>(),
        )
    };
    // One line of light above and below is enough where a line is two letters high.
    let lines: Vec<_> = modules.iter().map(line).collect();
    let lines = lines.get(1..lines.len().saturating_sub(1)).map(<[_]>::to_vec).unwrap_or_default();
    (lines, width * 2)
}
