//! Issues: what is wrong with the box and its apps, what helps, dismissing one.

use orbitr_model::Timestamp;
use serde_json::{Value, json};

use super::{
    client::Client,
    failure::{Exit, Failure},
    output::{Output, list as items, text},
    time::ago,
};

pub(super) async fn list(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let issues = client.get(&["issues"], &[]).await?;
    let nothing = items(&issues, "").is_empty();
    if out.is_json() {
        out.json(&issues)?;
    } else if nothing {
        out.line("Nothing is wrong.")?;
    } else {
        for (index, issue) in items(&issues, "").iter().enumerate() {
            if index > 0 {
                out.line("")?;
            }
            show(client, out, issue)?;
        }
    }
    Ok(if nothing { Exit::Done } else { Exit::Failed })
}

fn show(client: &Client, out: &mut Output, issue: &Value) -> Result<(), Failure> {
    let severity = match text(issue, "/severity").as_str() {
        "bad" => "BAD",
        "warning" => "WARNING",
        _ => "INFO",
    };
    out.line(&format!("{severity}: {}", text(issue, "/title")))?;
    out.line(&format!("  {}", text(issue, "/explanation")))?;
    for fact in items(issue, "/evidence") {
        out.line(&format!("  {}: {}", text(fact, "/name"), text(fact, "/value")))?;
    }
    out.line(&format!("  Since: {}", ago(issue, "/since", Timestamp::now())))?;
    for fix in items(issue, "/fixes") {
        out.line(&format!("  Fix: {}", how(client, fix)))?;
    }
    if issue.pointer("/may_dismiss").and_then(Value::as_bool).unwrap_or_default() {
        out.line(&format!("  Hide it: orbitr issues dismiss {}", quoted(&text(issue, "/id"))))?;
    }
    Ok(())
}

/// What to type for it; what has no word here is done on a page.
fn how(client: &Client, fix: &Value) -> String {
    let (app, unit, job) = (text(fix, "/app"), quoted(&text(fix, "/unit")), text(fix, "/job"));
    let page = |path: String| client.page(&path).unwrap_or_else(|| format!("the page {path} of the box"));
    match text(fix, "/do").as_str() {
        "start-app" => format!("orbitr start {app}"),
        "restart-app" => format!("orbitr restart {app}"),
        "stop-app" => format!("orbitr stop {app}"),
        "restart-unit" => format!("orbitr unit restart {unit}"),
        "move-ports" => format!("orbitr app move-ports {app}"),
        "fetch-images" | "rebuild-images" => format!("orbitr app fetch-images {app}"),
        "rotate-secret" => format!("orbitr app rotate-secret {app} {}", text(fix, "/secret")),
        "rotate-password" => format!("orbitr app rotate {app} --binding {}", text(fix, "/binding")),
        "cancel-job" => format!("orbitr job cancel {job}"),
        "renew-certificate" => "orbitr renew-certificate".to_owned(),
        "keep-version" => format!("orbitr box update keep {}", text(fix, "/version")),
        "leave-version" => format!("orbitr box update leave {}", text(fix, "/version")),
        "copy-database" => "orbitr copy-database".to_owned(),
        "open-app" => format!("orbitr app show {app}"),
        "open-logs" => format!("orbitr logs {app}"),
        "open-update" => format!("orbitr app update {app}"),
        "open-settings" => page(format!("/apps/{app}/settings")),
        "open-removal" => format!("orbitr remove {app} --keep-data, or --delete-data --confirm {app}"),
        "open-apps" => "orbitr apps".to_owned(),
        "open-job" => format!("orbitr job log {job}"),
        "open-unit" => format!("orbitr unit show {unit}"),
        "open-time" => "orbitr time".to_owned(),
        "open-network" => "orbitr network".to_owned(),
        "open-updates" => "orbitr box update".to_owned(),
        "rebuild-docker-store" => "orbitr box docker-store rebuild".to_owned(),
        "remove-docker-stores" => "orbitr box docker-store remove".to_owned(),
        "open-docker-store" => "orbitr box docker-store".to_owned(),
        "open-machine" => "orbitr units --failed".to_owned(),
        _ => text(fix, "/label"),
    }
}

/// As a shell takes it: names of units may hold a backslash.
fn quoted(word: &str) -> String {
    if word.contains('\\') { format!("'{word}'") } else { word.to_owned() }
}

pub(super) async fn dismiss(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let issues = client.get(&["issues"], &[("dismissed", "true".to_owned())]).await?;
    let found = items(&issues, "").iter().find(|issue| text(issue, "/id") == id);
    // Whoever may operate an app may hide what is about it, without being an admin.
    match found.map(|issue| text(issue, "/app")).filter(|app| !app.is_empty()) {
        Some(app) => client.post(&["apps", &app, "issues", id, "dismiss"], None).await?,
        None => client.post(&["issues", id, "dismiss"], None).await?,
    };
    if out.is_json() {
        out.json(&json!({ "dismissed": id }))?;
    } else {
        out.line(&format!("{id} is hidden until it ends and comes back, or gets worse."))?;
    }
    Ok(Exit::Done)
}
