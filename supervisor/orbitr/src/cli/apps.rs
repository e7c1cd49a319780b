//! Apps: list, one, start and stop, remove, logs.

use clap::Args;
use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    archives,
    args::{AnswerArgs, LogsArgs, OperateArgs},
    bindings,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, actor, list as items, text},
    stream::Events,
    time::ago,
};

pub(super) async fn list(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let apps = client.get(&["apps"], &[]).await?;
    if out.is_json() {
        out.json(&apps)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let rows: Vec<_> = items(&apps, "")
        .iter()
        .map(|app| {
            vec![
                text(app, "/id"),
                text(app, "/name"),
                text(app, "/status/state"),
                text(app, "/version"),
                ports(app),
                ago(app, "/created", now),
                text(app, "/status/reason"),
            ]
        })
        .collect();
    out.table(&["id", "name", "state", "version", "ports", "installed", "reason"], &rows, "There are no apps.")?;
    Ok(Exit::Done)
}

fn ports(app: &Value) -> String {
    let port = |endpoint: &Value| format!("{}/{}", text(endpoint, "/port"), text(endpoint, "/protocol"));
    items(app, "/endpoints").iter().map(port).collect::<Vec<_>>().join(", ")
}

pub(super) async fn show(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let app = client.get(&["apps", id], &[]).await?;
    if out.is_json() {
        out.json(&app)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let state = match text(&app, "/status/reason") {
        reason if reason.is_empty() => text(&app, "/status/state"),
        reason => format!("{}: {reason}", text(&app, "/status/state")),
    };
    out.pairs(&[
        ("App", text(&app, "/id")),
        ("Name", text(&app, "/name")),
        ("State", state),
        ("Extension", format!("{} {}", text(&app, "/extension"), text(&app, "/version"))),
        ("Ports", ports(&app)),
        ("Job", text(&app, "/job/id")),
        ("Installed", ago(&app, "/created", now)),
        ("Release", text(&app, "/release/number")),
        ("Made by", actor(&app, "/release/made_by")),
    ])?;
    if let Some(inputs) = app.pointer("/release/inputs").and_then(Value::as_object) {
        for (name, value) in inputs {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.line(&format!("  {name} = {value}"))?;
        }
    }
    bindings::show(out, &app)?;
    for one in items(&app, "/actions") {
        out.line(&format!("  action {}: {}", text(one, "/name"), text(one, "/label")))?;
    }
    for one in items(&app, "/schedules") {
        let (last, next) = (ago(one, "/last", now), text(one, "/next"));
        let last = if last.is_empty() { "never".to_owned() } else { last };
        out.line(&format!(
            "  {} by the clock, {}: last {last}, next {next}",
            text(one, "/action"),
            text(one, "/spec")
        ))?;
    }
    let rows: Vec<_> = items(&app, "/containers")
        .iter()
        .map(|one| {
            let cells = ["/service", "/state", "/health", "/image", "/restarts"].map(|pointer| text(one, pointer));
            cells.into_iter().chain([ago(one, "/started", now)]).collect()
        })
        .collect();
    out.line("")?;
    let heads = ["service", "state", "health", "image", "restarts", "started"];
    out.table(&heads, &rows, "It has no containers.")?;
    Ok(Exit::Done)
}

pub(super) async fn operate(
    client: &Client,
    out: &mut Output,
    verb: &str,
    args: &OperateArgs,
) -> Result<Exit, Failure> {
    let started = client.post(&["apps", &args.id, verb], None).await?;
    jobs::started(client, out, &started, args.wait).await
}

/// Which app is stopped.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    app: OperateArgs,
    /// Stop the apps that need it first
    #[arg(long)]
    dependants: bool,
}

pub(super) async fn stop(client: &Client, out: &mut Output, args: &StopArgs) -> Result<Exit, Failure> {
    let query = [("dependants", args.dependants.to_string())];
    let started = client.post_with(&["apps", &args.app.id, "stop"], &query).await?;
    jobs::started(client, out, &started, args.app.wait).await
}

/// Which action.
#[derive(Debug, Args)]
pub(crate) struct ActArgs {
    /// The app's id
    id: String,
    /// The action's name, as `app show` lists it
    action: String,
    #[command(flatten)]
    answers: AnswerArgs,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn act(client: &Client, out: &mut Output, args: ActArgs) -> Result<Exit, Failure> {
    let app = client.get(&["apps", &args.id], &[]).await?;
    let named = |one: &&Value| text(one, "/name") == args.action;
    let nothing = Value::Null;
    let inputs = install::answers(items(&app, "/actions").iter().find(named).unwrap_or(&nothing), args.answers)?;
    let body = json!({ "inputs": inputs });
    let started = client.post(&["apps", &args.id, "actions", &args.action], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn rename(client: &Client, out: &mut Output, id: &str, name: &str) -> Result<Exit, Failure> {
    client.patch(&["apps", id], &json!({ "name": name })).await?;
    out.line(&format!("{id} is called {name} from now on."))?;
    Ok(Exit::Done)
}

/// Which app to remove, and what happens to its data.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("data").required(true))]
pub(crate) struct RemoveArgs {
    /// The app's id
    id: String,
    /// Keep its data, inputs and secrets: installing it again under the same id finds them
    #[arg(long, group = "data")]
    keep_data: bool,
    /// Put everything into an archive first, then delete it
    #[arg(long, group = "data")]
    archive: bool,
    /// What the archive's passwords are put under: a file, without its last line end; `-` is the terminal or standard input
    #[arg(long, value_name = "FILE", requires = "archive")]
    passphrase_file: Option<String>,
    /// Delete everything
    #[arg(long, group = "data", requires = "confirm")]
    delete_data: bool,
    /// The app's id once more, to delete its data
    #[arg(long, value_name = "ID")]
    confirm: Option<String>,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn remove(client: &Client, out: &mut Output, args: &RemoveArgs) -> Result<Exit, Failure> {
    let data = match (args.delete_data, args.archive) {
        (true, _) => "delete",
        (_, true) => "archive",
        _ => "keep",
    };
    let passphrase = archives::passphrase(args.passphrase_file.as_ref())?;
    let body = json!({ "data": data, "confirm": args.confirm, "passphrase": passphrase });
    let started = client.delete(&["apps", &args.id], &body).await?;
    jobs::started(client, out, &started, args.wait).await
}

pub(super) async fn logs(client: &Client, out: &mut Output, args: &LogsArgs) -> Result<Exit, Failure> {
    let mut query = vec![("tail", args.tail.to_string())];
    query.extend(args.service.clone().map(|service| ("service", service)));
    query.extend(args.search.clone().map(|search| ("search", search)));
    let path = ["apps", args.id.as_str(), "logs"];
    if !args.follow {
        let lines = client.get(&path, &query).await?;
        if out.is_json() {
            out.json(&lines)?;
            return Ok(Exit::Done);
        }
        for line in items(&lines, "") {
            log_line(out, line)?;
        }
        return Ok(Exit::Done);
    }
    query.push(("follow", "true".to_owned()));
    let mut events = Events::new(client, client.stream(&path, &query).await?);
    while let Some(event) = events.next().await? {
        let value: Value = serde_json::from_str(&event.data)
            .map_err(|_| Failure::Local("the box sent a line that is no JSON".to_owned()))?;
        if event.name == "problem" {
            let problem: Result<orbitr_model::Problem, _> = serde_json::from_value(value);
            return Err(problem.map_or_else(|_| Failure::Local("the stream broke off".to_owned()), Failure::from));
        }
        if out.is_json() {
            out.json_line(&value)?
        } else {
            log_line(out, &value)?
        }
        out.flush()?;
    }
    Ok(Exit::Done)
}

/// `2026-01-02T10:20:30Z service | text`, to the second.
fn log_line(out: &mut Output, line: &Value) -> Result<(), Failure> {
    let time = text(line, "/time");
    let second = time.split('.').next().unwrap_or_default().trim_end_matches('Z');
    let time = if second.is_empty() { "-".to_owned() } else { format!("{second}Z") };
    out.foreign(&format!("{time} {} | {}", text(line, "/service"), text(line, "/text")))
}
