//! The box: how it is doing, what it runs on, its audit log.

use orbitr_model::{ByteSize, Timestamp};
use serde_json::{Value, json};

use super::{
    args::AuditArgs,
    client::Client,
    failure::{Exit, Failure},
    output::{Output, actor, list, text},
    time::{ago, span},
};

pub(super) async fn status(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let status = client.get(&["status"], &[]).await?;
    if out.is_json() {
        out.json(&status)?;
        return Ok(Exit::Done);
    }
    let docker = match status.pointer("/docker/up").and_then(Value::as_bool) {
        Some(true) => "up".to_owned(),
        _ => format!("down: {}", text(&status, "/docker/reason")),
    };
    let safe = match status.pointer("/safe_mode").and_then(Value::as_bool) {
        Some(true) => "on: apps stay stopped",
        _ => "",
    };
    // A clock that nothing speaks against is not worth a line.
    let clock = match text(&status, "/clock/verdict").as_str() {
        "behind" | "ahead" => format!("wrong: {}", text(&status, "/clock/why")),
        "doubtful" => format!("doubtful: {}", text(&status, "/clock/why")),
        _ => String::new(),
    };
    let counts = status.pointer("/apps").and_then(Value::as_object);
    let apps: Vec<_> = counts.into_iter().flatten().map(|(state, count)| format!("{count} {state}")).collect();
    out.pairs(&[
        ("Box", text(&status, "/name")),
        ("Version", text(&status, "/version")),
        ("Mode", text(&status, "/mode")),
        ("Docker", docker),
        ("Clock", clock),
        ("Safe mode", safe.to_owned()),
        ("Apps", if apps.is_empty() { "none".to_owned() } else { apps.join(", ") }),
        ("Issues", issues(&status)),
        ("Active jobs", text(&status, "/active_jobs")),
    ])?;
    Ok(Exit::Done)
}

/// How many of each severity there are, and where they are told.
fn issues(status: &Value) -> String {
    let count = |name: &str| status.pointer(&format!("/issues/{name}")).and_then(Value::as_u64).filter(|n| *n > 0);
    let told = [("bad", "bad"), ("warning", "to look at"), ("info", "to know")];
    let told: Vec<_> = told.iter().filter_map(|(name, word)| Some(format!("{} {word}", count(name)?))).collect();
    if told.is_empty() { "none".to_owned() } else { format!("{} (orbitr issues)", told.join(", ")) }
}

pub(super) async fn rotate_key(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    client.post(&["box", "key", "rotate"], None).await?;
    if out.is_json() {
        out.json(&json!({ "rotated": true }))?;
    } else {
        out.line("Every secret of the box is sealed with a fresh key.")?;
    }
    Ok(Exit::Done)
}

pub(super) async fn the_box(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let about = client.get(&["box"], &[]).await?;
    let figures = client.get(&["box", "figures"], &[]).await?;
    if out.is_json() {
        out.json(&json!({ "about": about, "figures": figures }))?;
        return Ok(Exit::Done);
    }
    let addresses: Vec<_> = list(&about, "/addresses").iter().map(|found| text(found, "/address")).collect();
    let load: Vec<_> = list(&figures, "/load").iter().filter_map(Value::as_f64).map(|l| format!("{l:.2}")).collect();
    let cpu = figures.pointer("/cpu").and_then(Value::as_f64).unwrap_or_default();
    out.pairs(&[
        ("Host", text(&about, "/host_name")),
        ("System", text(&about, "/system")),
        ("Kernel", text(&about, "/kernel")),
        ("Orbitr", text(&about, "/version")),
        ("Addresses", addresses.join(", ")),
        ("Processor", format!("{cpu:.0} % of {} cores, load {}", text(&figures, "/cores"), load.join(" "))),
        ("Memory", used(&figures, "/memory")),
        ("Swap", used(&figures, "/swap")),
        ("Disk", used(&figures, "/disk")),
        ("Up for", span(number(&figures, "/uptime"))),
    ])?;
    Ok(Exit::Done)
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn used(figures: &Value, pointer: &str) -> String {
    let size = |of: &str| ByteSize(number(figures, &format!("{pointer}/{of}")));
    if size("total").0 == 0 { String::new() } else { format!("{} of {}", size("used"), size("total")) }
}

pub(super) async fn audit(client: &Client, out: &mut Output, args: &AuditArgs) -> Result<Exit, Failure> {
    if args.verify {
        return verify(client, out).await;
    }
    let page = client.get(&["audit"], &[("limit", args.limit.to_string())]).await?;
    if out.is_json() {
        out.json(&page)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let rows: Vec<_> = list(&page, "/items")
        .iter()
        .map(|event| {
            vec![
                text(event, "/id"),
                ago(event, "/at", now),
                actor(event, "/actor"),
                text(event, "/action"),
                text(event, "/subject/name"),
                text(event, "/outcome"),
                text(event, "/address"),
            ]
        })
        .collect();
    out.table(&["no", "when", "who", "action", "subject", "outcome", "from"], &rows, "Nothing has happened yet.")?;
    Ok(Exit::Done)
}

async fn verify(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let verdict = client.get(&["audit", "verify"], &[]).await?;
    let whole = text(&verdict, "/chain") == "whole";
    if out.is_json() {
        out.json(&verdict)?;
    } else if whole {
        out.line(&format!("The audit log is whole: {} events.", text(&verdict, "/count")))?;
    } else {
        out.line(&format!("The audit log is broken at event {}: {}", text(&verdict, "/at"), text(&verdict, "/why")))?;
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}
