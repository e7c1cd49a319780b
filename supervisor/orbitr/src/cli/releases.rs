//! Another version of an app, and back.

use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    args::{RollBackArgs, UpdateArgs},
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, actor, list as items, text},
    time::ago,
};

pub(super) async fn update(client: &Client, out: &mut Output, args: UpdateArgs) -> Result<Exit, Failure> {
    let plan = client.get(&["apps", &args.id, "update"], &[]).await?;
    let inputs = install::answers(&plan, args.answers)?;
    let body = json!({ "version": text(&plan, "/to/version"), "inputs": inputs });
    let started = client.post(&["apps", &args.id, "update"], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn roll_back(client: &Client, out: &mut Output, args: &RollBackArgs) -> Result<Exit, Failure> {
    let body = json!({ "release": args.to, "data": args.data });
    let started = client.post(&["apps", &args.id, "roll-back"], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn list(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let releases = client.get(&["apps", id, "releases"], &[]).await?;
    if out.is_json() {
        out.json(&releases)?;
        return Ok(Exit::Done);
    }
    let snapshots = client.get(&["apps", id, "snapshots"], &[]).await?;
    let kept = |release: &Value| {
        let mut of =
            items(&snapshots, "").iter().filter(|snapshot| snapshot.pointer("/release") == release.pointer("/id"));
        of.next().map(|snapshot| text(snapshot, "/number")).unwrap_or_default()
    };
    let now = Timestamp::now();
    let row = |release: &Value| {
        let active = release.pointer("/active") == Some(&Value::Bool(true));
        vec![
            text(release, "/number"),
            text(release, "/version"),
            if active { "active".to_owned() } else { String::new() },
            text(release, "/reason"),
            actor(release, "/made_by"),
            kept(release),
            ago(release, "/created", now),
        ]
    };
    let rows: Vec<_> = items(&releases, "").iter().map(row).collect();
    out.table(&["release", "version", "", "why", "by", "snapshot", "made"], &rows, "It has no releases.")?;
    Ok(Exit::Done)
}
