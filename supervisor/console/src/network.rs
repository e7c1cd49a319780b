//! Changing the network: which card, DHCP or a fixed address, and the question whether it stays.

use orbitr_model::Problem;
use serde_json::{Value, json};

use crate::{
    Ask, Deed, Key, NetworkSetting, Shown,
    keys::{Step, form_key},
    rows::{list, page, text, yes},
    screen::{Field, Form, Question, Screen, Text, Tone},
};

/// One of several ways to go on.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) ways: Vec<(String, Screen)>,
    pub(crate) at: usize,
}

/// A fixed address, as it is typed.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) form: Form,
    card: String,
    name: String,
}

/// What is tried, and what can be done about it.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// Seconds until the old setting comes back.
    pub(crate) left: u64,
    /// Whether the machine has it by now: before, there is nothing to keep.
    pub(crate) applied: bool,
    /// Which button is chosen.
    pub(crate) at: usize,
}

impl Keep {
    /// The buttons of this moment: their words, and what they do.
    pub(crate) fn buttons(&self) -> Vec<(&'static str, Option<Deed>)> {
        let keep = self.applied.then_some(("Keep it", Some(Deed::ConfirmNetwork)));
        let all = [Some(("Later", None)), keep, Some(("Take back", Some(Deed::RevertNetwork)))];
        all.into_iter().flatten().collect()
    }
}

/// The setting in a line.
fn setting(value: &Value) -> String {
    let mut line = match text(value, "/ipv4/method").as_str() {
        "static" => format!("{}/{}", text(value, "/ipv4/address"), text(value, "/ipv4/prefix")),
        _ => "DHCP".to_owned(),
    };
    let gateway = text(value, "/ipv4/gateway");
    if !gateway.is_empty() {
        line.push_str(&format!(", gateway {gateway}"));
    }
    let dns: Vec<&str> = list(value, "/dns").iter().filter_map(Value::as_str).collect();
    if !dns.is_empty() {
        line.push_str(&format!(", DNS {}", dns.join(" ")));
    }
    line
}

/// The screen for what `GET /box/network` says: the question, while something is tried, else how it is.
pub(crate) fn screen(value: &Value) -> Screen {
    match value.pointer("/change/trial").filter(|trial| trial.is_object()) {
        Some(trial) => Screen::Keep(keep(trial, value)),
        None => Screen::Text(shown(value)),
    }
}

fn shown(value: &Value) -> Text {
    let mut lines = page(Shown::Network, value);
    let cards = list(value, "/change/cards");
    for card in cards {
        lines.extend([String::new(), format!("{} is set to {}", text(card, "/name"), setting(card))]);
    }
    if let Some(last) = value.pointer("/change/last").filter(|last| last.is_object()) {
        lines.extend([String::new(), ended(last)]);
    }
    let reason = text(value, "/change/reason");
    if !reason.is_empty() {
        lines.extend([String::new(), reason]);
    }
    let change = yes(value, "/change/available").then(|| which(value, cards)).flatten();
    Text { change: change.map(Box::new), ..Text::new("Network", lines) }
}

/// How the last trial ended, in a line.
fn ended(last: &Value) -> String {
    let (name, why) = (text(last, "/name"), text(last, "/why"));
    let to = last.pointer("/to").map(setting).unwrap_or_default();
    let end = match text(last, "/end").as_str() {
        "kept" => "kept".to_owned(),
        "taken-back" => "taken back".to_owned(),
        "not-confirmed" => "nobody kept it, so the old setting is back".to_owned(),
        "restarted" => "the machine was restarted, so the old setting is back".to_owned(),
        _ => format!("could not be set: {why}"),
    };
    format!("Tried last on {name}: {to} - {end}.")
}

/// Which card, if there are several.
fn which(value: &Value, cards: &[Value]) -> Option<Screen> {
    let ways: Vec<(String, Screen)> = cards.iter().map(|card| (label(card), how(value, card))).collect();
    match ways.as_slice() {
        [] => None,
        [(_, only)] => Some(only.clone()),
        _ => Some(Screen::Pick(Pick { title: "Change which card?".to_owned(), lines: Vec::new(), ways, at: 0 })),
    }
}

fn label(card: &Value) -> String {
    format!("{}  {}", text(card, "/name"), setting(card))
}

fn how(value: &Value, card: &Value) -> Screen {
    let (name, mac) = (text(card, "/name"), text(card, "/mac"));
    let lines = vec![
        format!("Set to {} now.", setting(card)),
        "A new setting is tried for two minutes. Unless somebody keeps it, the old one comes back by itself."
            .to_owned(),
    ];
    let dhcp = NetworkSetting { card: mac.clone(), name: name.clone(), ..NetworkSetting::default() };
    let says = vec!["The network gives the address, the gateway and the name servers.".to_owned()];
    let dhcp = Question::new(format!("DHCP on {name}"), says, "Try it", Deed::SetNetwork(dhcp));
    let ways = vec![
        ("DHCP".to_owned(), Screen::Question(dhcp)),
        ("A fixed address".to_owned(), Screen::Fixed(fixed(value, card, name.clone(), mac))),
    ];
    Screen::Pick(Pick { title: format!("Change {name}"), lines, ways, at: 0 })
}

/// The form, with what the card has now.
fn fixed(value: &Value, card: &Value, name: String, mac: String) -> Fixed {
    let is_fixed = text(card, "/ipv4/method") == "static";
    let own = list(card, "/addresses").iter().filter_map(Value::as_str).find(|address| !address.contains(':'));
    let address = if is_fixed {
        format!("{}/{}", text(card, "/ipv4/address"), text(card, "/ipv4/prefix"))
    } else {
        own.unwrap_or_default().to_owned()
    };
    let out = list(value, "/gateways").iter().filter(|one| text(one, "/link") == name).map(|one| text(one, "/address"));
    let gateway = if is_fixed {
        text(card, "/ipv4/gateway")
    } else {
        out.filter(|a| !a.contains(':')).collect::<Vec<_>>().join("")
    };
    let chosen: Vec<&str> = list(card, "/dns").iter().filter_map(Value::as_str).collect();
    let dns = if chosen.is_empty() { gateway.clone() } else { chosen.join(" ") };
    let field = |label, value| Field { label, hidden: false, value };
    let form = Form {
        title: "A fixed address",
        lines: vec![
            format!(
                "For {name}. The address with the size of its network, at home mostly /24; the gateway is the router."
            ),
            "Choose an address that the router gives to nobody else. Several name servers: with blanks between."
                .to_owned(),
        ],
        fields: vec![field("Address", address), field("Gateway", gateway), field("DNS", dns)],
        at: 0,
        challenge: None,
    };
    Fixed { form, card: mac, name }
}

fn keep(trial: &Value, value: &Value) -> Keep {
    let name = text(trial, "/name");
    let (to, from) = (trial.pointer("/to").map(setting), trial.pointer("/from").map(setting));
    let card = list(value, "/change/cards").iter().find(|card| text(card, "/name") == name);
    let has: Vec<&str> = card.into_iter().flat_map(|card| list(card, "/addresses")).filter_map(Value::as_str).collect();
    let mut lines = vec![format!("Now: {}", to.unwrap_or_default()), format!("Before: {}", from.unwrap_or_default())];
    lines.push(match has.as_slice() {
        [] => format!("{name} has no address yet."),
        has => format!("{name} has {}", has.join(", ")),
    });
    lines.extend([
        String::new(),
        "Keep it only if the box can be reached like this: open its page under the new address.".to_owned(),
    ]);
    let left = trial.pointer("/seconds_left").and_then(Value::as_u64).unwrap_or_default();
    let applied = yes(trial, "/applied");
    Keep { title: format!("Keep the new setting of {name}?"), lines, left, applied, at: 0 }
}

/// What came anew while the question is open; none when nothing is tried any more.
pub(crate) fn refreshed(old: &Keep, value: &Value) -> Screen {
    match screen(value) {
        Screen::Keep(new) => {
            let chosen = old.buttons().into_iter().nth(old.at).map(|(word, _)| word);
            let at = new.buttons().iter().position(|(word, _)| Some(*word) == chosen).unwrap_or(0);
            Screen::Keep(Keep { at, ..new })
        }
        other => other,
    }
}

pub(crate) fn pick_key(pick: &mut Pick, key: Key) -> Step {
    let last = pick.ways.len().saturating_sub(1);
    match key {
        Key::Esc | Key::Left | Key::Backspace => return Step::Back(Vec::new()),
        Key::Up => pick.at = pick.at.saturating_sub(1),
        Key::Down | Key::Tab => pick.at = (pick.at + 1).min(last),
        Key::Enter | Key::Right => {
            if let Some((_, screen)) = pick.ways.get(pick.at) {
                return Step::Open(Box::new(screen.clone()));
            }
        }
        _ => {}
    }
    Step::Stay(Vec::new())
}

pub(crate) fn fixed_key(fixed: &mut Fixed, key: Key) -> Step {
    let form = &mut fixed.form;
    if key != Key::Enter || form.at + 1 < form.fields.len() {
        return form_key(form, key);
    }
    let typed = |at: usize| form.fields.get(at).map(|field| field.value.trim().to_owned()).unwrap_or_default();
    if typed(0).is_empty() {
        form.at = 0;
        return Step::Stay(Vec::new());
    }
    let dns = typed(2).split([' ', ',']).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    let setting = NetworkSetting {
        card: fixed.card.clone(),
        name: fixed.name.clone(),
        address: Some(typed(0)),
        gateway: Some(typed(1)).filter(|gateway| !gateway.is_empty()),
        dns,
    };
    // The form stays under it, for whoever has to type something again.
    Step::Do(Deed::SetNetwork(setting), true)
}

pub(crate) fn keep_key(keep: &mut Keep, key: Key) -> Step {
    let buttons = keep.buttons();
    match key {
        Key::Esc => return Step::Back(Vec::new()),
        Key::Left | Key::Up => keep.at = keep.at.saturating_sub(1),
        Key::Right | Key::Down | Key::Tab => keep.at = (keep.at + 1).min(buttons.len().saturating_sub(1)),
        Key::Enter => {
            return match buttons.into_iter().nth(keep.at) {
                Some((_, Some(deed))) => Step::Do(deed, false),
                _ => Step::Back(Vec::new()),
            };
        }
        Key::Char('k') if keep.applied => return Step::Do(Deed::ConfirmNetwork, false),
        Key::Char('t') => return Step::Do(Deed::RevertNetwork, false),
        _ => {}
    }
    Step::Stay(Vec::new())
}

/// A second has gone by. When the time is over, it is looked at anew.
pub(crate) fn second(keep: &mut Keep) -> Vec<Ask> {
    keep.left = keep.left.saturating_sub(1);
    if keep.left == 0 { vec![Ask::Show(Shown::Network)] } else { Vec::new() }
}

impl NetworkSetting {
    /// What `PUT /box/network` takes.
    #[must_use]
    pub fn body(&self) -> Value {
        let method = if self.address.is_some() { "static" } else { "dhcp" };
        json!({ "card": self.card, "method": method, "address": self.address, "gateway": self.gateway, "dns": self.dns })
    }

    /// Why it is not tried after all, when the machine could not be set so.
    #[must_use]
    pub fn not_tried(&self, value: &Value) -> Problem {
        let last = value.pointer("/change/last").map(ended).unwrap_or_default();
        Problem::new(502, "network-not-set", format!("{} could not be set so", self.name)).why(last)
    }
}

/// The tone of the time that is left.
pub(crate) const fn urgency(left: u64) -> Tone {
    if left > 30 { Tone::Plain } else { Tone::Warn }
}
