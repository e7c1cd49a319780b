//! What the menu offers: only what works here and now.

use crate::{BundlePlace, Facts, Place, PowerVerb, Supervisor};

/// Where an entry leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// How to reach the box, large.
    Reach,
    Network,
    Apps,
    Services,
    Logs,
    Password,
    Disks,
    Issues,
    Support,
    RestartOrbitr,
    Install,
    MakeData,
    SafeMode,
    KeepUpdate,
    LeaveUpdate,
    Reset,
    Shell,
    Power(PowerVerb),
}

/// One line of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: char,
    pub(crate) title: &'static str,
    pub(crate) leads: Leads,
}

/// The menu of this moment. What a supervisor that is down cannot do is not offered; what the machine does without it is.
pub(crate) fn entries(facts: &Facts, place: &Place) -> Vec<Entry> {
    let up = facts.supervisor == Supervisor::Up;
    let down = matches!(facts.supervisor, Supervisor::Down(_));
    // With the supervisor or without it; a stick has nothing to erase.
    let resets = place.image && facts.supervisor != Supervisor::Unasked && !facts.is_installer();
    let all = [
        (down, 'x', "Restart Orbitr", Leads::RestartOrbitr),
        (facts.is_installer(), 't', "Install to a disk", Leads::Install),
        (facts.waits_for_data(), 'k', "Make data partition", Leads::MakeData),
        (facts.url().is_some() && !down, 'q', "Open in browser", Leads::Reach),
        (up && facts.update.is_some(), 'u', "Keep the update", Leads::KeepUpdate),
        (
            up && facts.update.as_ref().is_some_and(|asked| asked.may_go_back),
            'g',
            "Go back a version",
            Leads::LeaveUpdate,
        ),
        (!facts.issues.is_empty() || !facts.reasons.is_empty(), 'i', "What is wrong", Leads::Issues),
        (up, 'a', "Apps", Leads::Apps),
        (true, 'n', "Network", Leads::Network),
        (true, 'd', "Disks", Leads::Disks),
        (true, 's', "Services", Leads::Services),
        (true, 'l', "Logs", Leads::Logs),
        (up, 'p', "Reset password", Leads::Password),
        (up, 'm', if facts.safe_mode { "Leave safe mode" } else { "Safe mode" }, Leads::SafeMode),
        (up && place.bundle.is_some(), 'b', "Support bundle", Leads::Support),
        (up && place.shell_on.is_some(), 'h', "Shell", Leads::Shell),
        (resets, 'f', "Factory reset", Leads::Reset),
        (facts.no_power.is_empty(), 'r', "Reboot", Leads::Power(PowerVerb::Reboot)),
        (facts.no_power.is_empty(), 'o', "Power off", Leads::Power(PowerVerb::PowerOff)),
    ];
    let offered = all.into_iter().filter(|(offered, ..)| *offered);
    offered.map(|(_, key, title, leads)| Entry { key, title, leads }).collect()
}

/// Why something that one would look for is not in the menu, in sentences.
pub(crate) fn missing(facts: &Facts, place: &Place) -> Vec<String> {
    let up = facts.supervisor == Supervisor::Up;
    let mut why = Vec::new();
    if !up {
        why.push("Apps, passwords and safe mode need the supervisor, and a box that is claimed.".to_owned());
    }
    if place.shell_on.is_none() {
        why.push("A shell: only on the screen and the serial console of Orbitr OS.".to_owned());
    } else if !up {
        why.push("A shell: without the supervisor nobody can check a password.".to_owned());
    }
    why.extend(no_bundle(facts, place).map(str::to_owned));
    if !facts.no_power.is_empty() {
        why.push(format!("Reboot and power off: {}", facts.no_power));
    }
    if !place.image {
        why.push("Factory reset: only on Orbitr OS. This machine is somebody's own, and what else is on it is nobody's to erase.".to_owned());
    } else if facts.is_installer() {
        why.push("Factory reset: a stick has nothing to erase.".to_owned());
    }
    why
}

/// Why no support bundle is offered.
fn no_bundle(facts: &Facts, place: &Place) -> Option<&'static str> {
    let why = match (&place.bundle, &facts.supervisor) {
        (Some(BundlePlace::Folder(_) | BundlePlace::Stick), Supervisor::Up) => return None,
        (None, _) if place.image => {
            "A support bundle: the box's own screen writes it onto a USB stick. Here «orbitr support» does it."
        }
        (None, _) => "A support bundle: there is no place here to write it to. A browser gets it on the page Machine.",
        (Some(_), Supervisor::Down(_)) => {
            "A support bundle: Orbitr gathers it, and does not answer. Restart it first (x). What it said last is in the log (l)."
        }
        (Some(_), Supervisor::Unclaimed) => {
            "A support bundle: the box has to be claimed first. Until then there is nothing in it that the log (l) does not say."
        }
        (Some(_), Supervisor::Limited) => {
            "A support bundle: Orbitr gathers it only where the box's data can be used. What is wrong is in the log (l)."
        }
        (Some(_), Supervisor::Refused(_) | Supervisor::Unasked) => {
            "A support bundle: Orbitr gathers it, and this user may not ask it."
        }
    };
    Some(why)
}
