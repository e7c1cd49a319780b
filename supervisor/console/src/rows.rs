//! From what the API says to what lists and pages show.

use orbitr_model::ByteSize;
use serde_json::Value;

use crate::{
    Deed, Shown, What,
    screen::{Choice, Question, Row, Tone},
};

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn yes(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn size(value: &Value, pointer: &str) -> ByteSize {
    ByteSize(value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default())
}

pub(crate) fn rows(what: What, value: &Value) -> Vec<Row> {
    match what {
        What::Apps => list(value, "").iter().map(app).collect(),
        What::Services => list(value, "/units").iter().filter(|unit| matters(unit)).map(unit).collect(),
        What::Accounts => list(value, "").iter().map(account).collect(),
        What::Targets => list(value, "/targets").iter().map(target).collect(),
    }
}

fn app(value: &Value) -> Row {
    let (id, name, state) = (text(value, "/id"), text(value, "/name"), text(value, "/status/state"));
    let tone = match state.as_str() {
        "running" => Tone::Good,
        "unhealthy" | "down" => Tone::Bad,
        "stopped" => Tone::Plain,
        _ => Tone::Warn,
    };
    let reason = text(value, "/status/reason");
    let verbs = list(value, "/verbs").iter().filter_map(Value::as_str).filter_map(|verb| {
        let (key, label, lines) = match verb {
            "start" => ('s', "Start", "It starts as it was."),
            "stop" => ('t', "Stop", "It stays stopped until somebody starts it. Its data stays."),
            "restart" => ('r', "Restart", "It is away for a moment. Its data stays."),
            _ => return None,
        };
        let deed = Deed::App { id: id.clone(), verb: verb.to_owned() };
        Some(Choice {
            key,
            label,
            question: Question::new(format!("{label} {name}"), vec![lines.to_owned()], label, deed),
        })
    });
    let verbs = verbs.collect();
    let state = if reason.is_empty() { state } else { format!("{state}: {reason}") };
    Row { title: name, state, tone, verbs, id }
}

/// Hundreds of units are systemd's own and well; those that failed or that can be restarted matter.
fn matters(unit: &Value) -> bool {
    let known = text(unit, "/load") != "not-found";
    known && (text(unit, "/active") == "failed" || unit.pointer("/restart").is_some_and(Value::is_string))
}

fn unit(value: &Value) -> Row {
    let (id, active, sub) = (text(value, "/name"), text(value, "/active"), text(value, "/sub"));
    let tone = match active.as_str() {
        "active" => Tone::Good,
        "failed" => Tone::Bad,
        "inactive" => Tone::Plain,
        _ => Tone::Warn,
    };
    let effect = value.pointer("/restart").and_then(Value::as_str);
    let verbs = effect.map(|effect| {
        let lines = vec![text(value, "/description"), effect.to_owned()];
        let question = Question::new(format!("Restart {id}"), lines, "Restart", Deed::RestartUnit(id.clone()));
        Choice { key: 'r', label: "Restart", question }
    });
    Row { title: id.clone(), state: format!("{active} ({sub})"), tone, verbs: verbs.into_iter().collect(), id }
}

fn account(value: &Value) -> Row {
    let name = text(value, "/username");
    let disabled = value.pointer("/disabled_at").is_some_and(Value::is_string);
    let mut state = text(value, "/role");
    if yes(value, "/second_step") {
        state.push_str(", second step");
    }
    if disabled {
        state.push_str(", disabled");
    }
    let lines = vec![
        "Gives the account a one-time password, which is shown here.".to_owned(),
        "Ends all its sessions, turns its second step off, and enables it.".to_owned(),
        "History keeps that it was done at the box itself.".to_owned(),
    ];
    let question =
        Question::new(format!("Reset the password of {name}"), lines, "Reset", Deed::ResetPassword(name.clone()));
    let verbs = vec![Choice { key: 'r', label: "Reset", question }];
    let tone = if disabled { Tone::Warn } else { Tone::Plain };
    Row { title: name.clone(), state, tone, verbs, id: name }
}

/// A disk that this system can be installed onto. Somebody's data go only where its serial number is typed.
fn target(value: &Value) -> Row {
    let (device, model, serial) =
        (text(value, "/disk/device"), text(value, "/disk/model"), text(value, "/disk/serial"));
    let contents: Vec<String> = list(value, "/contents").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let unfinished = yes(value, "/unfinished");
    let holds = !contents.is_empty() && !unfinished;
    let known = [model, size(value, "/disk/bytes").to_string(), format!("serial {serial}")];
    let known: Vec<String> =
        known.into_iter().filter(|part| !part.is_empty() && (part != "serial " || !serial.is_empty())).collect();
    let mut lines = vec![known.join(", "), String::new()];
    let on_it = if unfinished {
        lines.push("An installation onto it was cut off; it goes on where it was.".to_owned());
        "an installation that was cut off".to_owned()
    } else if holds {
        lines.push("Everything on it is lost, and nothing brings it back:".to_owned());
        lines.extend(contents.iter().map(|line| format!("- {line}")));
        lines.extend([String::new(), format!("Type the disk's serial number, {serial}, to erase it.")]);
        format!("on it: {}", contents.join("; "))
    } else {
        lines.push("Nothing is on it.".to_owned());
        "nothing on it".to_owned()
    };
    let deed = Deed::Install { disk: device.clone(), serial: String::new() };
    let question = if holds {
        Question::new(format!("Erase {device} and install?"), lines, "Erase and install", deed).with_serial()
    } else {
        Question::new(format!("Install onto {device}?"), lines, "Install", deed)
    };
    let nameless = holds && serial.is_empty();
    let state = if nameless {
        format!("has no serial number: empty it elsewhere; {on_it}")
    } else {
        format!("{}; {on_it}", known.join(", "))
    };
    let verbs = if nameless { Vec::new() } else { vec![Choice { key: 'i', label: "Install", question }] };
    Row { title: device.clone(), state, tone: if holds { Tone::Warn } else { Tone::Plain }, verbs, id: device }
}

/// The question before everything is erased; what to read instead where that cannot be done.
pub(crate) fn reset(value: &Value) -> Result<Question, Vec<String>> {
    if !yes(value, "/available") {
        return Err(vec![text(value, "/reason")]);
    }
    let mut lines = vec![
        "Erases every app with its data, all accounts, settings, history and logs.".to_owned(),
        "Nothing brings it back: make a backup first. The system stays, and the box starts as a new one.".to_owned(),
    ];
    lines.push(format!("Type this machine's serial number, {}, to do it.", text(value, "/serial")));
    let held = in_the_way(value);
    let wait = !held.is_empty();
    if wait {
        lines.extend([String::new(), "In the way; it waits until they have ended:".to_owned()]);
        lines.extend(held.into_iter().map(|holder| format!("- {holder}")));
    }
    let deed = Deed::FactoryReset { serial: String::new(), wait };
    Ok(Question::new("Factory reset", lines, "Erase everything", deed).with_serial())
}

/// The page for it. None where the answer is a question instead (power, a factory reset).
pub(crate) fn page(shown: Shown, value: &Value) -> Vec<String> {
    match shown {
        Shown::Network => network(value),
        Shown::Disks => disks(value),
        Shown::Power(_) | Shown::Reset => in_the_way(value),
    }
}

fn network(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pair = |label: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("{label:<14}{value}"));
        }
    };
    pair("Host name", text(value, "/host_name"));
    if yes(value, "/mdns/answers") {
        pair("Local name", text(value, "/mdns/name"));
    }
    let gateways = list(value, "/gateways").iter();
    pair(
        "Way out",
        gateways.map(|g| format!("{} ({})", text(g, "/address"), text(g, "/link"))).collect::<Vec<_>>().join(", "),
    );
    let servers: Vec<_> = list(value, "/name_servers").iter().filter_map(Value::as_str).collect();
    pair("Name servers", servers.join(", "));
    if yes(value, "/ssh/available") {
        let keys = list(value, "/ssh/keys").len();
        let on = format!("on, {keys} {}", if keys == 1 { "key" } else { "keys" });
        pair("SSH", if yes(value, "/ssh/enabled") { on } else { "off".to_owned() });
    }
    for link in list(value, "/links") {
        let state = if yes(link, "/carrier") { "connected" } else { "no cable" };
        lines.extend([String::new(), format!("{} ({state})  {}", text(link, "/name"), text(link, "/mac"))]);
        lines.extend(list(link, "/addresses").iter().filter_map(Value::as_str).map(|address| format!("  {address}")));
    }
    if list(value, "/links").is_empty() {
        lines.extend([String::new(), "There is no network card.".to_owned()]);
    }
    lines
}

fn disks(value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for disk in list(value, "/disks") {
        let (model, serial) = (text(disk, "/model"), text(disk, "/serial"));
        lines.push(format!("{}  {}  {model}", text(disk, "/device"), size(disk, "/bytes")));
        if !serial.is_empty() {
            lines.push(format!("  serial {serial}"));
        }
        lines.push(String::new());
    }
    if list(value, "/disks").is_empty() {
        lines.extend(["No disk can be seen from here.".to_owned(), String::new()]);
    }
    if size(value, "/data/total").0 > 0 {
        lines.push(format!("Data: {} of {} used", size(value, "/data/used"), size(value, "/data/total")));
    }
    lines
}

/// What holds a shutdown back, a line each; empty when nothing does.
fn in_the_way(value: &Value) -> Vec<String> {
    let held = list(value, "/jobs").iter().chain(list(value, "/held_by"));
    held.map(|holder| {
        let why = text(holder, "/why");
        if why.is_empty() { text(holder, "/who") } else { format!("{}: {why}", text(holder, "/who")) }
    })
    .collect()
}
