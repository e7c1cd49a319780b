//! The machine: which screens lie on each other, and what keys and answers do to them.

use orbitr_model::Problem;
use ratatui::Frame;
use serde_json::Value;

use crate::{
    Ask, BundlePlace, Came, Deed, Event, Facts, Key, LogSource, Look, Place, PowerVerb, Said, Shown, Supervisor, What,
    entry::{self, Entry, Leads},
    keys::{Step, form_key, leaves, list_key, log_key, question_key, text_key},
    network, rows,
    screen::{Busy, Field, Form, List, Log, Question, Screen, Text, Tone},
    view,
};

/// Lines of a log that are kept; older ones can be asked for again.
pub(crate) const LOG_KEPT: usize = 5000;
/// After so many minutes without a key, the first screen comes back: what somebody left open is nobody else's to read.
const LEFT_ALONE: u32 = 10;

/// The menu.
#[derive(Debug)]
pub struct Console {
    pub(crate) look: Look,
    pub(crate) place: Place,
    pub(crate) facts: Facts,
    pub(crate) at: usize,
    pub(crate) stack: Vec<Screen>,
    /// Minutes without a key.
    idle: u32,
}

impl Console {
    /// The menu on a terminal that can show this, at this place. Ask for [`Ask::Look`] first.
    #[must_use]
    pub fn new(look: Look, place: Place) -> Self {
        Self { look, place, facts: Facts::default(), at: 0, stack: Vec::new(), idle: 0 }
    }

    /// Draws what is on the screen.
    pub fn draw(&self, frame: &mut Frame<'_>) {
        view::draw(self, frame);
    }

    /// What the supervisor and the machine said last.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        entry::entries(&self.facts, &self.place)
    }

    /// Takes what happened; says what is to be done.
    pub fn take(&mut self, event: Event) -> Vec<Ask> {
        match event {
            Event::Key(Key::Repaint) => vec![Ask::Repaint],
            Event::Key(Key::Interrupt) if self.place.may_leave => vec![Ask::Leave],
            Event::Key(Key::Interrupt) => Vec::new(),
            Event::Key(key) => self.key(key),
            Event::Facts(facts) => self.learn(*facts),
            Event::List(what, answer) => self.list(what, answer),
            Event::Shown(shown, answer) => self.shown(shown, answer),
            Event::Deed(came) => self.deed(came),
            Event::Log(said) => self.log(said),
            Event::Second => self.second(),
        }
    }

    fn learn(&mut self, facts: Facts) -> Vec<Ask> {
        self.idle += u32::from(facts.clock != self.facts.clock);
        if self.idle >= LEFT_ALONE && !matches!(self.stack.last(), Some(Screen::Log(_) | Screen::Busy(_))) {
            self.stack.clear();
        }
        // Before the first answer nobody has chosen anything.
        let asked = self.facts.supervisor != Supervisor::Unasked;
        let chosen = self.entries().get(self.at).map(|entry| entry.leads).filter(|_| asked);
        self.facts = facts;
        // What was chosen stays chosen, wherever it is now.
        let entries = self.entries();
        let same = entries.iter().position(|entry| Some(entry.leads) == chosen);
        self.at = same.unwrap_or(0);
        // A list that is open is as old as the facts.
        match self.stack.last() {
            Some(Screen::List(list)) => vec![Ask::List(list.what)],
            Some(Screen::Keep(_)) => vec![Ask::Show(Shown::Network)],
            _ => Vec::new(),
        }
    }

    /// Whether something on the screen changes with every second, so that [`Event::Second`] is wanted.
    #[must_use]
    pub fn counts_down(&self) -> bool {
        matches!(self.stack.last(), Some(Screen::Keep(_)))
    }

    fn second(&mut self) -> Vec<Ask> {
        match self.stack.last_mut() {
            Some(Screen::Keep(keep)) => network::second(keep),
            _ => Vec::new(),
        }
    }

    fn list(&mut self, what: What, answer: Result<Value, Problem>) -> Vec<Ask> {
        if let Some(list) = self.stack.iter_mut().find_map(|screen| match screen {
            Screen::List(list) if list.what == what => Some(list),
            _ => None,
        }) {
            let chosen = list.chosen().map(|row| row.id.clone());
            let rows = answer.map(|value| rows::rows(what, &value));
            list.rows = Some(rows);
            let same = list.rows().iter().position(|row| Some(&row.id) == chosen.as_ref());
            list.at = same.unwrap_or(list.at).min(list.rows().len().saturating_sub(1));
        }
        Vec::new()
    }

    fn shown(&mut self, shown: Shown, answer: Result<Value, Problem>) -> Vec<Ask> {
        if let (Some(Screen::Keep(keep)), Shown::Network, Ok(value)) = (self.stack.last_mut(), shown, &answer) {
            let screen = network::refreshed(keep, value);
            self.stack.pop();
            self.stack.push(screen);
            return Vec::new();
        }
        // Only if it is still waited for: Esc may have been faster.
        let waiting = |screen: &Screen| matches!(screen, Screen::Text(text) if text.waits == Some(shown));
        if !self.stack.last().is_some_and(waiting) {
            return Vec::new();
        }
        self.stack.pop();
        let screen = match (shown, answer) {
            (Shown::Power(verb), answer) => {
                // Whatever could not be asked: the machine itself says no where it must.
                let held = answer.map(|value| rows::page(shown, &value)).unwrap_or_default();
                Screen::Question(power(verb, held))
            }
            (_, Err(problem)) => Screen::Text(Text::problem(&problem)),
            (Shown::Reset, Ok(value)) => match rows::reset(&value) {
                Ok(question) => Screen::Question(question),
                Err(lines) => Screen::Text(Text::new("Factory reset", lines)),
            },
            (Shown::Network, Ok(value)) => network::screen(&value),
            (Shown::Disks, Ok(value)) => Screen::Text(Text::new("Disks", rows::page(shown, &value))),
        };
        self.stack.push(screen);
        Vec::new()
    }

    fn deed(&mut self, came: Came) -> Vec<Ask> {
        let waited = match self.stack.last_mut() {
            Some(Screen::Busy(busy)) => {
                if let Came::Underway { message, fraction } = came {
                    (busy.message, busy.fraction) = (message, fraction);
                    return Vec::new();
                }
                self.stack.pop();
                true
            }
            _ => false,
        };
        match came {
            // How it ended is shown, even when nobody waited: a one-time password is shown only once.
            Came::Done { title, lines } => {
                self.stack.push(Screen::Text(Text { tone: Tone::Good, ..Text::new(title, lines) }));
            }
            Came::Failed(problem) => self.stack.push(Screen::Text(Text::problem(&problem))),
            Came::Underway { .. } => return Vec::new(),
            Came::Tried(value) => {
                // What led there is done with.
                self.stack.clear();
                self.stack.push(network::screen(&value));
            }
            Came::WantsCode { challenge } => {
                if !waited {
                    return Vec::new();
                }
                if let Some(Screen::Form(form)) = self.stack.last_mut() {
                    form.challenge = Some(challenge);
                    form.lines = vec!["This account has a second step.".to_owned()];
                    form.fields.truncate(1);
                    form.fields.push(Field { label: "Code", hidden: false, value: String::new() });
                    form.at = 1;
                }
            }
        }
        vec![Ask::Look]
    }

    fn log(&mut self, said: Said) -> Vec<Ask> {
        let Some(Screen::Log(log)) = self.stack.last_mut() else { return Vec::new() };
        match said {
            Said::Window(lines) => (log.lines, log.asked, log.below, log.problem) = (lines, false, 0, None),
            Said::Older(lines) => {
                log.asked = false;
                log.whole = lines.is_empty();
                log.lines.splice(0..0, lines);
                log.lines.truncate(LOG_KEPT);
            }
            Said::New(line) => {
                log.lines.push(line);
                if log.below > 0 {
                    log.below += 1;
                }
                let over = log.lines.len().saturating_sub(LOG_KEPT);
                log.lines.drain(..over);
            }
            Said::Broken(problem) => (log.asked, log.problem) = (false, Some(problem)),
        }
        Vec::new()
    }

    fn key(&mut self, key: Key) -> Vec<Ask> {
        self.idle = 0;
        let types = match self.stack.last() {
            Some(Screen::Form(_) | Screen::Fixed(_) | Screen::Busy(_)) => true,
            Some(Screen::Question(question)) => question.typed.is_some(),
            _ => false,
        };
        if key == Key::Char('?') && !types {
            let help = self.help();
            self.stack.push(Screen::Text(help));
            return Vec::new();
        }
        let Some(mut top) = self.stack.pop() else { return self.home_key(key) };
        let step = match &mut top {
            Screen::List(list) => list_key(list, key),
            Screen::Text(text) => text_key(text, key),
            Screen::Log(log) => log_key(log, key),
            Screen::Question(question) => question_key(question, key),
            Screen::Form(form) => form_key(form, key),
            Screen::Pick(pick) => network::pick_key(pick, key),
            Screen::Fixed(fixed) => network::fixed_key(fixed, key),
            Screen::Keep(keep) => network::keep_key(keep, key),
            // What is under way goes on; the menu may be used meanwhile.
            Screen::Busy(_) if key == Key::Esc => Step::Back(Vec::new()),
            Screen::Busy(_) => Step::Stay(Vec::new()),
            Screen::Reach => {
                if leaves(key) {
                    Step::Back(Vec::new())
                } else {
                    Step::Stay(Vec::new())
                }
            }
        };
        match step {
            Step::Stay(asks) => {
                self.stack.push(top);
                asks
            }
            Step::Back(asks) => {
                let again = self.stack.last().and_then(|screen| match screen {
                    Screen::List(list) => Some(Ask::List(list.what)),
                    _ => None,
                });
                asks.into_iter().chain(again).collect()
            }
            Step::Open(screen) => {
                self.stack.extend([top, *screen]);
                Vec::new()
            }
            Step::Do(deed, keep) => {
                if keep {
                    self.stack.push(top);
                }
                self.stack.push(Screen::Busy(Busy { title: doing(&deed), message: String::new(), fraction: None }));
                vec![Ask::Do(deed)]
            }
        }
    }

    fn home_key(&mut self, key: Key) -> Vec<Ask> {
        let entries = self.entries();
        let last = entries.len().saturating_sub(1);
        match key {
            Key::Up => self.at = self.at.saturating_sub(1),
            Key::Down | Key::Tab => self.at = (self.at + 1).min(last),
            Key::Left => self.at = self.at.saturating_sub(view::home_rows(entries.len())),
            Key::Right => self.at = (self.at + view::home_rows(entries.len())).min(last),
            Key::Home => self.at = 0,
            Key::End => self.at = last,
            Key::Enter => return entries.get(self.at).map(|entry| self.open(entry.leads)).unwrap_or_default(),
            Key::Esc if self.place.may_leave => return vec![Ask::Leave],
            Key::Char(letter) => {
                let letter = letter.to_ascii_lowercase();
                if let Some(at) = entries.iter().position(|entry| entry.key == letter) {
                    self.at = at;
                    return entries.get(at).map(|entry| self.open(entry.leads)).unwrap_or_default();
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn open(&mut self, leads: Leads) -> Vec<Ask> {
        let list = |what| Screen::List(List { what, rows: None, at: 0 });
        let wait = |title: &str, shown| {
            Screen::Text(Text { waits: Some(shown), ..Text::new(title, vec!["Looking…".to_owned()]) })
        };
        let (screen, asks) = match leads {
            Leads::Reach => (Screen::Reach, Vec::new()),
            Leads::Apps => (list(What::Apps), vec![Ask::List(What::Apps)]),
            Leads::Services => (list(What::Services), vec![Ask::List(What::Services)]),
            Leads::Password => (list(What::Accounts), vec![Ask::List(What::Accounts)]),
            Leads::Network => (wait("Network", Shown::Network), vec![Ask::Show(Shown::Network)]),
            Leads::Disks => (wait("Disks", Shown::Disks), vec![Ask::Show(Shown::Disks)]),
            Leads::Install => (list(What::Targets), vec![Ask::List(What::Targets)]),
            Leads::Reset => (wait("Factory reset", Shown::Reset), vec![Ask::Show(Shown::Reset)]),
            Leads::MakeData => (Screen::Question(make_data()), Vec::new()),
            Leads::KeepUpdate | Leads::LeaveUpdate => match &self.facts.update {
                Some(asked) if leads == Leads::KeepUpdate => (Screen::Question(asked.keep()), Vec::new()),
                Some(asked) => (Screen::Question(asked.leave()), Vec::new()),
                None => return Vec::new(),
            },
            Leads::SafeMode => (Screen::Question(safe_mode(!self.facts.safe_mode)), Vec::new()),
            Leads::Power(verb) => (wait(verb.word(), Shown::Power(verb)), vec![Ask::Show(Shown::Power(verb))]),
            Leads::Logs => (Screen::Log(Log::new(LogSource::Orbitr)), vec![Ask::Follow(LogSource::Orbitr)]),
            Leads::Issues => {
                let lines =
                    self.facts.reasons.iter().chain(&self.facts.issues).flat_map(|l| [l.clone(), String::new()]);
                (Screen::Text(Text { tone: Tone::Warn, ..Text::new("What is wrong", lines.collect()) }), Vec::new())
            }
            Leads::Support => match self.place.bundle.clone() {
                Some(place) => (Screen::Question(support(place)), Vec::new()),
                None => return Vec::new(),
            },
            Leads::RestartOrbitr => {
                let lines = vec!["The supervisor starts again. Apps go on.".to_owned()];
                let deed = Deed::RestartUnit("orbitr.service".to_owned());
                (Screen::Question(Question::new("Restart Orbitr", lines, "Restart", deed)), Vec::new())
            }
            Leads::Shell => (Screen::Form(shell()), Vec::new()),
        };
        self.stack.push(screen);
        asks
    }

    fn help(&self) -> Text {
        let mut lines = vec![
            "Arrows        choose".to_owned(),
            "Enter         open, or do it".to_owned(),
            "Esc           back".to_owned(),
            "Page keys     scroll".to_owned(),
            "Letters       what stands before an entry".to_owned(),
            "y, n          answer a question".to_owned(),
            "Ctrl-L        paint the screen anew".to_owned(),
            String::new(),
        ];
        lines.extend(entry::missing(&self.facts, &self.place));
        Text::new("Help", lines)
    }
}

fn shell() -> Form {
    let field = |label, hidden| Field { label, hidden, value: String::new() };
    Form {
        title: "Shell",
        lines: vec![
            "A root shell on this screen. With it one can break anything; apps and data included.".to_owned(),
            "An administrator's name and password, please. History keeps that it was asked for.".to_owned(),
        ],
        fields: vec![field("Name", false), field("Password", true)],
        at: 0,
        challenge: None,
    }
}

/// The question before going down, with what is in the way.
fn power(verb: PowerVerb, held: Vec<String>) -> Question {
    let mut lines = match verb {
        PowerVerb::Reboot => vec!["Apps stop, the machine starts again, and they come back.".to_owned()],
        PowerVerb::PowerOff => {
            vec!["Apps stop, and the machine goes off. Somebody has to switch it on again.".to_owned()]
        }
    };
    let busy = !held.is_empty();
    if busy {
        lines.extend([String::new(), "In the way:".to_owned()]);
        lines.extend(held.into_iter().map(|holder| format!("- {holder}")));
        lines.extend([String::new(), "It waits until they have ended.".to_owned()]);
    }
    Question::new(
        verb.word(),
        lines,
        if busy { "Wait, then do it" } else { verb.word() },
        Deed::Power { verb, wait: busy },
    )
}

/// The question before the data partition of a new box is made here.
fn make_data() -> Question {
    let lines = vec![
        "The box waits for its owner in a browser. There the data partition is made, encrypted if you like, and the account.".to_owned(),
        "From here it is made without encryption, on the disk that the box runs from. What is somebody's data is not touched.".to_owned(),
    ];
    Question::new("Make the data partition", lines, "Make it, without encryption", Deed::MakeData)
}

fn safe_mode(on: bool) -> Question {
    if on {
        let lines = vec![
            "Every app is stopped and stays so, also over restarts, so that you can look at what is wrong. Data stays."
                .to_owned(),
            "When you leave it, the apps that are wanted start again.".to_owned(),
        ];
        return Question::new("Safe mode", lines, "Stop all apps", Deed::SafeMode(true));
    }
    let lines = vec!["The apps that are wanted start again.".to_owned()];
    Question::new("Leave safe mode", lines, "Leave it", Deed::SafeMode(false))
}

/// The question before a support bundle is written.
fn support(place: BundlePlace) -> Question {
    let mut lines = vec![
        "What somebody who helps needs to see: versions, states, logs. No secrets that the box knows, no data."
            .to_owned(),
    ];
    match &place {
        BundlePlace::Folder(dir) => lines.push(format!("It is written into {dir}.")),
        BundlePlace::Stick => lines.extend([
            "It goes onto a USB stick as one more file; what is on the stick stays.".to_owned(),
            "Plug one in now (FAT, exFAT, ext4 or btrfs), and no other.".to_owned(),
        ]),
    }
    Question::new("Support bundle", lines, "Write it", Deed::Support(place))
}

/// What is said while it is done.
fn doing(deed: &Deed) -> String {
    match deed {
        Deed::App { id, verb } => format!("{id}: {verb}"),
        Deed::RestartUnit(unit) => format!("Restarting {unit}"),
        Deed::Power { verb, .. } => verb.word().to_owned(),
        Deed::KeepUpdate(version) => format!("Keeping {version}"),
        Deed::LeaveUpdate(version) => format!("Going back from {version}"),
        Deed::SafeMode(true) => "Stopping all apps".to_owned(),
        Deed::SafeMode(false) => "Starting apps".to_owned(),
        Deed::FactoryReset { .. } => "Factory reset".to_owned(),
        Deed::Install { disk, .. } => format!("Installing onto {disk}"),
        Deed::MakeData => "Making the data partition".to_owned(),
        Deed::SetNetwork(setting) => format!("Setting {}", setting.name),
        Deed::ConfirmNetwork => "Keeping the setting".to_owned(),
        Deed::RevertNetwork => "Taking the setting back".to_owned(),
        Deed::ResetPassword(name) => format!("Resetting the password of {name}"),
        Deed::Support(_) => "Gathering the support bundle".to_owned(),
        Deed::Shell { .. } | Deed::ShellCode { .. } => "Checking".to_owned(),
    }
}
