//! How the box is, in one glance: read from what the API says and from the block that the supervisor leaves for consoles.

use orbitr_model::ByteSize;
use serde_json::Value;

use crate::update::AskedUpdate;

/// Where the menu runs, which does not change while it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether this machine runs Orbitr OS.
    pub image: bool,
    /// The terminal, for example `tty1`, where the image has a shell for it.
    pub shell_on: Option<String>,
    /// Where a support bundle would be written; none where nothing can be.
    pub bundle: Option<BundlePlace>,
    /// Whether the menu can be left.
    pub may_leave: bool,
    /// Which version this program is.
    pub version: String,
}

/// Where a support bundle goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundlePlace {
    /// Into this folder, where the person stands.
    Folder(String),
    /// Onto a USB stick: on Orbitr OS nothing else can be written to.
    Stick,
}

/// How the supervisor answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Supervisor {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// It works.
    Up,
    /// It answers, and nobody has claimed the box.
    Unclaimed,
    /// It answers, but not with the API: Recovery mode, or a box without its data.
    Limited,
    /// It runs, but this user may not talk to it.
    Refused(String),
    /// It does not answer, and why.
    Down(String),
}

/// What the machine does at this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// How busy the processors are, 0 to 100.
    pub cpu: f64,
    /// Used and all memory, in bytes.
    pub memory: (u64, u64),
    /// Used and all space of the disk with the data, in bytes.
    pub disk: (u64, u64),
    /// Seconds since the machine started.
    pub uptime: u64,
}

/// A job at work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// What it does.
    pub title: String,
    /// What its step says.
    pub message: String,
    /// How far the step is, 0 to 1.
    pub progress: Option<f64>,
}

/// How the box is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// How the supervisor answers.
    pub supervisor: Supervisor,
    /// What the box is called.
    pub name: String,
    /// The version that answers; empty when none does.
    pub version: String,
    /// Whether apps stay stopped.
    pub safe_mode: bool,
    /// What is missing, in sentences, when the box is Degraded.
    pub reasons: Vec<String>,
    /// What the supervisor said of its state when it was ready.
    pub announced: String,
    /// Where the pages are, the surest first.
    pub urls: Vec<String>,
    /// What lets its reader in while nobody can sign in, with its name.
    pub code: Option<(String, String)>,
    /// SHA-256 of what the browser is shown.
    pub certificate: String,
    /// SHA-256 of what vouches for it.
    pub authority: String,
    /// The machine's addresses.
    pub addresses: Option<Vec<String>>,
    /// What the machine does.
    pub figures: Option<Figures>,
    /// How many apps are in each state.
    pub apps: Vec<(String, u64)>,
    /// Jobs at work, and how many there are.
    pub jobs: (Vec<Work>, u64),
    /// What is wrong, in sentences.
    pub issues: Vec<String>,
    /// What is asked about an update of the system; none when nothing is.
    pub update: Option<AskedUpdate>,
    /// Why the machine cannot be restarted from here; empty when it can.
    pub no_power: String,
    /// The time of day, as it is shown.
    pub clock: String,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Facts {
    /// Takes what `GET /status` says.
    pub fn read_status(&mut self, status: &Value) {
        self.supervisor = Supervisor::Up;
        self.name = text(status, "/name");
        self.version = text(status, "/version");
        self.reasons = list(status, "/reasons").iter().filter_map(|r| r.as_str().map(str::to_owned)).collect();
        self.safe_mode = status.pointer("/safe_mode").and_then(Value::as_bool).unwrap_or_default();
        let apps = status.pointer("/apps").and_then(Value::as_object).into_iter().flatten();
        self.apps = apps.map(|(state, count)| (state.clone(), count.as_u64().unwrap_or_default())).collect();
        self.jobs.1 = number(status, "/active_jobs");
        // Nobody needs a setup code any more, whatever the block still says.
        self.code = None;
    }

    /// Takes what `GET /box` says.
    pub fn read_box(&mut self, about: &Value) {
        self.addresses = Some(list(about, "/addresses").iter().map(|one| text(one, "/address")).collect());
        if self.name.is_empty() {
            self.name = text(about, "/host_name");
        }
    }

    /// Takes what `GET /box/figures` says.
    pub fn read_figures(&mut self, figures: &Value) {
        let pair = |of: &str| (number(figures, &format!("{of}/used")), number(figures, &format!("{of}/total")));
        self.figures = Some(Figures {
            cpu: figures.pointer("/cpu").and_then(Value::as_f64).unwrap_or_default(),
            memory: pair("/memory"),
            disk: pair("/disk"),
            uptime: number(figures, "/uptime"),
        });
    }

    /// Takes a page of `GET /jobs`.
    pub fn read_jobs(&mut self, page: &Value) {
        let work = |job: &Value| Work {
            title: text(job, "/title"),
            message: text(job, "/message"),
            progress: job.pointer("/progress").and_then(Value::as_f64),
        };
        let active = |job: &&Value| !job.pointer("/ended").is_some_and(Value::is_string);
        self.jobs.0 = list(page, "/items").iter().filter(active).map(work).collect();
    }

    /// Takes what `GET /box/issues` says.
    pub fn read_issues(&mut self, issues: &Value) {
        let sentence = |issue: &Value| match text(issue, "/kind").as_str() {
            "unit-failed" => format!("{} has failed.", text(issue, "/unit")),
            "clock" => text(issue, "/clock/why"),
            "not-synchronised" => "The clock is not compared with the network.".to_owned(),
            "network-trial" => format!(
                "A new setting of {} goes back in {} s: press n to keep it.",
                text(issue, "/name"),
                number(issue, "/seconds_left")
            ),
            other => other.to_owned(),
        };
        let known = |sentence: &String| self.reasons.iter().any(|reason| reason.starts_with(sentence.as_str()));
        self.issues =
            list(issues, "").iter().map(sentence).filter(|sentence| !sentence.is_empty() && !known(sentence)).collect();
    }

    /// Takes what `GET /box/updates` says; after the issues, as it is the first of them.
    pub fn read_updates(&mut self, updates: &Value, clock: impl Fn(&str) -> String) {
        self.update = AskedUpdate::read(updates, clock);
        if let Some(asked) = &self.update {
            self.issues.insert(0, asked.sentence());
        }
    }

    /// Takes what `GET /box/power` says.
    pub fn read_power(&mut self, power: &Value) {
        let available = power.pointer("/available").and_then(Value::as_bool).unwrap_or(true);
        self.no_power = if available { String::new() } else { text(power, "/reason") };
    }

    /// The mode, in product.md's words where there is one.
    pub(crate) fn mode(&self) -> &'static str {
        match &self.supervisor {
            Supervisor::Unasked => "looking",
            Supervisor::Up if self.reasons.is_empty() && self.safe_mode => "Running, safe mode",
            Supervisor::Up if self.reasons.is_empty() => "Running",
            Supervisor::Up => "Degraded",
            Supervisor::Unclaimed => "Setup",
            Supervisor::Limited if self.announced.starts_with("Recovery") => "Recovery",
            Supervisor::Limited if self.announced.contains("decision") => "Degraded",
            Supervisor::Limited if self.announced.contains("installed") => "Installer",
            Supervisor::Limited => "Setup",
            Supervisor::Refused(_) => "not for this user",
            Supervisor::Down(_) => "supervisor down",
        }
    }

    /// Whether this is a stick that can install itself onto a disk.
    pub(crate) fn is_installer(&self) -> bool {
        self.supervisor == Supervisor::Limited && self.mode() == "Installer"
    }

    /// Whether a new box waits for its data partition.
    pub(crate) fn waits_for_data(&self) -> bool {
        self.supervisor == Supervisor::Limited && self.announced.contains("claimed")
    }

    /// The first address that a browser can open.
    pub(crate) fn url(&self) -> Option<&str> {
        self.urls.first().map(String::as_str)
    }

    /// Brings the addresses for the browser in line with those that the machine has by now: a network may have come up, or
    /// another address been given, since the block was written.
    pub fn refresh_urls(&mut self) {
        let host = |url: &str| {
            let rest = url.strip_prefix("https://").unwrap_or(url);
            match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((address, _)) => address.to_owned(),
                None => rest.split(':').next().unwrap_or_default().to_owned(),
            }
        };
        let port = self.urls.first().and_then(|url| url.rsplit_once(':')?.1.parse::<u16>().ok());
        let named: Vec<String> = self.urls.iter().filter(|url| host(url).ends_with(".local")).cloned().collect();
        let Some(addresses) = &self.addresses else { return };
        let fixed = self.urls.first().is_some_and(|url| {
            let host = host(url);
            addresses.contains(&host) || host.starts_with("127.") || host == "::1"
        });
        if fixed {
            return;
        }
        if addresses.is_empty() {
            // Neither a name nor an address from before leads anywhere.
            self.urls.retain(|url| host(url) == "localhost");
            return;
        }
        let port = port.filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
        let (six, four): (Vec<&String>, Vec<&String>) = addresses.iter().partition(|a| a.contains(':'));
        let four = four.into_iter().map(|address| format!("https://{address}{port}"));
        let six = six.into_iter().filter(|a| !a.starts_with("fe80:")).map(|a| format!("https://[{a}]{port}"));
        self.urls = four.chain(six).chain(named).collect();
    }
}

/// Takes the block that the supervisor leaves when it is ready: its state, where it is, the code, the fingerprints.
pub fn read_welcome(facts: &mut Facts, block: &str) {
    let mut last = "";
    for line in block.lines() {
        let Some(line) = line.strip_prefix("  ") else { continue };
        if let Some(state) = line.strip_prefix("Orbitr: ") {
            state.clone_into(&mut facts.announced);
            continue;
        }
        let Some((label, value)) = line.split_at_checked(14) else { continue };
        let (label, value) = (label.trim(), value.trim());
        if !label.is_empty() {
            last = label;
        }
        match last {
            "Open" => facts.urls.push(value.to_owned()),
            "Setup code" | "Recovery code" => facts.code = Some((last.to_owned(), value.to_owned())),
            "Certificate" => facts.certificate.push_str(value),
            "Authority" if facts.authority.len() < 95 => facts.authority.push_str(value),
            _ => {}
        }
    }
}

pub(crate) fn of((used, total): (u64, u64)) -> String {
    format!("{} of {}", ByteSize(used), ByteSize(total))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BLOCK: &str = "
  Orbitr: waiting to be claimed

  Open          https://192.168.1.20:8443
                https://atlas.local:8443
  Setup code    7KQ4-M2XD
  Certificate   AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:
                AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA
  Authority     BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:
                BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB

  The first time, your browser says that it does not know this box's certificate. Look at the
  certificate there; if its SHA-256 fingerprint is the one above, it is this box: go on.
";

    #[test]
    fn the_supervisors_block_is_read_back() {
        let mut facts = Facts::default();
        read_welcome(&mut facts, BLOCK);
        assert_eq!(facts.announced, "waiting to be claimed");
        assert_eq!(facts.urls, ["https://192.168.1.20:8443", "https://atlas.local:8443"]);
        assert_eq!(facts.code, Some(("Setup code".to_owned(), "7KQ4-M2XD".to_owned())));
        assert_eq!(facts.certificate, vec!["AA"; 32].join(":"));
        assert_eq!(facts.authority, vec!["BB"; 32].join(":"));
    }

    #[test]
    fn addresses_for_the_browser_follow_the_machine() {
        let mut facts = Facts::default();
        read_welcome(&mut facts, BLOCK);
        facts.addresses = Some(vec!["fe80::1".into(), "fd00::2".into(), "10.0.0.7".into()]);
        facts.refresh_urls();
        assert_eq!(facts.urls, ["https://10.0.0.7:8443", "https://[fd00::2]:8443", "https://atlas.local:8443"]);
        facts.refresh_urls();
        assert_eq!(facts.url(), Some("https://10.0.0.7:8443"), "what fits stays");
        facts.addresses = Some(Vec::new());
        facts.refresh_urls();
        assert_eq!(facts.url(), None, "a name leads nowhere without an address");
    }

    #[test]
    fn a_claimed_box_shows_no_code() {
        let mut facts = Facts::default();
        read_welcome(&mut facts, BLOCK);
        facts.read_status(
            &serde_json::json!({"name": "Atlas", "version": "0.1.0", "mode": "running", "active_jobs": 2}),
        );
        assert_eq!((facts.code.clone(), facts.mode(), facts.jobs.1), (None, "Running", 2));
    }
}
