//! Apps: list, one, start and stop, remove, logs.

use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    args::{LogsArgs, OperateArgs, RemoveArgs},
    client::Client,
    failure::{Exit, Failure},
    jobs,
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

pub(super) async fn remove(client: &Client, out: &mut Output, args: &RemoveArgs) -> Result<Exit, Failure> {
    let data = if args.delete_data { "delete" } else { "keep" };
    let body = json!({ "data": data, "confirm": args.confirm });
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
