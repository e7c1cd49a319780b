//! When something is badly wrong: safe mode, and erasing everything. The supervisor does both; a factory reset must also
//! work where it cannot, so root is then asked from here (overlays/image/README.md).

use std::time::Duration;

use orbitr_console::Came;
use orbitr_model::{Act, DataFacts, FactoryResetRequest, JobId, PartUuid, Problem};
use serde_json::{Value, json};

use super::{
    local,
    work::{Works, absent, problem},
};
use crate::cli::failure::Failure;

/// How long the act may take: as its unit says, and a little more.
const ACT: Duration = Duration::from_secs(130);

pub(super) async fn safe_mode(works: &Works, on: bool) -> Result<Came, Problem> {
    let now = works.client().put(&["box", "safe-mode"], &json!({ "on": on })).await.map_err(problem)?;
    let title = if on { "Safe mode is on: apps stay stopped" } else { "Safe mode is off" };
    let jobs = now.pointer("/jobs").and_then(Value::as_array).cloned().unwrap_or_default();
    for job in jobs {
        works.job(&json!({ "job": job }), title.to_owned()).await?;
    }
    Ok(Came::Done { title: title.to_owned(), lines: Vec::new() })
}

/// Whether the supervisor cannot be asked: it is away, has no database, or nobody owns the box.
fn without_supervisor(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable { .. } => true,
        Failure::Problem(why) => absent(why),
        _ => false,
    }
}

/// As `GET /box/factory-reset` would say it.
pub(super) async fn look(works: &Works) -> Result<Value, Problem> {
    match works.client().get(&["box", "factory-reset"], &[]).await {
        Ok(reset) => Ok(reset),
        Err(failure) if without_supervisor(&failure) => look_here(works).await,
        Err(failure) => Err(problem(failure)),
    }
}

async fn look_here(works: &Works) -> Result<Value, Problem> {
    let no = |why: &str| Ok(json!({ "available": false, "reason": why }));
    if let Err(why) = which(&works.acts().facts()) {
        return no(why);
    }
    let Some(serial) = works.acts().machine_serial().await? else {
        return no("This machine has neither a serial number nor an id, so nothing can be typed that names it.");
    };
    // Without logind nothing holds a shutdown back.
    let mut reset = local::held(works.bus()).await.unwrap_or_else(|_| json!({}));
    if let Some(members) = reset.as_object_mut() {
        members.extend([("available".to_owned(), json!(true)), ("serial".to_owned(), json!(serial))]);
    }
    Ok(reset)
}

/// Which data partition is to be erased: the box's own, else the only one that there is. None of it is for a box that does
/// not know which of several is meant.
fn which(facts: &DataFacts) -> Result<Option<PartUuid>, &'static str> {
    match (facts.recorded, &facts.candidates[..]) {
        (Some(_), _) => Ok(None),
        (None, [only]) => Ok(Some(only.partuuid)),
        (None, []) => Err("This box has no data partition: there is nothing to erase."),
        (None, _) => Err(
            "There are several data partitions, and none is this box's yet. Choose one in the browser, or unplug the other disks.",
        ),
    }
}

pub(super) async fn factory_reset(works: &Works, serial: String, wait: bool) -> Result<Came, Problem> {
    let title = "The box restarts and erases itself".to_owned();
    let body = json!({ "serial": serial, "wait": wait });
    // Whether the supervisor can do it is asked first: one without a database refuses a request for other reasons.
    match works.client().get(&["box", "factory-reset"], &[]).await {
        Ok(_) => {
            let started = works.client().post(&["box", "factory-reset"], Some(&body)).await.map_err(problem)?;
            works.job(&started, title).await
        }
        Err(failure) if without_supervisor(&failure) => {
            let partuuid = which(&works.acts().facts()).map_err(|why| Problem::new(409, "nothing-to-reset", why))?;
            let id = JobId::new().to_string();
            let request = FactoryResetRequest { version: 1, id: id.clone(), serial, partuuid };
            works.acts().perform(Act::FactoryReset, &id, &request, ACT).await?;
            Ok(Came::Done { title, lines: Vec::new() })
        }
        Err(failure) => Err(problem(failure)),
    }
}
