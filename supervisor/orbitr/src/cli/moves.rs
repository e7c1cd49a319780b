//! Apps that move: clones.

use clap::Args;
use serde_json::json;

use super::{
    args::AnswerArgs,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::Output,
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
