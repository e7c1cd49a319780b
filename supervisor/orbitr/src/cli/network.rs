//! The network: as it is, and trying another setting.

use serde_json::{Value, json};

use super::{
    args::NetworkSetArgs,
    client::Client,
    failure::{Exit, Failure},
    machine::{joined, yes},
    output::{Output, list, text},
};

/// A setting in a line, as the room says it.
fn setting(value: &Value) -> String {
    let mut line = match text(value, "/ipv4/method").as_str() {
        "static" => format!("{}/{}", text(value, "/ipv4/address"), text(value, "/ipv4/prefix")),
        _ => "DHCP".to_owned(),
    };
    let (gateway, dns) = (text(value, "/ipv4/gateway"), joined(value, "/dns"));
    for (word, more) in [("gateway", gateway), ("DNS", dns)] {
        if !more.is_empty() {
            line.push_str(&format!(", {word} {more}"));
        }
    }
    line
}

pub(super) async fn show(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let network = client.get(&["box", "network"], &[]).await?;
    if out.is_json() {
        out.json(&network)?;
        return Ok(Exit::Done);
    }
    let gateways: Vec<_> = list(&network, "/gateways").iter().map(|gateway| text(gateway, "/address")).collect();
    out.pairs(&[
        ("Host name", text(&network, "/host_name")),
        ("Local name", text(&network, "/mdns/name")),
        ("Gateways", gateways.join(" ")),
        ("Name servers", joined(&network, "/name_servers")),
    ])?;
    let cards = list(&network, "/change/cards");
    let row = |link: &Value| {
        let state = if yes(link, "/carrier") { "connected" } else { "no cable" };
        let card = cards.iter().find(|card| text(card, "/name") == text(link, "/name"));
        let set = card.map(setting).unwrap_or_default();
        vec![text(link, "/name"), state.to_owned(), text(link, "/mac"), joined(link, "/addresses"), set]
    };
    let rows: Vec<_> = list(&network, "/links").iter().map(row).collect();
    out.table(&["link", "state", "mac", "addresses", "set to"], &rows, "There are no links.")?;
    match network.pointer("/change/trial").filter(|trial| trial.is_object()) {
        Some(trial) => tried(out, trial)?,
        None if !yes(&network, "/change/available") => out.line(&text(&network, "/change/reason"))?,
        None => {}
    }
    Ok(Exit::Done)
}

fn tried(out: &mut Output, trial: &Value) -> Result<(), Failure> {
    let (to, from) = (trial.pointer("/to").map(setting), trial.pointer("/from").map(setting));
    out.line(&format!("{} is tried with: {}", text(trial, "/name"), to.unwrap_or_default()))?;
    out.line(&format!(
        "In {} s it goes back to: {}. Keep it with «orbitr network confirm».",
        text(trial, "/seconds_left"),
        from.unwrap_or_default()
    ))
}

pub(super) async fn set(client: &Client, out: &mut Output, args: &NetworkSetArgs) -> Result<Exit, Failure> {
    let network = client.get(&["box", "network"], &[]).await?;
    let named = |card: &&Value| text(card, "/name") == args.card || text(card, "/mac").eq_ignore_ascii_case(&args.card);
    let card = list(&network, "/change/cards").iter().find(named);
    // One that is not there is the box's to refuse, which also knows why there may be none.
    let mac = card.map_or_else(|| args.card.clone(), |card| text(card, "/mac"));
    let method = if args.dhcp { "dhcp" } else { "static" };
    let body =
        json!({ "card": mac, "method": method, "address": args.address, "gateway": args.gateway, "dns": args.dns });
    let trial = client.put(&["box", "network"], &body).await?;
    if out.is_json() {
        out.json(&trial)?;
        return Ok(Exit::Done);
    }
    tried(out, &trial)?;
    Ok(Exit::Done)
}

pub(super) async fn confirm(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    client.post(&["box", "network", "confirm"], None).await?;
    done(out, "The setting stays.")
}

pub(super) async fn revert(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    client.post(&["box", "network", "revert"], None).await?;
    done(out, "The old setting comes back.")
}

fn done(out: &mut Output, line: &str) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(&Value::Null)?
    } else {
        out.line(line)?
    }
    Ok(Exit::Done)
}
