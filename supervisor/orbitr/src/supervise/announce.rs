//! What the supervisor tells the person who starts it: where it is, and how to know that it is it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr, TcpListener},
};

use anyhow::Context;
use orbitr_edge::Names;

/// Where HTTPS is served.
pub(super) struct Addresses(Vec<SocketAddr>);

impl Addresses {
    pub(super) fn of(https: &[TcpListener]) -> anyhow::Result<Self> {
        let list: Result<Vec<_>, _> = https.iter().map(TcpListener::local_addr).collect();
        Ok(Self(list.context("a listener does not know its address")?))
    }

    /// The port that plain HTTP is sent to.
    pub(super) fn main_port(&self) -> u16 {
        self.0.first().map_or(443, SocketAddr::port)
    }

    /// Every way to the box that is worth typing, the surest first: its addresses, then its name.
    pub(super) fn urls(&self, names: &Names) -> Vec<String> {
        let mut urls = Vec::new();
        for listener in &self.0 {
            let port = listener.port();
            if listener.ip().is_unspecified() {
                let own = names.addresses();
                let seen = own.iter().filter(|address| !address.is_loopback());
                urls.extend(seen.map(|address| url(&host(*address), port)));
                urls.extend(names.label().map(|label| url(&format!("{label}.local"), port)));
            } else {
                urls.push(url(&host(listener.ip()), port));
            }
        }
        if urls.is_empty() {
            urls.push(url("localhost", self.main_port()));
        }
        urls
    }
}

fn host(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

fn url(host: &str, port: u16) -> String {
    if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") }
}

/// The block that is printed when the box is ready.
pub(super) struct Notice<'a> {
    pub(super) state: &'a str,
    pub(super) urls: Vec<String>,
    /// What lets its reader in, with its name.
    pub(super) code: Option<(&'a str, &'a str)>,
    /// SHA-256 of what the browser is shown.
    pub(super) certificate: String,
    /// SHA-256 of what vouches for it.
    pub(super) authority: String,
    pub(super) missing: &'a [String],
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  Orbitr: {}", self.state)?;
        for missing in self.missing {
            writeln!(f, "          {missing}")?;
        }
        writeln!(f)?;
        for (i, url) in self.urls.iter().enumerate() {
            writeln!(f, "  {:<14}{url}", if i == 0 { "Open" } else { "" })?;
        }
        if let Some((name, code)) = self.code {
            writeln!(f, "  {name:<14}{code}")?;
        }
        for (label, fingerprint) in [("Certificate", &self.certificate), ("Authority", &self.authority)] {
            let (first, second) = fingerprint.split_at_checked(48).unwrap_or((fingerprint, ""));
            writeln!(f, "  {label:<14}{first}\n  {:<14}{second}", "")?;
        }
        write!(
            f,
            "\n  The first time, your browser says that it does not know this box's certificate. Look at the\n  \
             certificate there; if its SHA-256 fingerprint is the one above, it is this box: go on.\n"
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn urls(listeners: &[&str]) -> Vec<String> {
        let names = Names::new("atlas", ["192.168.1.20", "fd12::1"].map(|a| a.parse().unwrap()));
        Addresses(listeners.iter().map(|a| a.parse().unwrap()).collect()).urls(&names)
    }

    #[test]
    fn addresses_come_first_and_the_usual_port_is_left_out() {
        assert_eq!(urls(&["[::]:443"]), ["https://192.168.1.20", "https://[fd12::1]", "https://atlas.local"]);
        assert_eq!(urls(&["127.0.0.1:8443"]), ["https://127.0.0.1:8443"]);
    }

    #[test]
    fn the_notice_says_how_to_get_in() {
        let notice = Notice {
            state: "waiting to be claimed",
            urls: urls(&["[::]:8443"]),
            code: Some(("Setup code", "7KQ4-M2XD")),
            certificate: "AA:".repeat(31) + "AA",
            authority: "BB:".repeat(31) + "BB",
            missing: &["no redirect from HTTP: Port 80 is used by another program".to_owned()],
        };
        insta::assert_snapshot!(notice, @"
          Orbitr: waiting to be claimed
                  no redirect from HTTP: Port 80 is used by another program

          Open          https://192.168.1.20:8443
                        https://[fd12::1]:8443
                        https://atlas.local:8443
          Setup code    7KQ4-M2XD
          Certificate   AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:
                        AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA
          Authority     BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:
                        BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB:BB

          The first time, your browser says that it does not know this box's certificate. Look at the
          certificate there; if its SHA-256 fingerprint is the one above, it is this box: go on.
        ");
    }
}
