//! When something is badly wrong: keeping apps stopped, erasing everything.

use serde_json::{Value, json};

use super::{
    args::{OnOff, ResetArgs},
    client::Client,
    failure::{Exit, Failure},
    jobs,
    machine::begun,
    output::{Output, list, text},
};

/// What goes, for whoever has not typed the serial number yet.
const GOES: &str = "A factory reset erases the data partition: every app with its data, all accounts, settings, history and logs. \
Nothing brings it back; make a backup first. The system itself and its version stay. The box restarts as a new one.";

pub(super) async fn safe_mode(
    client: &Client,
    out: &mut Output,
    to: Option<OnOff>,
    wait: bool,
) -> Result<Exit, Failure> {
    let path = ["box", "safe-mode"];
    let now = match to {
        None => client.get(&path, &[]).await?,
        Some(to) => client.put(&path, &json!({ "on": to == OnOff::On })).await?,
    };
    if wait {
        for job in list(&now, "/jobs").iter().filter_map(Value::as_str) {
            let exit = jobs::follow(client, out, job).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
        return Ok(Exit::Done);
    }
    if out.is_json() {
        out.json(&now)?;
        return Ok(Exit::Done);
    }
    let on = now.pointer("/on").and_then(Value::as_bool) == Some(true);
    out.line(match on {
        true => "Safe mode is on: apps stay stopped. «orbitr safe-mode off» starts those that are wanted.",
        false => "Safe mode is off.",
    })?;
    for job in list(&now, "/jobs").iter().filter_map(Value::as_str) {
        out.line(&format!("{}: job {job}", if on { "Stopping an app" } else { "Starting an app" }))?;
    }
    Ok(Exit::Done)
}

pub(super) async fn factory_reset(client: &Client, out: &mut Output, args: &ResetArgs) -> Result<Exit, Failure> {
    let Some(serial) = &args.serial else { return describe(client, out).await };
    let body = json!({ "serial": serial, "wait": args.wait });
    let started = client.post(&["box", "factory-reset"], Some(&body)).await?;
    let when = if args.wait { " when nothing is in the way" } else { "" };
    begun(client, out, &started, &format!("The box erases itself and restarts{when}"), false).await
}

/// Says what it would do; nobody asked for it yet.
async fn describe(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let reset = client.get(&["box", "factory-reset"], &[]).await?;
    if out.is_json() {
        out.json(&reset)?;
    } else if reset.pointer("/available").and_then(Value::as_bool) == Some(true) {
        out.line(GOES)?;
        out.line(&format!("If that is meant: orbitr factory-reset --serial {}", text(&reset, "/serial")))?;
    } else {
        out.line(&text(&reset, "/reason"))?;
    }
    Ok(Exit::Done)
}
