//! What keys do to the screen on top.

use crate::{
    Ask, Deed, Hidden, Key, LogSource,
    console::LOG_KEPT,
    screen::{Field, Form, List, Log, Question, Screen, Text},
};

/// The longest name, password or code that can be typed.
const TYPED_MAX: usize = 256;

/// What a key does to the screen on top.
pub(crate) enum Step {
    /// It stays.
    Stay(Vec<Ask>),
    /// It goes.
    Back(Vec<Ask>),
    /// Another lies on it.
    Open(Box<Screen>),
    /// Something is done; whether the screen comes back afterwards.
    Do(Deed, bool),
}

pub(crate) const fn leaves(key: Key) -> bool {
    matches!(key, Key::Esc | Key::Enter | Key::Char('q') | Key::Backspace | Key::Left)
}

/// Moves within `len` things, `page` of which are seen at once.
fn moved(at: usize, key: Key, len: usize) -> usize {
    let last = len.saturating_sub(1);
    match key {
        Key::Up => at.saturating_sub(1),
        Key::Down | Key::Tab => (at + 1).min(last),
        Key::PageUp => at.saturating_sub(10),
        Key::PageDown => (at + 10).min(last),
        Key::Home => 0,
        Key::End => last,
        _ => at.min(last),
    }
}

pub(crate) fn list_key(list: &mut List, key: Key) -> Step {
    if matches!(key, Key::Esc | Key::Left | Key::Backspace) {
        return Step::Back(Vec::new());
    }
    list.at = moved(list.at, key, list.rows().len());
    let verbs = list.chosen().map(|row| row.verbs.as_slice()).unwrap_or_default();
    let choice = match key {
        Key::Enter => verbs.first(),
        Key::Char(letter) => verbs.iter().find(|verb| verb.key == letter.to_ascii_lowercase()),
        _ => None,
    };
    choice.map_or(Step::Stay(Vec::new()), |choice| Step::Open(Box::new(Screen::Question(choice.question.clone()))))
}

pub(crate) fn text_key(text: &mut Text, key: Key) -> Step {
    if leaves(key) {
        return Step::Back(Vec::new());
    }
    if let (Key::Char('c'), Some(screen)) = (key, &text.change) {
        return Step::Open(screen.clone());
    }
    text.from = moved(text.from, key, text.lines.len());
    Step::Stay(Vec::new())
}

pub(crate) fn log_key(log: &mut Log, key: Key) -> Step {
    let most = log.lines.len().saturating_sub(1);
    match key {
        Key::Esc | Key::Char('q') => return Step::Back(vec![Ask::Unfollow]),
        Key::Up => log.below = (log.below + 1).min(most),
        Key::Down => log.below = log.below.saturating_sub(1),
        Key::PageUp => log.below = (log.below + 10).min(most),
        Key::PageDown => log.below = log.below.saturating_sub(10),
        Key::Home => log.below = most,
        Key::End | Key::Char('f') => log.below = 0,
        Key::Char('m') | Key::Tab => {
            let other = if log.source == LogSource::Orbitr { LogSource::Machine } else { LogSource::Orbitr };
            *log = Log::new(other);
            return Step::Stay(vec![Ask::Unfollow, Ask::Follow(other)]);
        }
        _ => {}
    }
    // Near the beginning, what was before it is fetched.
    let near = log.below > 0 && log.below + 30 > most && log.lines.len() < LOG_KEPT;
    if near
        && !log.asked
        && !log.whole
        && let Some(first) = log.lines.first()
    {
        log.asked = true;
        return Step::Stay(vec![Ask::Before(log.source, first.cursor.clone())]);
    }
    Step::Stay(Vec::new())
}

/// A question that is answered by typing: nothing but the right letters and Enter does it.
fn typed_key(field: &mut Field, deed: &Deed, key: Key) -> Step {
    match key {
        Key::Esc => return Step::Back(Vec::new()),
        Key::Backspace => drop(field.value.pop()),
        Key::Char(letter) if field.value.len() < TYPED_MAX => field.value.push(letter),
        Key::Enter if !field.value.trim().is_empty() => {
            let typed = field.value.trim().to_owned();
            let deed = match deed.clone() {
                Deed::FactoryReset { wait, .. } => Deed::FactoryReset { serial: typed, wait },
                Deed::Install { disk, .. } => Deed::Install { disk, serial: typed },
                other => other,
            };
            return Step::Do(deed, false);
        }
        _ => {}
    }
    Step::Stay(Vec::new())
}

pub(crate) fn question_key(question: &mut Question, key: Key) -> Step {
    if let Some(field) = &mut question.typed {
        return typed_key(field, &question.deed, key);
    }
    match key {
        Key::Esc => return Step::Back(Vec::new()),
        Key::Left | Key::Right | Key::Up | Key::Down | Key::Tab => question.sure = !question.sure,
        Key::Enter if question.sure => return Step::Do(question.deed.clone(), false),
        Key::Enter => return Step::Back(Vec::new()),
        Key::Char('y') => return Step::Do(question.deed.clone(), false),
        Key::Char('n') => return Step::Back(Vec::new()),
        _ => {}
    }
    Step::Stay(Vec::new())
}

pub(crate) fn form_key(form: &mut Form, key: Key) -> Step {
    let last = form.fields.len().saturating_sub(1);
    match key {
        Key::Esc => return Step::Back(Vec::new()),
        Key::Up => form.at = form.at.saturating_sub(1),
        Key::Down | Key::Tab => form.at = (form.at + 1).min(last),
        Key::Enter if form.at < last => form.at += 1,
        Key::Enter => return send(form),
        Key::Backspace => {
            if let Some(field) = form.fields.get_mut(form.at) {
                field.value.pop();
            }
        }
        Key::Char(letter) => {
            if let Some(field) = form.fields.get_mut(form.at).filter(|field| field.value.len() < TYPED_MAX) {
                field.value.push(letter);
            }
        }
        _ => {}
    }
    Step::Stay(Vec::new())
}

/// What was typed goes out, and does not stay behind.
fn send(form: &mut Form) -> Step {
    let username = form.fields.first().map(|field| field.value.trim().to_owned()).unwrap_or_default();
    let typed = form.fields.last_mut().map(|field| std::mem::take(&mut field.value)).unwrap_or_default();
    if username.is_empty() || typed.is_empty() {
        return Step::Stay(Vec::new());
    }
    match form.challenge.take() {
        None => Step::Do(Deed::Shell { username, password: Hidden::new(typed) }, true),
        Some(challenge) => Step::Do(Deed::ShellCode { username, challenge, code: Hidden::new(typed) }, false),
    }
}
