//! What becomes of an app's newer versions without a person, what an update asks, and what an action gave.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use super::{
    args::OnOff,
    client::Client,
    failure::{Exit, Failure},
    output::{Output, list as items, text},
};

/// What becomes of newer versions.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// The app's id
    id: String,
    /// Hold the app: it is not updated until it is released; why, in your own words
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "", conflicts_with = "release")]
    hold: Option<String>,
    /// Release it again
    #[arg(long)]
    release: bool,
    /// Whether the box puts newer versions in by itself
    #[arg(long, value_enum)]
    automatic: Option<OnOff>,
    /// Only on these days, with commas between: monday,thursday [default: every day]
    #[arg(long, value_name = "DAYS", value_delimiter = ',', requires = "from")]
    days: Vec<String>,
    /// Only from this time of the box's clock, for example 02:00
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<String>,
    /// And until this one; the next day, if it is not later
    #[arg(long, value_name = "TIME", requires = "from")]
    until: Option<String>,
    /// At any time
    #[arg(long, conflicts_with = "from")]
    any_time: bool,
}

/// What somebody consents to.
#[derive(Debug, Args)]
pub(crate) struct ConsentArgs {
    /// A permission to consent to, by its whole name, for example docker_socket; once for each
    #[arg(long, value_name = "PERMISSION")]
    consent: Vec<String>,
}

impl ConsentArgs {
    /// Each once.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.consent.iter().map(String::as_str).collect()
    }
}

/// Which action's.
#[derive(Debug, Args)]
pub(crate) struct ResultArgs {
    /// The app's id
    id: String,
    /// The job of the action
    job: String,
}

impl PolicyArgs {
    /// The policy with what is asked for put in; none when nothing is.
    fn change(&self, mut policy: Value) -> Option<Value> {
        let members = policy.as_object_mut()?;
        let mut put = |name: &str, value: Option<Value>| match value {
            Some(value) => members.insert(name.to_owned(), value).is_some(),
            None => false,
        };
        let held = self.hold.as_ref().map(|reason| json!({ "reason": reason }));
        let window = match (&self.from, &self.until) {
            (Some(from), Some(until)) => Some(json!({ "days": self.days, "from": from, "until": until })),
            _ => self.any_time.then_some(Value::Null),
        };
        let changes = [
            ("hold", held.or_else(|| self.release.then_some(Value::Null))),
            ("automatic", self.automatic.map(|to| json!(to == OnOff::On))),
            ("window", window),
        ];
        changes.into_iter().fold(false, |any, (name, value)| put(name, value) || any).then_some(policy)
    }
}

pub(super) async fn run(client: &Client, out: &mut Output, args: &PolicyArgs) -> Result<Exit, Failure> {
    let path = ["apps", args.id.as_str(), "update-policy"];
    let policy = client.get(&path, &[]).await?;
    if let Some(policy) = args.change(policy) {
        client.put(&path, &policy).await?;
    }
    show(client, out, &args.id).await
}

async fn show(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let app = client.get(&["apps", id], &[]).await?;
    let updates = app.pointer("/updates").cloned().unwrap_or_default();
    if out.is_json() {
        out.json(&updates)?;
        return Ok(Exit::Done);
    }
    let held = match updates.pointer("/policy/hold") {
        None | Some(Value::Null) => "no".to_owned(),
        Some(hold) => match text(hold, "/reason") {
            reason if reason.is_empty() => "yes".to_owned(),
            reason => format!("yes: {reason}"),
        },
    };
    let automatic = updates.pointer("/policy/automatic") == Some(&Value::Bool(true));
    let days: Vec<_> = items(&updates, "/policy/window/days").iter().filter_map(Value::as_str).collect();
    let hours = match updates.pointer("/policy/window") {
        None | Some(Value::Null) => "at any time".to_owned(),
        Some(window) => {
            let days = if days.is_empty() { "every day".to_owned() } else { days.join(", ") };
            format!("{days}, {} to {}", text(window, "/from"), text(window, "/until"))
        }
    };
    let waits: Vec<_> = items(&updates, "/waits").iter().filter_map(Value::as_str).collect();
    out.pairs(&[
        ("Held", held),
        ("By itself", if automatic { hours } else { "no".to_owned() }),
        ("Newer version", text(&app, "/update/version")),
        ("Waits for you", waits.join("; ")),
        (
            "Its turn",
            if updates.pointer("/due") == Some(&Value::Bool(true)) {
                "now".to_owned()
            } else {
                text(&updates, "/next")
            },
        ),
    ])?;
    Ok(Exit::Done)
}

/// What an update tells and asks, before it is asked for.
pub(super) fn tell(out: &mut Output, plan: &Value) -> Result<(), Failure> {
    for notice in items(plan, "/notices") {
        out.line(&format!("Version {} ({}):", text(notice, "/version"), text(notice, "/level")))?;
        for line in text(notice, "/text").lines() {
            out.line(&format!("  {line}"))?;
        }
    }
    for permission in items(plan, "/permissions") {
        out.line(&format!("It asks for {}: {}", text(permission, "/grant"), text(permission, "/reason")))?;
    }
    Ok(())
}

pub(super) async fn result(client: &Client, out: &mut Output, args: &ResultArgs) -> Result<Exit, Failure> {
    let result = client.post(&["apps", &args.id, "results", &args.job], None).await?;
    if out.is_json() {
        out.json(&result)?;
        return Ok(Exit::Done);
    }
    for line in text(&result, "/output").lines() {
        out.line(line)?;
    }
    for (label, value) in result.pointer("/made").and_then(Value::as_object).into_iter().flatten() {
        out.line(&format!("{label}: {}", value.as_str().unwrap_or_default()))?;
    }
    Ok(Exit::Done)
}
