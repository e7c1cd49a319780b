//! Apps that move: clones, and data on another disk.

use clap::Args;
use serde_json::json;

use super::{
    args::AnswerArgs,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, list as items, text},
};

/// What to clone.
#[derive(Debug, Args)]
pub(crate) struct CloneArgs {
    /// The app's id
    id: String,
    /// The clone's id [default: made from the app's]
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    /// What people are to call it
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    answers: AnswerArgs,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// Whose data, and where to.
#[derive(Debug, Args)]
pub(crate) struct MoveDataArgs {
    /// The app's id
    id: String,
    /// Where the disk is mounted, or «box» for the box's own disk; without it, lists the disks
    #[arg(long, value_name = "FOLDER")]
    to: Option<String>,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn move_data(client: &Client, out: &mut Output, args: &MoveDataArgs) -> Result<Exit, Failure> {
    let path = ["apps", &args.id, "data", "move"];
    let Some(to) = &args.to else {
        let plan = client.get(&path, &[]).await?;
        if out.is_json() {
            out.json(&plan)?;
            return Ok(Exit::Done);
        }
        let now = plan.get("now").and_then(serde_json::Value::as_str).unwrap_or("the box's own disk");
        out.line(&format!("{} on {now}", size(&plan, "/size")))?;
        let row = |disk: &serde_json::Value| {
            vec![text(disk, "/at"), text(disk, "/file_system"), size(disk, "/free"), text(disk, "/obstacle")]
        };
        let rows: Vec<_> = items(&plan, "/disks").iter().map(row).collect();
        out.table(&["disk", "file system", "free", "why not"], &rows, "No other disk is mounted on this box.")?;
        return Ok(Exit::Done);
    };
    let body = json!({ "to": (to != "box").then_some(to) });
    let started = client.post(&path, Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

fn size(of: &serde_json::Value, at: &str) -> String {
    let bytes = of.pointer(at).and_then(serde_json::Value::as_u64).unwrap_or_default();
    orbitr_model::ByteSize(bytes).to_string()
}

pub(super) async fn clone(client: &Client, out: &mut Output, args: CloneArgs) -> Result<Exit, Failure> {
    // An app's own extension may be gone from the store: what is secret is known only where it is there.
    let app = client.get(&["apps", &args.id], &[]).await?;
    let extension = super::output::text(&app, "/extension");
    let (registry, name) = extension.split_once('/').unwrap_or(("", &extension));
    let asked = client.get(&["extensions", registry, name], &[]).await.unwrap_or_default();
    let mut body = json!({ "inputs": install::answers(&asked, args.answers)? });
    if let Some(members) = body.as_object_mut() {
        members.extend(args.to.map(|id| ("app".to_owned(), id.into())));
        members.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    }
    let started = client.post(&["apps", &args.id, "clone"], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}
