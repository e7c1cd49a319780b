//! What helps with an issue where no other verb does it: each is a job.

use clap::Args;

use super::{
    args::OperateArgs,
    client::Client,
    failure::{Exit, Failure},
    jobs,
    machine::begun,
    output::Output,
};

/// Which secret.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The app's id
    id: String,
    /// What its extension calls it
    name: String,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// Whether somebody waits for it.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// Follow the job, and end as it does
    #[arg(long)]
    pub(super) wait: bool,
}

pub(super) async fn of_app(
    client: &Client,
    out: &mut Output,
    path: &[&str],
    args: &OperateArgs,
) -> Result<Exit, Failure> {
    let path = [&["apps", args.id.as_str()], path].concat();
    let started = client.post(&path, None).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn rotate(client: &Client, out: &mut Output, args: &RotateArgs) -> Result<Exit, Failure> {
    let started = client.post(&["apps", &args.id, "secrets", &args.name, "rotate"], None).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn renew_certificate(client: &Client, out: &mut Output, wait: bool) -> Result<Exit, Failure> {
    let started = client.post(&["box", "certificate", "renew"], None).await?;
    begun(client, out, &started, "Renewing the certificate", wait).await
}

pub(super) async fn copy_database(client: &Client, out: &mut Output, wait: bool) -> Result<Exit, Failure> {
    let started = client.post(&["box", "copies"], None).await?;
    begun(client, out, &started, "Copying the database", wait).await
}
