//! Compose projects that run without the box, and taking them over.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{
    client::Client,
    failure::{Exit, Failure},
    jobs,
    output::{Output, list, text},
};

/// What to take over.
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// The Compose project; without it, those that there are
    compose_project: Option<String>,
    /// Its Compose file [default: read by the box from where it was started]
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file with its variables [default: the `.env` in its folder]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The new app's id [default: made from the project's name]
    #[arg(long)]
    id: Option<String>,
    /// What people are to call it
    #[arg(long)]
    name: Option<String>,
    /// The project of the box that it is to belong to
    #[arg(long, value_name = "ID", default_value = "home")]
    project: String,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn adopt(client: &Client, out: &mut Output, args: AdoptArgs) -> Result<Exit, Failure> {
    let Some(name) = args.compose_project else { return projects(client, out).await };
    let mut body = json!({ "compose_project": name });
    if let Some(members) = body.as_object_mut() {
        members.extend(read(args.file.as_deref())?.map(|text| ("compose".to_owned(), text.into())));
        members.extend(read(args.env_file.as_deref())?.map(|text| ("env".to_owned(), text.into())));
        members.extend(args.id.map(|id| ("app".to_owned(), id.into())));
        members.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    }
    if args.plan {
        let plan = client.post(&["box", "compose-projects", "plan"], Some(&body)).await?;
        return show(out, &plan);
    }
    let started = client.post(&["projects", &args.project, "adopt"], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

fn read(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let wrong = |file: &Path, error| Failure::Usage(format!("«{}» cannot be read: {error}", file.display()));
    file.map(|file| std::fs::read_to_string(file).map_err(|error| wrong(file, error))).transpose()
}

async fn projects(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let found = client.get(&["box", "compose-projects"], &[]).await?;
    if out.is_json() {
        return out.json(&found).map(|()| Exit::Done);
    }
    let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        out.line("Docker runs no Compose project that the box did not make.")?;
    }
    for project in all {
        out.line(&format!("{}  {}", text(project, "/name"), text(project, "/folder")))?;
        for service in list(project, "/services") {
            let runs = if service["running"] == true { "runs" } else { "stopped" };
            out.line(&format!("  {}  {}  {runs}", text(service, "/name"), text(service, "/image")))?;
        }
    }
    Ok(Exit::Done)
}

fn show(out: &mut Output, plan: &Value) -> Result<Exit, Failure> {
    if out.is_json() {
        return out.json(plan).map(|()| Exit::Done);
    }
    let texts = |path| list(plan, path).iter().filter_map(Value::as_str);
    out.foreign(&text(plan, "/extension"))?;
    for (volume, from) in plan["data"].as_object().into_iter().flatten() {
        out.line(&format!("Data: {volume} is copied from {}", from.as_str().unwrap_or_default()))?;
    }
    for permission in texts("/permissions") {
        out.line(&format!("It may do more than an ordinary app: {permission}"))?;
    }
    for note in texts("/notes") {
        out.line(note)?;
    }
    let mut stuck = false;
    for obstacle in texts("/obstacles") {
        stuck = true;
        out.line(&format!("In the way: {obstacle}"))?;
    }
    Ok(if stuck { Exit::Failed } else { Exit::Done })
}
