//! From `box.json` to the files that systemd's programs read. Pure.

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::check;

/// The most time servers, cards and keys that are taken.
const MOST: usize = 16;
const MOST_KEYS: usize = 64;
const HEAD: &str = "# Written by Orbitr from the box's settings; lasts until shutdown.\n";

/// The settings of one network card.
#[derive(Deserialize)]
struct NetworkCard {
    /// The card's own address: names change, this does not.
    mac: String,
    ipv4: Ipv4,
    /// Servers for names; those of DHCP when there are none.
    #[serde(default)]
    dns: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
enum Ipv4 {
    Dhcp,
    Static { address: Ipv4Addr, prefix: u8, gateway: Option<Ipv4Addr> },
}

/// A card's setting that is tried (`network_trial`): it counts only in the boot that it began in, and until then.
#[derive(Deserialize)]
struct Trial {
    boot: String,
    /// By the clock that counts from the start of the machine.
    until_ms: u64,
    card: Value,
}

/// Which boot of the machine this is, and for how many milliseconds it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) boot: String,
    pub(crate) since_boot_ms: u64,
}

/// The way in for a shell.
#[derive(Deserialize)]
struct Ssh {
    enabled: bool,
    #[serde(default)]
    keys: Vec<String>,
}

/// What is to be applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) host_name: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) timesyncd: Option<String>,
    /// By file name.
    pub(crate) networks: BTreeMap<String, String>,
    /// Whether one of them is only tried.
    pub(crate) trial: bool,
    /// authorized_keys; none when SSH is off.
    pub(crate) ssh: Option<String>,
    /// What was left out, each with its reason.
    pub(crate) ignored: Vec<String>,
}

/// Renders what is right in `wanted`. `is_zone` says whether the machine has such a time zone.
pub(crate) fn render(wanted: &Value, now: &Now, is_zone: &dyn Fn(&str) -> bool) -> Rendered {
    let mut out = Rendered::default();
    if wanted.is_null() {
        return out;
    }
    if wanted.get("version").and_then(Value::as_u64) != Some(1) {
        out.ignored.push("the whole file: it is of another version".to_owned());
        return out;
    }
    out.host_name = field::<String>(wanted, "host_name", &mut out.ignored)
        .filter(|name| keep(check::is_label(name), "host_name: no host name", &mut out.ignored));
    out.time_zone = field::<String>(wanted, "time_zone", &mut out.ignored).filter(|zone| {
        keep(check::is_zone_name(zone) && is_zone(zone), "time_zone: there is no such zone", &mut out.ignored)
    });
    out.timesyncd = servers(wanted, &mut out.ignored);
    for (index, card) in list(wanted, "network", MOST, &mut out.ignored).iter().enumerate() {
        match network(card) {
            Ok((name, text)) => {
                out.networks.insert(name, text);
            }
            Err(why) => out.ignored.push(format!("network[{index}]: {why}")),
        }
    }
    if let Some((name, text)) = tried(wanted, now, &mut out.ignored) {
        out.networks.insert(name, text);
        out.trial = true;
    }
    out.ssh = keys(wanted, &mut out.ignored);
    out
}

fn keep(right: bool, why: &str, ignored: &mut Vec<String>) -> bool {
    if !right {
        ignored.push(why.to_owned());
    }
    right
}

/// A field that is there and of the right shape.
fn field<T: DeserializeOwned>(wanted: &Value, name: &str, ignored: &mut Vec<String>) -> Option<T> {
    let value = wanted.get(name).filter(|value| !value.is_null())?;
    let read = serde_json::from_value(value.clone());
    read.map_err(|_| ignored.push(format!("{name}: of another shape"))).ok()
}

fn list(wanted: &Value, name: &str, most: usize, ignored: &mut Vec<String>) -> Vec<Value> {
    let mut list: Vec<Value> = field(wanted, name, ignored).unwrap_or_default();
    if list.len() > most {
        ignored.push(format!("{name}: more than {most}"));
        list.truncate(most);
    }
    list
}

fn servers(wanted: &Value, ignored: &mut Vec<String>) -> Option<String> {
    let listed = list(wanted, "ntp_servers", MOST, ignored);
    let mut servers = Vec::new();
    for (index, server) in listed.iter().enumerate() {
        match server.as_str().filter(|server| check::is_server(server)) {
            Some(server) => servers.push(server),
            None => ignored.push(format!("ntp_servers[{index}]: no server")),
        }
    }
    (!servers.is_empty()).then(|| format!("{HEAD}[Time]\nNTP={}\n", servers.join(" ")))
}

/// The file of a card whose setting is tried, in the place of the one that it has. A trial of an earlier boot or whose time is
/// over is none: so a restart brings the old setting back, whatever has become of the supervisor.
fn tried(wanted: &Value, now: &Now, ignored: &mut Vec<String>) -> Option<(String, String)> {
    let trial: Trial = field(wanted, "network_trial", ignored)?;
    if trial.boot.is_empty() || trial.boot != now.boot || now.since_boot_ms >= trial.until_ms {
        return None;
    }
    network(&trial.card).map_err(|why| ignored.push(format!("network_trial: {why}"))).ok()
}

/// systemd.network(5) of one card.
fn network(card: &Value) -> Result<(String, String), &'static str> {
    let card: NetworkCard = serde_json::from_value(card.clone()).map_err(|_| "of another shape")?;
    let mac = check::mac(&card.mac).ok_or("no card's address")?;
    if card.dns.len() > MOST || card.dns.iter().any(|server| server.is_unspecified() || server.is_multicast()) {
        return Err("no server for names");
    }
    let mut text = format!("{HEAD}[Match]\nPermanentMACAddress={mac}\n\n[Network]\nMulticastDNS=yes\nLLMNR=no\n");
    let mut line = |key: &str, value: &str| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{key}={value}");
    };
    match card.ipv4 {
        // Without an answer of the network, the box is still reached over a link-local address.
        Ipv4::Dhcp => {
            line("DHCP", "yes");
            line("LinkLocalAddressing", "yes");
        }
        Ipv4::Static { address, prefix, gateway } => {
            if !check::is_static(address, prefix, gateway) {
                return Err("address, size of the network and gateway do not fit together");
            }
            line("DHCP", "no");
            line("LinkLocalAddressing", "ipv6");
            line("Address", &format!("{address}/{prefix}"));
            if let Some(gateway) = gateway {
                line("Gateway", &gateway.to_string());
            }
        }
    }
    line("IPv6AcceptRA", "yes");
    for server in &card.dns {
        line("DNS", &server.to_string());
    }
    if !card.dns.is_empty() {
        text.push_str("\n[DHCPv4]\nUseDNS=no\n\n[DHCPv6]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n");
    }
    Ok((format!("10-orbitr-{}.network", mac.replace(':', "")), text))
}

/// authorized_keys. SSH without a key lets nobody in, so it stays off then.
fn keys(wanted: &Value, ignored: &mut Vec<String>) -> Option<String> {
    let ssh: Ssh = field(wanted, "ssh", ignored)?;
    if !ssh.enabled {
        return None;
    }
    let mut text = HEAD.to_owned();
    let mut kept = 0;
    for (index, key) in ssh.keys.iter().enumerate() {
        if kept < MOST_KEYS && check::is_key(key.trim()) {
            let _ = writeln!(text, "{}", key.trim());
            kept += 1;
        } else {
            ignored.push(format!("ssh.keys[{index}]: no public key"));
        }
    }
    keep(kept > 0, "ssh: no key, so nobody could come in", ignored).then_some(text)
}
