//! Another version of an app, and back.

use clap::Args;
use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    args::AnswerArgs,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, actor, list as items, text},
    policy,
    time::ago,
};

/// Which app to update.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The app's id
    id: String,
    #[command(flatten)]
    answers: AnswerArgs,
    #[command(flatten)]
    consent: policy::ConsentArgs,
    /// That you have read what the new version stops from working
    #[arg(long)]
    breaking: bool,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// Which release.
#[derive(Debug, Args)]
pub(crate) struct RollBackArgs {
    /// The app's id
    id: String,
    /// The number of the release
    #[arg(long, value_name = "NUMBER")]
    to: u32,
    /// The data that it gets: as it is now, or as it was then
    #[arg(long, value_parser = ["now", "then"])]
    data: String,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// Which snapshot.
#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    /// The app's id
    id: String,
    /// The snapshot's number, as `releases` lists it
    #[arg(long, value_name = "NUMBER")]
    snapshot: u32,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn forget(client: &Client, out: &mut Output, args: &ForgetArgs) -> Result<Exit, Failure> {
    let started = client.delete(&["apps", &args.id, "snapshots", &args.snapshot.to_string()], &json!({})).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn update(client: &Client, out: &mut Output, args: UpdateArgs) -> Result<Exit, Failure> {
    let plan = client.get(&["apps", &args.id, "update"], &[]).await?;
    let inputs = install::answers(&plan, args.answers)?;
    if !out.is_json() {
        policy::tell(out, &plan)?;
    }
    let body = json!({
        "version": text(&plan, "/to/version"),
        "inputs": inputs,
        "consent": args.consent.names(),
        "breaking": args.breaking,
    });
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
