//! Archives: files that hold an app with its data.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    args::AnswerArgs,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, list as items, text},
    time::ago,
};

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The app's id
    id: String,
    /// What its passwords are put under: a file, without its last line end; `-` is the terminal or standard input. Without
    /// it they are left out
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<String>,
    /// The box deletes the archive after so many days [default: never]
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// The file to write, which must not be there yet; waits for the job
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// What to install.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// An archive's file, or the id of one that the box has
    archive: String,
    /// The new app's id [default: as in the archive, or made from that]
    #[arg(long)]
    id: Option<String>,
    /// What people are to call it
    #[arg(long)]
    name: Option<String>,
    /// The project that it belongs to
    #[arg(long, value_name = "ID", default_value = "home")]
    project: String,
    /// What opens its passwords: a file, without its last line end; `-` is the terminal or standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<String>,
    #[command(flatten)]
    answers: AnswerArgs,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// Whose archives.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The project
    #[arg(long, value_name = "ID", default_value = "home")]
    project: String,
}

/// Which archive.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Its id
    archive: String,
    /// The project that it belongs to
    #[arg(long, value_name = "ID", default_value = "home")]
    project: String,
}

/// A passphrase from a file, or from whoever types it.
pub(super) fn passphrase(file: Option<&String>) -> Result<Option<String>, Failure> {
    file.map(|path| install::answer("passphrase", path)).transpose()
}

pub(super) async fn export(client: &Client, out: &mut Output, args: &ExportArgs) -> Result<Exit, Failure> {
    let body = json!({ "passphrase": passphrase(args.passphrase_file.as_ref())?, "days": args.days });
    let started = client.post(&["apps", &args.id, "export"], Some(&body)).await?;
    let Some(output) = &args.output else { return jobs::started(client, out, &started, args.wait).await };
    let exit = jobs::follow(client, out, &text(&started, "/job")).await?;
    if !matches!(exit, Exit::Done) {
        return Ok(exit);
    }
    let app = client.get(&["apps", &args.id], &[]).await?;
    let path = ["projects", &text(&app, "/project"), "archives", &text(&started, "/archive"), "file"];
    fetch(client, &path, &[], output).await?;
    if !out.is_json() {
        out.line(&output.display().to_string())?;
    }
    Ok(Exit::Done)
}

/// Writes what the box sends into a new file.
pub(super) async fn fetch(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    output: &Path,
) -> Result<(), Failure> {
    let mut answer = client.stream(path, query).await?;
    let wrong = |error: std::io::Error| Failure::Local(format!("«{}» cannot be written: {error}", output.display()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(output).map_err(wrong)?;
    while let Some(part) = answer.chunk().await.map_err(|error| client.unreachable(&error))? {
        file.write_all(&part).map_err(wrong)?;
    }
    file.sync_all().map_err(wrong)
}

pub(super) async fn import(client: &Client, out: &mut Output, args: ImportArgs) -> Result<Exit, Failure> {
    let passphrase = passphrase(args.passphrase_file.as_ref())?;
    let file = Path::new(&args.archive);
    let archive = if file.is_file() {
        text(&client.upload(&["projects", &args.project, "archives"], file).await?, "/id")
    } else {
        args.archive.clone()
    };
    let mut body = json!({ "inputs": install::answers(&Value::Null, args.answers)?, "passphrase": passphrase });
    if let Some(members) = body.as_object_mut() {
        members.extend(args.id.map(|id| ("app".to_owned(), id.into())));
        members.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    }
    let path = ["projects", &args.project, "archives", &archive, "install"];
    let started = client.post(&path, Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn list(client: &Client, out: &mut Output, args: &ListArgs) -> Result<Exit, Failure> {
    let archives = client.get(&["projects", &args.project, "archives"], &[]).await?;
    if out.is_json() {
        out.json(&archives)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let row = |archive: &Value| {
        vec![
            text(archive, "/id"),
            text(archive, "/contents/app/id"),
            text(archive, "/contents/extension/version"),
            text(archive, "/origin"),
            text(archive, "/size"),
            ago(archive, "/contents/made", now),
        ]
    };
    let rows: Vec<_> = items(&archives, "").iter().map(row).collect();
    out.table(&["archive", "app", "version", "from", "size", "data of"], &rows, "There are no archives.")?;
    Ok(Exit::Done)
}

pub(super) async fn delete(client: &Client, out: &mut Output, args: &DeleteArgs) -> Result<Exit, Failure> {
    client.delete(&["projects", &args.project, "archives", &args.archive], &json!({})).await?;
    if !out.is_json() {
        out.line("The archive is deleted.")?;
    }
    Ok(Exit::Done)
}
