//! Jobs: list, one, its log, cancel; and waiting for one.

use std::time::Duration;

use clap::Subcommand;
use orbitr_model::{Problem, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    args::JobsArgs,
    client::Client,
    failure::{Exit, Failure, in_lines},
    output::{Output, actor, list as items, text},
    time::ago,
};

/// How often a job is looked at.
const LOOK: Duration = Duration::from_millis(400);
/// How long a supervisor that went away may take to come back: a restart resumes the job.
const AWAY: Duration = Duration::from_secs(60);

/// What can be asked about a job.
#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    /// A job with its steps
    Show {
        /// The job's id
        id: String,
    },
    /// A job's log
    Log {
        /// The job's id
        id: String,
        /// Go on until the job has ended
        #[arg(long, short)]
        follow: bool,
    },
    /// Cancel a job; what it did is undone
    Cancel {
        /// The job's id
        id: String,
    },
}

pub(super) async fn list(client: &Client, out: &mut Output, args: &JobsArgs) -> Result<Exit, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.active.then(|| ("active", "true".to_owned())));
    query.extend(args.app.clone().map(|app| ("app", app)));
    let page = client.get(&["jobs"], &query).await?;
    if out.is_json() {
        out.json(&page)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let rows: Vec<_> = items(&page, "/items")
        .iter()
        .map(|job| {
            vec![
                text(job, "/id"),
                text(job, "/state"),
                text(job, "/title"),
                actor(job, "/actor"),
                ago(job, "/queued", now),
                text(job, "/message"),
            ]
        })
        .collect();
    out.table(&["id", "state", "what", "who", "when", "now"], &rows, "There are no jobs.")?;
    if page.pointer("/next").is_some_and(Value::is_string) {
        out.line("There are more; --limit shows up to 200.")?;
    }
    Ok(Exit::Done)
}

pub(super) async fn show(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let job = client.get(&["jobs", id], &[]).await?;
    if out.is_json() {
        out.json(&job)?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    out.pairs(&[
        ("Job", text(&job, "/id")),
        ("What", text(&job, "/title")),
        ("State", text(&job, "/state")),
        ("App", text(&job, "/app")),
        ("By", actor(&job, "/actor")),
        ("Queued", ago(&job, "/queued", now)),
        ("Started", ago(&job, "/started", now)),
        ("Ended", ago(&job, "/ended", now)),
        ("Now", text(&job, "/message")),
    ])?;
    for step in items(&job, "/steps") {
        out.line(&format!("  {:<8} {}", text(step, "/state"), text(step, "/title")))?;
    }
    if let Some(problem) = problem(&job) {
        for line in in_lines(&problem).lines() {
            out.line(line)?;
        }
    }
    Ok(Exit::Done)
}

fn problem(job: &Value) -> Option<Problem> {
    job.pointer("/problem").and_then(|problem| serde_json::from_value(problem.clone()).ok())
}

pub(super) async fn log(client: &Client, out: &mut Output, id: &str, follow: bool) -> Result<Exit, Failure> {
    let mut log = Log { client, id, from: 0 };
    loop {
        let ended = log.print(out).await?;
        if ended == Part::Last || (!follow && ended == Part::Caught) {
            return Ok(Exit::Done);
        }
        if ended == Part::Caught {
            out.flush()?;
            sleep(LOOK).await;
        }
    }
}

pub(super) async fn cancel(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    client.post(&["jobs", id, "cancel"], None).await?;
    if out.is_json() {
        let job = client.get(&["jobs", id], &[]).await?;
        out.json(&job)?;
    } else {
        out.line("It is being cancelled; what it did is undone.")?;
    }
    Ok(Exit::Done)
}

/// Where reading of a log is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// There is more at once.
    More,
    /// All of it so far is read.
    Caught,
    /// Nothing will come any more.
    Last,
}

/// A job's log, part by part.
struct Log<'a> {
    client: &'a Client,
    id: &'a str,
    from: u64,
}

impl Log<'_> {
    async fn print(&mut self, out: &mut Output) -> Result<Part, Failure> {
        let part = self.client.get(&["jobs", self.id, "log"], &[("from", self.from.to_string())]).await?;
        if out.is_json() {
            out.json_line(&part)?;
        } else {
            for line in text(&part, "/text").lines() {
                out.foreign(line)?;
            }
        }
        let next = part.pointer("/next").and_then(Value::as_u64).unwrap_or(self.from);
        let moved = next > self.from;
        self.from = next;
        Ok(match part.pointer("/ended").and_then(Value::as_bool) {
            Some(true) => Part::Last,
            _ if moved => Part::More,
            _ => Part::Caught,
        })
    }
}

/// Says that a job was started; with `wait`, follows it and ends as it does.
pub(super) async fn started(client: &Client, out: &mut Output, started: &Value, wait: bool) -> Result<Exit, Failure> {
    let id = text(started, "/job");
    if wait {
        return follow(client, out, &id).await;
    }
    if out.is_json() {
        out.json(started)?;
    } else {
        out.line(&format!("App {}: job {id} is on its way.", text(started, "/app")))?;
        out.line(&format!("  orbitr job log -f {id}"))?;
    }
    Ok(Exit::Done)
}

/// Prints the log as it grows, then how the job ended. In JSON, only the job as it ended. A supervisor that
/// is started anew meanwhile goes on with the job, and so does this.
pub(super) async fn follow(client: &Client, out: &mut Output, id: &str) -> Result<Exit, Failure> {
    let mut log = Log { client, id, from: 0 };
    let mut last_seen = Instant::now();
    let job = loop {
        match look(client, out, &mut log, id).await {
            Ok(Some(job)) => break job,
            Ok(None) => last_seen = Instant::now(),
            Err(Failure::Unreachable { .. }) if last_seen.elapsed() < AWAY => {}
            Err(failure) => return Err(failure),
        }
        out.flush()?;
        sleep(LOOK).await;
    };
    let done = text(&job, "/state") == "succeeded";
    if out.is_json() {
        out.json(&job)?;
    } else if done {
        out.line(&format!("Done: {}", text(&job, "/title")))?;
    } else {
        out.line(&format!("{}: {}", text(&job, "/title"), text(&job, "/state")))?;
        if let Some(problem) = problem(&job) {
            return Err(Failure::Job(in_lines(&problem)));
        }
    }
    Ok(if done { Exit::Done } else { Exit::Failed })
}

/// One look at a job: what is new in its log, and the job if it has ended.
async fn look(client: &Client, out: &mut Output, log: &mut Log<'_>, id: &str) -> Result<Option<Value>, Failure> {
    let job = client.get(&["jobs", id], &[]).await?;
    let ended = ["succeeded", "failed", "cancelled"].contains(&text(&job, "/state").as_str());
    if !out.is_json() {
        loop {
            match log.print(out).await? {
                Part::More => {}
                Part::Last => break,
                // The last lines come after the last row.
                Part::Caught if ended => return Ok(None),
                Part::Caught => break,
            }
        }
    }
    Ok(ended.then_some(job))
}
