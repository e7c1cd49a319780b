//! Docker's store.

use clap::Subcommand;
use orbitr_model::{ByteSize, Timestamp};
use serde_json::{Value, json};

use super::{
    client::Client,
    failure::{Exit, Failure},
    machine::begun,
    output::{Output, text},
    remedies::Follow,
    time::ago,
};

/// What can be done about Docker's store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Set it aside and begin another one: every app is down until its images are here again; data stay
    Rebuild(Follow),
    /// Look now whether it is whole
    Look(Follow),
    /// Remove stores that were set aside, for good; without names, all of them
    Remove {
        /// Which, as the list shows them
        names: Vec<String>,
        #[command(flatten)]
        follow: Follow,
    },
}

const PATH: [&str; 2] = ["box", "docker-store"];

pub(super) async fn run(client: &Client, out: &mut Output, verb: Option<&StoreVerb>) -> Result<Exit, Failure> {
    let at = |last: &'static str| [PATH[0], PATH[1], last];
    match verb {
        None => show(client, out).await,
        Some(StoreVerb::Rebuild(follow)) => {
            let started = client.post(&at("rebuild"), None).await?;
            begun(client, out, &started, "Rebuilding Docker's store", follow.wait).await
        }
        Some(StoreVerb::Look(follow)) => {
            let started = client.post(&at("look"), None).await?;
            begun(client, out, &started, "Looking at Docker's store", follow.wait).await
        }
        Some(StoreVerb::Remove { names, follow }) => {
            let body = if names.is_empty() { json!({}) } else { json!({ "names": names }) };
            let started = client.post(&at("remove"), Some(&body)).await?;
            begun(client, out, &started, "Removing what was set aside", follow.wait).await
        }
    }
}

async fn show(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let store = client.get(&PATH, &[]).await?;
    if out.is_json() {
        out.json(&store)?;
        return Ok(Exit::Done);
    }
    for line in lines(&store) {
        out.line(&line)?;
    }
    Ok(Exit::Done)
}

fn lines(store: &Value) -> Vec<String> {
    let each = |list: &str| store.pointer(list).and_then(Value::as_array).into_iter().flatten();
    let mut lines = Vec::new();
    lines.push(match text(store, "/trouble/kind").as_str() {
        "" if text(store, "/looked_at").is_empty() => "Nobody has looked at Docker's store in this boot".to_owned(),
        "" => format!("Docker's store was whole {}", ago(store, "/looked_at", Timestamp::now())),
        "cut-off" => "Setting Docker's store aside was cut off".to_owned(),
        "does-not-start" => "Docker failed to start three times in a row".to_owned(),
        _ => "Docker's store is damaged".to_owned(),
    });
    lines.extend(each("/damage").map(|one| format!("  {} {}", text(one, "/file"), text(one, "/what"))));
    let labelled = [("Not from here", "/reason"), ("Why not by itself", "/asks"), ("At work", "/job")];
    let told = labelled.map(|(label, at)| (label, text(store, at)));
    lines.extend(told.into_iter().filter(|(_, text)| !text.is_empty()).map(|(label, text)| format!("{label}: {text}")));
    if store.pointer("/last").is_some_and(|last| !last.is_null()) {
        let end = match text(store, "/last/end").as_str() {
            "" => "at work".to_owned(),
            end => end.to_owned(),
        };
        let (when, why) = (ago(store, "/last/at", Timestamp::now()), text(store, "/last/why"));
        lines.push(format!("Last rebuild: {when} ({why}), {end}"));
        let missing = each("/last/missing");
        lines.extend(missing.map(|app| format!("  {} did not come back: {}", text(app, "/app"), text(app, "/why"))));
    }
    lines.extend(each("/aside").map(|one| {
        let bytes = ByteSize(one.pointer("/bytes").and_then(Value::as_u64).unwrap_or_default());
        format!("Set aside: {} ({bytes}) in {}", text(one, "/name"), text(one, "/path"))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_and_what_was_set_aside_is_said_in_lines() {
        let whole = json!({ "trouble": null, "looked_at": null, "damage": [], "aside": [], "last": null });
        assert_eq!(lines(&whole), ["Nobody has looked at Docker's store in this boot"]);
        let damaged = json!({
            "trouble": {"kind": "damaged"}, "asks": "Twice.", "job": null, "reason": "",
            "damage": [{"file": "/x", "what": "is empty"}],
            "aside": [{"name": "set-aside-1", "path": "/d/set-aside-1", "bytes": 1024}],
            "last": {"at": "2026-11-24T00:00:00Z", "why": "It was", "end": "done", "missing": [{"app": "shop", "why": "Gone"}]},
        });
        let lines = lines(&damaged).join("\n");
        for part in
            ["Docker's store is damaged\n  /x is empty", "itself: Twice.", "shop did not come back: Gone", "1.0 KiB"]
        {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}
