//! What apps need from each other.

use clap::Args;
use orbitr_sdk::contract;
use serde_json::{Map, Value, json};

use super::{
    args::pair,
    client::Client,
    failure::{Exit, Failure},
    install, jobs,
    output::{Output, list, text},
};

/// Where what an extension needs comes from.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// Where a requirement comes from: managed, existing:APP, external, bundled or none
    #[arg(long, value_name = "NAME=FROM", value_parser = pair)]
    bind: Vec<(String, String)>,
    /// A field of something external; not for passwords, which other users of the machine could see
    #[arg(long, value_name = "NAME.FIELD=VALUE", value_parser = pair)]
    bind_field: Vec<(String, String)>,
    /// A field that is in a file, without its last line end; `-` is the terminal or standard input
    #[arg(long, value_name = "NAME.FIELD=FILE", value_parser = pair)]
    bind_file: Vec<(String, String)>,
}

/// Whose password.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The app's id
    id: String,
    /// The requirement's name, as `show` lists it
    #[arg(long, value_name = "NAME")]
    binding: String,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) async fn rotate(client: &Client, out: &mut Output, args: &RotateArgs) -> Result<Exit, Failure> {
    let started = client.post(&["apps", &args.id, "bindings", &args.binding, "password"], None).await?;
    jobs::started(client, out, &started, args.wait).await
}

/// The choices, as the API takes them.
pub(super) fn chosen(extension: &Value, args: BindArgs) -> Result<Map<String, Value>, Failure> {
    let mut chosen = Map::new();
    for (name, from) in args.bind {
        let binding = match from.split_once(':') {
            Some(("existing", app)) => json!({ "from": "existing", "app": app }),
            _ => json!({ "from": from }),
        };
        chosen.insert(name, binding);
    }
    for (name, value) in args.bind_field {
        let (requirement, field) = split(&name)?;
        if is_secret(extension, requirement, field) {
            let why = "is a secret, and other users of this machine can see arguments";
            return Err(Failure::Usage(format!(
                "--bind-field {name}: it {why}. Use --bind-file {name}=FILE, or {name}=-"
            )));
        }
        put(&mut chosen, requirement, field, value)?;
    }
    for (name, path) in args.bind_file {
        let (requirement, field) = split(&name)?;
        let value = install::answer(&name, &path)?;
        put(&mut chosen, requirement, field, value)?;
    }
    Ok(chosen)
}

fn split(name: &str) -> Result<(&str, &str), Failure> {
    name.split_once('.').ok_or_else(|| Failure::Usage(format!("{name}: write the requirement and the field, db.host")))
}

fn is_secret(extension: &Value, requirement: &str, field: &str) -> bool {
    let required = list(extension, "/requires");
    let capability = required.iter().find(|one| text(one, "/name") == requirement).map(|one| text(one, "/capability"));
    let contract = capability.as_deref().and_then(contract);
    contract.is_some_and(|contract| contract.fields.iter().any(|known| known.name == field && known.secret))
}

fn put(chosen: &mut Map<String, Value>, requirement: &str, field: &str, value: String) -> Result<(), Failure> {
    let Some(binding) = chosen.get_mut(requirement).and_then(Value::as_object_mut) else {
        return Err(Failure::Usage(format!("{requirement}.{field}: write --bind {requirement}=external as well")));
    };
    let values = binding.entry("values").or_insert_with(|| json!({}));
    if let Some(values) = values.as_object_mut() {
        values.insert(field.to_owned(), value.into());
    }
    Ok(())
}

/// What an app gets and gives, a line each.
pub(super) fn show(out: &mut Output, app: &Value) -> Result<(), Failure> {
    for binding in list(app, "/bindings") {
        let from = match text(binding, "/app") {
            app if app.is_empty() => text(binding, "/from"),
            app => app,
        };
        out.line(&format!("  {} comes from {from}", text(binding, "/name")))?;
    }
    for dependant in list(app, "/dependants") {
        out.line(&format!("  {} needs it", text(dependant, "/app")))?;
    }
    Ok(())
}
