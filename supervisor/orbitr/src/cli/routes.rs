//! `orbitr routes`: the table that the router itself is made from, as JSON.

use std::process::ExitCode;

use orbitr_access::gate::RouteInfo;
use serde_json::{Value, json};

use super::{failure::Exit, output::Output};

/// Prints it; needs neither a state directory nor a running supervisor.
pub(super) fn print() -> ExitCode {
    let all = orbitr_api::table(env!("CARGO_PKG_VERSION")).into_iter().chain(orbitr_web::table());
    let table: Vec<Value> = all.map(|route| line(&route)).collect();
    let mut out = Output::new(true);
    match out.json(&Value::from(table)).and_then(|()| out.finish()) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => failure.tell(&out),
    }
}

fn line(route: &RouteInfo) -> Value {
    json!({
        "method": route.method.as_str(),
        "path": route.path,
        "action": route.action,
        "level": route.level,
        "resource_kind": route.resource_kind,
        "person_only": route.person_only,
        "with_one_time_password": route.with_one_time_password,
        "public_reason": route.public_reason,
    })
}
