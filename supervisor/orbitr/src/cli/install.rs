//! The store, and installing from it.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::Path,
};

use orbitr_host::terminal;
use serde_json::{Map, Value, json};

use super::{
    args::{AnswerArgs, InstallArgs},
    bindings,
    client::Client,
    failure::{Exit, Failure},
    jobs,
    output::{Output, list, text},
};

/// An answer in a file may be at most so long, as any body of the API.
const ANSWER_MAX: u64 = 1 << 20;

pub(super) async fn extensions(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let found = client.get(&["extensions"], &[]).await?;
    if out.is_json() {
        out.json(&found)?;
        return Ok(Exit::Done);
    }
    let row = |one: &Value| ["/id", "/name", "/version", "/summary"].map(|pointer| text(one, pointer)).to_vec();
    let rows: Vec<_> = list(&found, "").iter().map(row).collect();
    out.table(&["id", "name", "version", "what it is"], &rows, "There is nothing to install.")?;
    Ok(Exit::Done)
}

pub(super) async fn install(client: &Client, out: &mut Output, args: InstallArgs) -> Result<Exit, Failure> {
    let (registry, name) = args.extension.split_once('/').unwrap_or(("official", &args.extension));
    let extension = client.get(&["extensions", registry, name], &[]).await?;
    let inputs = answers(&extension, args.answers)?;
    let bindings = bindings::chosen(&extension, args.bindings)?;
    let mut body = json!({
        "extension": format!("{registry}/{name}"),
        "inputs": inputs,
        "bindings": bindings,
        "consent": args.consent.names(),
    });
    if let Some(members) = body.as_object_mut() {
        members.extend(args.id.map(|id| ("app".to_owned(), id.into())));
        members.extend(args.name.map(|name| ("name".to_owned(), name.into())));
    }
    let started = client.post(&["projects", &args.project, "apps"], Some(&body)).await?;
    jobs::started(client, out, &started, args.wait).await
}

/// The answers to what an extension asks.
pub(super) fn answers(extension: &Value, args: AnswerArgs) -> Result<Map<String, Value>, Failure> {
    let mut inputs = Map::new();
    for (name, value) in args.input {
        if field(extension, &name).is_some_and(|field| field.pointer("/secret") == Some(&Value::Bool(true))) {
            let why = "is a secret, and other users of this machine can see arguments";
            return Err(Failure::Usage(format!("--input {name}: it {why}. Use --input-file {name}=FILE, or {name}=-")));
        }
        put(&mut inputs, extension, name, value)?;
    }
    for (name, path) in args.input_file {
        let value = answer(&name, &path)?;
        put(&mut inputs, extension, name, value)?;
    }
    Ok(inputs)
}

fn field<'a>(extension: &'a Value, name: &str) -> Option<&'a Value> {
    list(extension, "/inputs").iter().find(|field| field.pointer("/name").and_then(Value::as_str) == Some(name))
}

/// Answers are text, as from a form; several choices are parted by commas.
fn put(inputs: &mut Map<String, Value>, extension: &Value, name: String, value: String) -> Result<(), Failure> {
    let many = field(extension, &name).is_some_and(|field| text(field, "/kind") == "multi");
    let value: Value =
        if many { value.split(',').map(str::trim).filter(|choice| !choice.is_empty()).collect() } else { value.into() };
    match inputs.insert(name.clone(), value) {
        None => Ok(()),
        Some(_) => Err(Failure::Usage(format!("the input «{name}» is given twice"))),
    }
}

/// An answer from a file, or from whoever types it.
pub(super) fn answer(name: &str, path: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Usage(format!("--input-file {name}: «{path}» cannot be read: {error}"));
    let mut text = String::new();
    if path == "-" && io::stdin().is_terminal() {
        text = terminal::read_hidden(name).map_err(failed)?;
    } else if path == "-" {
        io::stdin().take(ANSWER_MAX).read_to_string(&mut text).map_err(failed)?;
    } else {
        fs::File::open(Path::new(path))
            .and_then(|file| file.take(ANSWER_MAX).read_to_string(&mut text))
            .map_err(failed)?;
    }
    let whole = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    Ok(whole.to_owned())
}
