//! The machine: units, journal, time, power, support bundle.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use orbitr_model::{Problem, Timestamp};
use reqwest::header;
use serde_json::{Value, json};

use super::{
    args::{JournalArgs, PowerArgs, SupportArgs, UnitsArgs},
    client::Client,
    failure::{Exit, Failure},
    jobs,
    output::{Output, list, text},
    stream::Events,
    time::ago,
};

pub(super) fn yes(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

pub(super) fn joined(value: &Value, pointer: &str) -> String {
    list(value, pointer).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

pub(super) async fn units(client: &Client, out: &mut Output, args: &UnitsArgs) -> Result<Exit, Failure> {
    let mut found = client.get(&["box", "units"], &[]).await?;
    if args.failed
        && let Some(units) = found.pointer_mut("/units").and_then(Value::as_array_mut)
    {
        units.retain(|unit| text(unit, "/active") == "failed");
    }
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Done);
    }
    if !yes(&found, "/available") {
        out.line(&text(&found, "/reason"))?;
        return Ok(Exit::Done);
    }
    let row = |unit: &Value| ["/name", "/active", "/sub", "/description"].map(|pointer| text(unit, pointer)).to_vec();
    let rows: Vec<_> = list(&found, "/units").iter().map(row).collect();
    out.table(&["unit", "state", "", "what"], &rows, "There are none.")?;
    Ok(Exit::Done)
}

pub(super) async fn unit(client: &Client, out: &mut Output, name: &str) -> Result<Exit, Failure> {
    let unit = client.get(&["box", "units", name], &[]).await?;
    let query = [("unit", name.to_owned()), ("limit", "20".to_owned())];
    let journal = client.get(&["box", "journal"], &query).await?;
    if out.is_json() {
        out.json(&json!({ "unit": unit, "journal": journal }))?;
        return Ok(Exit::Done);
    }
    let process = text(&unit, "/process");
    out.pairs(&[
        ("Unit", text(&unit, "/name")),
        ("What", text(&unit, "/description")),
        ("State", format!("{} ({})", text(&unit, "/active"), text(&unit, "/sub"))),
        ("Since", ago(&unit, "/since", Timestamp::now())),
        ("At boot", text(&unit, "/at_boot")),
        ("Last result", text(&unit, "/result")),
        ("Process", if process == "0" { String::new() } else { process }),
        ("Restarting it", text(&unit, "/restart")),
    ])?;
    for line in list(&journal, "/lines") {
        print(out, line)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn restart(client: &Client, out: &mut Output, name: &str, wait: bool) -> Result<Exit, Failure> {
    let started = client.post(&["box", "units", name, "restart"], None).await?;
    begun(client, out, &started, &format!("Restarting {name}"), wait).await
}

pub(super) async fn power(client: &Client, out: &mut Output, verb: &str, args: &PowerArgs) -> Result<Exit, Failure> {
    let body = json!({ "verb": verb, "reason": args.reason, "wait": args.wait });
    let started = client.post(&["box", "power"], Some(&body)).await?;
    let what = if verb == "reboot" { "The machine reboots" } else { "The machine powers off" };
    let when = if args.wait { " when nothing is in the way" } else { "" };
    begun(client, out, &started, &format!("{what}{when}"), false).await
}

pub(super) async fn begun(
    client: &Client,
    out: &mut Output,
    started: &Value,
    what: &str,
    wait: bool,
) -> Result<Exit, Failure> {
    if wait {
        return jobs::follow(client, out, &text(started, "/job")).await;
    }
    if out.is_json() {
        out.json(started)?;
    } else {
        out.line(&format!("{what}: job {}", text(started, "/job")))?;
    }
    Ok(Exit::Done)
}

/// A line of the journal, as people read it.
fn print(out: &mut Output, line: &Value) -> Result<(), Failure> {
    let process = text(line, "/process");
    let process = if process.is_empty() { process } else { format!("[{process}]") };
    let (at, who) = (text(line, "/at"), text(line, "/identifier"));
    out.foreign(&format!("{at} {:<7} {who}{process}: {}", text(line, "/priority"), text(line, "/message")))
}

pub(super) async fn journal(client: &Client, out: &mut Output, args: &JournalArgs) -> Result<Exit, Failure> {
    let words = [("unit", &args.unit), ("priority", &args.priority), ("boot", &args.boot), ("text", &args.text)];
    let mut query: Vec<(&str, String)> =
        words.iter().filter_map(|(name, word)| Some((*name, (*word).clone()?))).collect();
    let first = query.iter().cloned().chain([("limit", args.lines.to_string())]).collect::<Vec<_>>();
    let page = client.get(&["box", "journal"], &first).await?;
    if out.is_json() && !args.follow {
        out.json(&page)?;
        return Ok(Exit::Done);
    }
    if !yes(&page, "/available") {
        out.line(&text(&page, "/reason"))?;
        return Ok(Exit::Done);
    }
    let show = |out: &mut Output, line: &Value| if out.is_json() { out.json_line(line) } else { print(out, line) };
    for line in list(&page, "/lines") {
        show(out, line)?;
    }
    if !args.follow {
        return Ok(Exit::Done);
    }
    out.flush()?;
    if let Some(last) = list(&page, "/lines").last() {
        query.push(("after", text(last, "/cursor")));
    }
    let answer = client.stream(&["box", "journal", "follow"], &query).await?;
    let mut events = Events::new(client, answer);
    while let Some(event) = events.next().await? {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        match event.name.as_str() {
            "problem" => {
                let problem = serde_json::from_value(data).unwrap_or_else(|_| Problem::internal());
                return Err(problem.into());
            }
            "message" => show(out, &data)?,
            _ => {}
        }
        out.flush()?;
    }
    Ok(Exit::Done)
}

pub(super) async fn time(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let time = client.get(&["box", "time"], &[]).await?;
    if out.is_json() {
        out.json(&time)?;
        return Ok(Exit::Done);
    }
    let machine = match time.pointer("/machine") {
        Some(machine) if machine.is_object() => match yes(machine, "/synchronised") {
            true => "agrees with the network".to_owned(),
            false => "not compared with the network".to_owned(),
        },
        _ => "needs systemd".to_owned(),
    };
    out.pairs(&[
        ("Clock", text(&time, "/now")),
        ("Verdict", text(&time, "/clock/verdict")),
        ("Why", text(&time, "/clock/why")),
        ("Time zone", text(&time, "/time_zone")),
        ("Machine", machine),
        ("Time server", text(&time, "/servers/current")),
        ("Chosen", joined(&time, "/chosen")),
    ])?;
    Ok(Exit::Done)
}

pub(super) async fn support(client: &Client, out: &mut Output, args: &SupportArgs) -> Result<Exit, Failure> {
    let mut answer = client.stream(&["box", "support-bundle"], &[]).await?;
    let named = answer.headers().get(header::CONTENT_DISPOSITION).and_then(|text| text.to_str().ok());
    let path = args.output.clone().unwrap_or_else(|| file_name(named.unwrap_or_default()));
    let wrong = |error: std::io::Error| Failure::Local(format!("«{}» cannot be written: {error}", path.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(wrong)?;
    let mut bytes = 0;
    while let Some(part) = answer.chunk().await.map_err(|error| client.unreachable(&error))? {
        file.write_all(&part).map_err(wrong)?;
        bytes += part.len();
    }
    if out.is_json() {
        out.json(&json!({ "file": path, "bytes": bytes }))?;
    } else {
        out.line(&format!(
            "{} ({bytes} bytes). It holds no secrets that the box knows; look into it before you send it.",
            path.display()
        ))?;
    }
    Ok(Exit::Done)
}

/// The name that the box gives the file, and never a path.
fn file_name(disposition: &str) -> PathBuf {
    let named = disposition.split("filename=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let name = Path::new(named).file_name().unwrap_or("orbitr-support.tar.gz".as_ref());
    PathBuf::from(name)
}
