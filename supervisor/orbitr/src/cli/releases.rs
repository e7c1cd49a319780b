//! Another version of an app, and back.

use std::path::PathBuf;

use clap::Args;
use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    archives::fetch,
    args::AnswerArgs,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, actor, list as items, text},
    policy,
    time::ago,
};

/// Whose releases, and what of them; without options, all of them.
#[derive(Debug, Args)]
#[group(id = "what", multiple = false)]
pub(crate) struct What {
    /// Say what differs between two releases, by their numbers
    #[arg(long, value_names = ["NUMBER", "OTHER"], num_args = 2)]
    compare: Option<Vec<u32>>,
    /// Keep this release and its data, however many come after it
    #[arg(long, value_name = "NUMBER")]
    pin: Option<u32>,
    /// Let go of a pinned release
    #[arg(long, value_name = "NUMBER")]
    unpin: Option<u32>,
    /// Look into the data of this snapshot
    #[arg(long, value_name = "NUMBER")]
    snapshot: Option<u32>,
}

/// Whose releases.
#[derive(Debug, Args)]
pub(crate) struct ReleasesArgs {
    /// The app's id
    id: String,
    #[command(flatten)]
    what: What,
    /// What to look at in the snapshot: a folder, or with --output a file
    #[arg(long, requires = "snapshot")]
    path: Option<String>,
    /// Write the file there
    #[arg(long, value_name = "FILE", requires = "path")]
    output: Option<PathBuf>,
}

pub(super) async fn run(client: &Client, out: &mut Output, args: &ReleasesArgs) -> Result<Exit, Failure> {
    let What { compare, pin, unpin, snapshot } = &args.what;
    if let Some([from, to]) = compare.as_deref() {
        return differ(client, out, &args.id, *from, *to).await;
    }
    for (number, pins) in [(pin, true), (unpin, false)] {
        let Some(number) = number else { continue };
        let (number, path) = (number.to_string(), ["apps", &args.id, "releases"]);
        let path = [&path[..], &[&number, "pin"]].concat();
        match pins {
            true => client.put(&path, &json!({})).await?,
            false => client.delete(&path, &json!({})).await?,
        };
        return Ok(Exit::Done);
    }
    match snapshot {
        Some(number) => look_into(client, out, args, *number).await,
        None => list(client, out, &args.id).await,
    }
}

async fn differ(client: &Client, out: &mut Output, id: &str, from: u32, to: u32) -> Result<Exit, Failure> {
    let path = ["apps", id, "releases", &from.to_string(), "compare", &to.to_string()];
    let found = client.get(&path, &[]).await?;
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Done);
    }
    let row = |it: &Value| vec![text(it, "/what"), text(it, "/name"), text(it, "/from"), text(it, "/to")];
    let rows: Vec<_> = items(&found, "/differences").iter().map(row).collect();
    let heads = ["what", "name", &format!("release {from}"), &format!("release {to}")];
    out.table(&heads, &rows, "Nothing differs.")?;
    for line in text(&found, "/text").lines() {
        out.foreign(line)?;
    }
    Ok(Exit::Done)
}

async fn look_into(client: &Client, out: &mut Output, args: &ReleasesArgs, number: u32) -> Result<Exit, Failure> {
    let (number, place) = (number.to_string(), args.path.clone().unwrap_or_default());
    let query = [("path", place)];
    if let Some(output) = &args.output {
        fetch(client, &["apps", &args.id, "snapshots", &number, "file"], &query, output).await?;
        return Ok(Exit::Done);
    }
    let found = client.get(&["apps", &args.id, "snapshots", &number, "files"], &query).await?;
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Done);
    }
    let row = |it: &Value| vec![text(it, "/name"), text(it, "/kind"), text(it, "/size"), text(it, "/modified")];
    let rows: Vec<_> = items(&found, "/entries").iter().map(row).collect();
    out.table(&["name", "kind", "bytes", "written"], &rows, "It is empty.")?;
    Ok(Exit::Done)
}

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

async fn list(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
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
