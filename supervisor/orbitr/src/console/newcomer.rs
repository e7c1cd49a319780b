//! A box without its data: a stick that installs itself onto a disk, a new box that makes its data partition. The same
//! as in the browser, with the code that this screen shows.

use std::time::Duration;

use orbitr_console::{Came, Event, Facts, read_welcome};
use orbitr_model::Problem;
use serde_json::{Value, json};
use tokio::{fs, time::sleep};

use super::work::{Works, problem};
use crate::cli::failure::Failure;

/// How often an act that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a supervisor that starts again on its data may take to answer.
const AWAY: Duration = Duration::from_secs(90);

/// The code that the supervisor left for this screen.
async fn code(works: &Works) -> Result<String, Problem> {
    let mut facts = Facts::default();
    read_welcome(&mut facts, &fs::read_to_string(works.welcome()).await.unwrap_or_default());
    facts.code.map(|(_, code)| code).ok_or_else(|| {
        Problem::new(409, "no-code", "The supervisor has left no code for this screen")
            .then("Restart it from the menu.")
    })
}

async fn facts(works: &Works, code: &str) -> Result<Value, Failure> {
    works.client().near(&["setup", "facts"], code, None).await
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The disks, with what is on them.
pub(super) async fn targets(works: &Works) -> Result<Value, Problem> {
    let facts = facts(works, &code(works).await?).await.map_err(problem)?;
    if facts.pointer("/at_work").is_some_and(Value::is_object) {
        let part = facts.pointer("/at_work/fraction").and_then(Value::as_f64);
        let part = part.map(|part| format!(", {:.0} %", part * 100.0)).unwrap_or_default();
        return Err(Problem::new(409, "act-at-work", "Something is under way already")
            .why(format!("{}{part}.", text(&facts, "/at_work/step"))));
    }
    Ok(facts)
}

/// Installs, and waits until everything was read back.
pub(super) async fn install(works: &Works, disk: &str, serial: &str) -> Result<Came, Problem> {
    let code = code(works).await?;
    let body = json!({ "disk": disk, "serial": serial });
    works.client().near(&["setup", "install"], &code, Some(&body)).await.map_err(problem)?;
    loop {
        let facts = facts(works, &code).await.map_err(problem)?;
        if !under_way(works, &facts).await? {
            let to = text(&facts, "/installed/disk/device");
            let lines = vec![
                format!("Everything was written to {to} and read back."),
                String::new(),
                "Take the stick out now, then reboot from the menu.".to_owned(),
                "The box starts from its disk and shows its address and a new code here.".to_owned(),
            ];
            return Ok(Came::Done { title: "Installed".to_owned(), lines });
        }
        sleep(LOOK).await;
    }
}

/// Makes the data partition of a new box, and waits until the box answers on it.
pub(super) async fn make_data(works: &Works) -> Result<Came, Problem> {
    let code = code(works).await?;
    works.client().near(&["setup", "make-data"], &code, Some(&json!({}))).await.map_err(problem)?;
    let mut away = Duration::ZERO;
    loop {
        match facts(works, &code).await {
            Ok(facts) => {
                if !under_way(works, &facts).await? && text(&facts, "/data/state") != "open" {
                    return Err(Problem::new(502, "act-ended", "It ended before it was done")
                        .then("Look into the log, then try again."));
                }
            }
            // It answers with its rooms.
            Err(Failure::Problem(why)) if ["not-claimed", "page-not-found"].contains(&why.code.as_str()) => break,
            // It starts again on its data.
            Err(Failure::Unreachable { .. }) if away < AWAY => {}
            Err(failure) => return Err(problem(failure)),
        }
        away += LOOK;
        sleep(LOOK).await;
    }
    let lines = vec!["Open the page in a browser and type the code to claim the box.".to_owned()];
    Ok(Came::Done { title: "The data partition is made".to_owned(), lines })
}

/// Whether the act goes on; tells how far it is.
async fn under_way(works: &Works, facts: &Value) -> Result<bool, Problem> {
    if let Some(at_work) = facts.pointer("/at_work").filter(|report| report.is_object()) {
        let fraction = at_work.pointer("/fraction").and_then(Value::as_f64);
        let came = Came::Underway { message: text(at_work, "/step").to_owned(), fraction };
        // A menu that has ended needs no news; the act goes on all the same.
        let _ = works.tell(Event::Deed(came)).await;
        return Ok(true);
    }
    match facts.pointer("/problem").filter(|problem| problem.is_object()) {
        Some(failed) => Err(serde_json::from_value(failed.clone()).unwrap_or_else(|_| Problem::internal())),
        None => Ok(facts.pointer("/waiting").and_then(Value::as_bool) == Some(true)),
    }
}
