//! SSH: whether it is on, and whose keys open it.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

use super::{
    client::Client,
    failure::{Exit, Failure},
    machine::yes,
    output::{Output, list, text},
};

pub(super) async fn show(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let ssh = client.get(&["box", "ssh"], &[]).await?;
    print(out, &ssh)
}

fn print(out: &mut Output, ssh: &Value) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(ssh)?;
        return Ok(Exit::Done);
    }
    if !yes(ssh, "/available") {
        out.line(&text(ssh, "/reason"))?;
        return Ok(Exit::Done);
    }
    let state = if yes(ssh, "/enabled") { "on: ssh root@ADDRESS" } else { "off" };
    out.pairs(&[("SSH", state.to_owned())])?;
    let row = |key: &Value| ["/kind", "/comment", "/fingerprint"].map(|pointer| text(key, pointer)).to_vec();
    let rows: Vec<_> = list(ssh, "/keys").iter().map(row).collect();
    out.table(&["key", "whose", "fingerprint"], &rows, "No key opens it.")?;
    Ok(Exit::Done)
}

pub(super) async fn on(client: &Client, out: &mut Output, file: Option<&Path>) -> Result<Exit, Failure> {
    let keys = match file {
        Some(file) => read(file)?,
        None => known(client).await?,
    };
    change(client, out, true, &keys).await
}

pub(super) async fn off(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let keys = known(client).await?;
    change(client, out, false, &keys).await
}

async fn change(client: &Client, out: &mut Output, enabled: bool, keys: &[String]) -> Result<Exit, Failure> {
    let ssh = client.put(&["box", "ssh"], &json!({ "enabled": enabled, "keys": keys })).await?;
    print(out, &ssh)
}

/// The lines of the keys that there are.
async fn known(client: &Client) -> Result<Vec<String>, Failure> {
    let ssh = client.get(&["box", "ssh"], &[]).await?;
    let line = |key: &Value| ["/kind", "/key", "/comment"].map(|pointer| text(key, pointer)).join(" ");
    Ok(list(&ssh, "/keys").iter().map(|key| line(key).trim().to_owned()).collect())
}

/// The lines of a file that are no comments.
fn read(file: &Path) -> Result<Vec<String>, Failure> {
    let read = if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let text = read.map_err(|error| Failure::Usage(format!("--keys: «{}» cannot be read: {error}", file.display())))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}
