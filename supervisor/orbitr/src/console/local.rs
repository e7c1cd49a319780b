//! What works without the supervisor: units, power, disks and network, straight from the machine. polkit decides what this
//! user may (overlays/image/README.md has the list).

use std::{net::IpAddr, time::Duration};

use orbitr_host::{
    dbus::{Bus, Can, JobResult, PowerVerb as Bus_, UnitRow},
    disks::Blocks,
    facts, figures, network,
};
use orbitr_model::Problem;
use serde_json::{Value, json};

/// Units of which a menu can be asked to restart them, with what that does to others; polkit allows the same.
const RESTARTABLE: [(&str, &str); 5] = [
    ("orbitr.service", "The pages answer again after a few seconds. Apps go on."),
    ("docker.service", "Every app stops and starts again."),
    ("systemd-networkd.service", "The network is set up anew."),
    ("systemd-resolved.service", "Names cannot be looked up for a moment."),
    ("systemd-timesyncd.service", "The clock is compared with the network at once."),
];
/// How long a restart may take.
const RESTART: Duration = Duration::from_secs(120);

/// As `GET /box/units` would say it.
pub(super) async fn units(bus: &Bus) -> Result<Value, Problem> {
    let rows = bus.units().await?;
    let unit = |row: UnitRow| {
        let restart = RESTARTABLE.iter().find(|(name, _)| *name == row.name).map(|(_, effect)| *effect);
        json!({"name": row.name, "description": row.description, "load": row.load, "active": row.active, "sub": row.sub,
            "restart": restart})
    };
    Ok(json!({ "available": true, "units": rows.into_iter().map(unit).collect::<Vec<_>>() }))
}

pub(super) async fn restart(bus: &Bus, unit: &str) -> Result<(), Problem> {
    match bus.restart_unit(unit, RESTART).await? {
        JobResult::Done => Ok(()),
        JobResult::NotDone(how) => Err(Problem::new(502, "unit-not-restarted", format!("{unit} did not start again"))
            .why(format!("systemd says: {how}."))
            .then("Its lines in the log say why.")),
    }
}

/// Why the machine cannot be restarted by this user; empty when it can.
pub(super) async fn no_power(bus: &Bus) -> String {
    match bus.can(Bus_::Reboot).await {
        Ok(Can::Yes | Can::HeldBack) => String::new(),
        Ok(Can::NotAllowed) => "This user may not restart the machine.".to_owned(),
        Ok(Can::Impossible) => "This machine cannot restart itself.".to_owned(),
        Err(error) => Problem::from(error).title,
    }
}

/// As `GET /box/power` would say it.
pub(super) async fn held(bus: &Bus) -> Result<Value, Problem> {
    let held = bus.held_by_others().await?;
    let held: Vec<_> = held.into_iter().map(|one| json!({"who": one.who, "why": one.why})).collect();
    Ok(json!({ "held_by": held }))
}

pub(super) async fn power(bus: &Bus, verb: Bus_) -> Result<(), Problem> {
    Ok(bus.power(verb).await?)
}

/// As `GET /box/network` would say it.
pub(super) async fn network() -> Result<Value, Problem> {
    let found = tokio::task::spawn_blocking(|| {
        (facts::hostname(), network::links(), network::gateways(), network::resolv_conf())
    });
    let Ok((host_name, Ok(links), gateways, servers)) = found.await else {
        return Err(Problem::new(500, "network-unreadable", "The kernel does not list its network cards"));
    };
    let links = links.into_iter().filter(|link| !link.internal).map(|link| {
        let addresses: Vec<_> = link.addresses.iter().map(|(address, bits)| format!("{address}/{bits}")).collect();
        json!({"name": link.name, "carrier": link.carrier, "mac": link.mac, "addresses": addresses})
    });
    let links: Vec<Value> = links.collect();
    let gateways: Vec<_> = gateways.into_iter().map(|g| json!({"link": g.interface, "address": g.address})).collect();
    let servers: Vec<String> = servers.iter().map(|server: &IpAddr| server.to_string()).collect();
    Ok(json!({"host_name": host_name, "links": links, "gateways": gateways, "name_servers": servers}))
}

/// The disks, and how full the one with the data is.
pub(super) async fn disks() -> Result<Value, Problem> {
    let found = tokio::task::spawn_blocking(|| {
        let data = figures::disk("/var/lib/orbitr".as_ref()).ok().map(|used| (used.used(), used.total));
        (Blocks::machine().disks(), data)
    });
    let Ok((Ok(disks), data)) = found.await else {
        return Err(Problem::new(500, "disks-unreadable", "The kernel does not list its disks"));
    };
    let disks = disks
        .into_iter()
        .map(|disk| json!({"device": disk.device, "model": disk.model, "serial": disk.serial, "bytes": disk.bytes}));
    let disks: Vec<Value> = disks.collect();
    let data = data.map(|(used, total)| json!({"used": used, "total": total}));
    Ok(json!({ "disks": disks, "data": data }))
}
