//! Updates of the system.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use orbitr_model::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    args::OnOff,
    client::Client,
    docker_store::{self, StoreVerb},
    failure::{Exit, Failure},
    jobs,
    machine::{begun, yes},
    output::{Output, list, text},
    time::ago,
};

/// What can be done with the box itself.
#[derive(Debug, Subcommand)]
pub(crate) enum BoxVerb {
    /// Versions of the system: what runs, what is offered, what came back; and updating it
    Update {
        #[command(subcommand)]
        verb: Option<UpdateVerb>,
    },
    /// Docker's store: whether it is whole, and what was set aside; and rebuilding it
    DockerStore {
        #[command(subcommand)]
        verb: Option<StoreVerb>,
    },
}

/// What can be done about updates.
#[derive(Debug, Subcommand)]
pub(crate) enum UpdateVerb {
    /// Look for updates now
    Check {
        /// Follow the job, and end as it does
        #[arg(long)]
        wait: bool,
    },
    /// Download a version and write it into the other slot
    Install(InstallArgs),
    /// Bring a version as one file, orbitr-VERSION.update
    Upload {
        /// The file
        file: PathBuf,
    },
    /// Bring the newest version from the one USB stick that is plugged into the box
    Read {
        /// Follow the job, and end as it does
        #[arg(long)]
        wait: bool,
    },
    /// Start another installed version from now on, until another one is chosen or installed
    Choose(ChooseArgs),
    /// Let a version that came back be tried again
    Lift {
        /// Which
        version: String,
    },
    /// Keep a version after which apps are not healthy
    Keep {
        /// Which
        version: String,
    },
    /// Go back from a version after which apps are not healthy, and restart
    Leave {
        /// Which
        version: String,
        /// Follow the job, and end as it does
        #[arg(long)]
        wait: bool,
    },
    /// Say where updates come from and what is done with them
    Set(SetArgs),
}

/// What to install.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// Which version [default: the one that is offered]
    version: Option<String>,
    /// Restart when it is in its slot and nothing is in the way
    #[arg(long)]
    restart: bool,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

/// What to start.
#[derive(Debug, Args)]
pub(crate) struct ChooseArgs {
    /// Which version
    version: String,
    /// Restart when nothing is in the way
    #[arg(long)]
    restart: bool,
    /// Follow the job, and end as it does
    #[arg(long)]
    wait: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Channel {
    Stable,
    Testing,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    /// Look, and leave the rest to people
    ByHand,
    /// Download, and leave installing to people
    Download,
    /// Download, and install and restart in the window
    Automatic,
}

/// How updates are to be set. What is left out stays.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct SetArgs {
    /// The address of the folder with the channels; empty for the one that is built in
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Which versions are offered
    #[arg(long, value_enum)]
    channel: Option<Channel>,
    /// What the box does by itself
    #[arg(long, value_enum)]
    policy: Option<Policy>,
    /// The hour from which it may restart by itself, 0 to 23
    #[arg(long, value_name = "HOUR")]
    from: Option<u8>,
    /// The hour at which that ends
    #[arg(long, value_name = "HOUR")]
    until: Option<u8>,
    /// Have nothing happen by itself for the time being
    #[arg(long, value_enum)]
    hold: Option<OnOff>,
    /// Whether the box goes back by itself where apps are not healthy after an update and nobody answers
    #[arg(long, value_enum)]
    return_by_itself: Option<OnOff>,
    /// After how many minutes without an answer that is, 5 to 1440
    #[arg(long, value_name = "MINUTES")]
    answer_within: Option<u16>,
}

const PATH: [&str; 2] = ["box", "updates"];

pub(super) async fn run(client: &Client, out: &mut Output, verb: &BoxVerb) -> Result<Exit, Failure> {
    let verb = match verb {
        BoxVerb::Update { verb } => verb,
        BoxVerb::DockerStore { verb } => return docker_store::run(client, out, verb.as_ref()).await,
    };
    let at = |last: &'static str| [PATH[0], PATH[1], last];
    match verb {
        None => show(client, out).await,
        Some(UpdateVerb::Check { wait }) => {
            let started = client.post(&at("check"), None).await?;
            begun(client, out, &started, "Looking for updates", *wait).await
        }
        Some(UpdateVerb::Install(args)) => {
            let body = json!({ "version": args.version, "restart": args.restart });
            let started = client.post(&at("install"), Some(&body)).await?;
            jobs::started(client, out, &started, args.wait).await
        }
        Some(UpdateVerb::Upload { file }) => {
            let offer = client.upload(&at("upload"), file).await?;
            let line = format!("{} is here. Install it with «orbitr box update install».", text(&offer, "/version"));
            said(out, &offer, &line)
        }
        Some(UpdateVerb::Read { wait }) => {
            let started = client.post(&at("read"), None).await?;
            begun(client, out, &started, "Reading the stick", *wait).await
        }
        Some(UpdateVerb::Choose(args)) => {
            let body = json!({ "version": args.version, "restart": args.restart });
            let updates = client.get(&PATH, &[]).await?;
            let started = client.post(&at("choose"), Some(&body)).await?;
            let what = format!("{} starts from now on{}", args.version, older_state(&updates, &args.version));
            begun(client, out, &started, &what, args.wait).await
        }
        Some(UpdateVerb::Lift { version }) => {
            client.post(&at("lift"), Some(&json!({ "version": version }))).await?;
            said(out, &Value::Null, &format!("{version} may be tried again."))
        }
        Some(UpdateVerb::Keep { version }) => {
            let answered = client.post(&at("answer"), Some(&json!({ "version": version, "answer": "keep" }))).await?;
            said(out, &answered, &format!("{version} is kept."))
        }
        Some(UpdateVerb::Leave { version, wait }) => {
            let started = client.post(&at("answer"), Some(&json!({ "version": version, "answer": "go-back" }))).await?;
            begun(client, out, &started, &format!("Going back from {version}; the box restarts"), *wait).await
        }
        Some(UpdateVerb::Set(args)) => {
            let settings = client.patch(&at("settings"), &change(args)).await?;
            said(out, &settings, "Saved.")
        }
    }
}

/// From when the database of a version is, where it is an older one.
fn older_state(updates: &Value, version: &str) -> String {
    let found = list(updates, "/older_states").iter().find(|state| text(state, "/version") == version);
    found.map_or_else(String::new, |state| format!(", with what it knew until {}", text(state, "/until")))
}

fn said(out: &mut Output, value: &Value, line: &str) -> Result<Exit, Failure> {
    if out.is_json() {
        out.json(value)?;
    } else {
        out.line(line)?;
    }
    Ok(Exit::Done)
}

fn change(args: &SetArgs) -> Value {
    let channel = args.channel.map(|channel| match channel {
        Channel::Stable => "stable",
        Channel::Testing => "testing",
    });
    let policy = args.policy.map(|policy| match policy {
        Policy::ByHand => "by-hand",
        Policy::Download => "download",
        Policy::Automatic => "automatic",
    });
    let members = [
        ("source", args.source.as_ref().map(|source| json!(source))),
        ("channel", channel.map(Into::into)),
        ("policy", policy.map(Into::into)),
        ("window_from", args.from.map(Into::into)),
        ("window_until", args.until.map(Into::into)),
        ("hold", args.hold.map(|hold| json!(hold == OnOff::On))),
        ("return_by_itself", args.return_by_itself.map(|on| json!(on == OnOff::On))),
        ("answer_minutes", args.answer_within.map(Into::into)),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

async fn show(client: &Client, out: &mut Output) -> Result<Exit, Failure> {
    let updates = client.get(&PATH, &[]).await?;
    if out.is_json() {
        out.json(&updates)?;
        return Ok(Exit::Done);
    }
    if !yes(&updates, "/available") {
        out.line(&text(&updates, "/reason"))?;
        return Ok(Exit::Done);
    }
    let source = text(&updates, "/settings/source");
    let source = if source.is_empty() { text(&updates, "/built_in_source") } else { source };
    out.pairs(&[
        ("Runs", text(&updates, "/running")),
        ("Chosen", text(&updates, "/chosen")),
        ("Begins with the next restart", text(&updates, "/waiting")),
        ("Offered", text(&updates, "/offer/version")),
        ("Looked", ago(&updates, "/checked_at", Timestamp::now())),
        ("That failed", text(&updates, "/check_problem/title")),
        ("Source", if source.is_empty() { "none".to_owned() } else { source }),
        ("Channel", text(&updates, "/settings/channel")),
        ("Policy", text(&updates, "/settings/policy")),
        ("Hold", if yes(&updates, "/settings/hold") { "on".to_owned() } else { String::new() }),
        ("Job", text(&updates, "/job")),
    ])?;
    let row = |found: &Value| {
        let tries = text(found, "/tries_left");
        let state = match (yes(found, "/running"), yes(found, "/blessed")) {
            (true, true) => "runs".to_owned(),
            (true, false) => "runs, on trial".to_owned(),
            (false, true) => "good".to_owned(),
            (false, false) => format!("{tries} tries left"),
        };
        let version = text(found, "/version");
        let state = format!("{state}{}", older_state(&updates, &version));
        vec![version, text(found, "/slot"), state]
    };
    let rows: Vec<_> = list(&updates, "/installed").iter().map(row).collect();
    out.table(&["version", "slot", "state"], &rows, "Nobody tells what is installed.")?;
    proving(out, &updates)?;
    for back in list(&updates, "/returned") {
        let lifted = if yes(back, "/lifted") { " It may be tried again." } else { "" };
        out.line(&format!("{} came back: {}{lifted}", text(back, "/version"), text(back, "/reason/title")))?;
    }
    for other in list(&updates, "/passed_over") {
        out.line(&format!("{} is not offered: {}", text(other, "/version"), text(other, "/why")))?;
    }
    Ok(Exit::Done)
}

/// What is to be decided about an update, if anything is.
fn proving(out: &mut Output, updates: &Value) -> Result<(), Failure> {
    let (version, before) = (text(updates, "/proving/version"), text(updates, "/proving/before"));
    match text(updates, "/proving/state").as_str() {
        "watching" => {
            return out.line(&format!("Whether every app comes up on {version} as it was is being looked at."));
        }
        "returning" => return out.line(&format!("The box goes back to {before}.")),
        "asking" => {}
        _ => return Ok(()),
    }
    out.line(&format!("Since the update to {version} these apps are not healthy:"))?;
    for app in list(updates, "/proving/apps") {
        out.line(&format!("  {}: {}", text(app, "/name"), text(app, "/said")))?;
    }
    out.line(&format!("Keep it with «orbitr box update keep {version}»."))?;
    if yes(updates, "/proving/may_go_back") {
        out.line(&format!("Go back to {before} with «orbitr box update leave {version}»."))?;
    }
    let ends = text(updates, "/proving/ends_at");
    if !ends.is_empty() {
        let when =
            ends.parse::<Timestamp>().ok().map(|ends| ends.duration_since(Timestamp::now()).as_secs().max(0) / 60);
        out.line(&format!("Without an answer it goes back by itself in {} min.", when.unwrap_or_default()))?;
    }
    Ok(())
}
