//! A log of an app tells one of its secrets.

use orbitr_apps::{AppView, Leak, Rotation};

use super::{Findings, Found};
use crate::{
    facts::Facts,
    model::{Fix, Kind, Severity},
};

pub(super) fn look(facts: &Facts, out: &mut Findings) {
    for app in facts.installed() {
        let told: Vec<&Leak> = facts.leaks.iter().filter(|leak| leak.app == app.id).collect();
        if let Some(last) = told.iter().max_by_key(|leak| leak.seen) {
            out.found.push(found(app, &told, last));
        }
    }
}

fn found(app: &AppView, told: &[&Leak], last: &Leak) -> Found {
    let helps = match last.way {
        Rotation::Rotate => "Have the box make another one: the app starts again with it.",
        Rotation::AtProvider => {
            "Have the box change it: at the app that it is for, and here. The app starts again with it."
        }
        Rotation::Settings => "Choose another one in the app's settings.",
        Rotation::InTheApp => "Change it in the app itself, then dismiss this.",
        Rotation::Never => {
            "This app keeps it for as long as it is installed, so it cannot be changed. Think about who may read its logs, \
             then dismiss this."
        }
    };
    let names: Vec<&str> = told.iter().map(|leak| leak.name.as_str()).collect();
    let mut found =
        Found::of(Kind::SecretInLog, app, Severity::Warning, format!("{} has written a secret into its log", app.name))
            .explained(format!("Whoever may read the log of the app, or gets a copy of it, knows the secret. {helps}"))
            .shown_by("Secret", names.join(", "))
            .shown_by("Service", last.service.as_str())
            .shown_by("Written", last.seen.strftime("%Y-%m-%d %H:%M UTC").to_string())
            .since(last.seen);
    let id = || app.id.clone();
    let rotated = told.iter().filter(|leak| leak.way == Rotation::Rotate);
    // While a job is at the app, nothing else can be asked of it.
    if app.job.is_none() {
        found = found.fixes(rotated.take(1).map(|leak| Fix::RotateSecret { app: id(), secret: leak.name.clone() }));
        let elsewhere = told.iter().filter(|leak| leak.way == Rotation::AtProvider);
        found =
            found.fixes(elsewhere.take(1).map(|leak| Fix::RotatePassword { app: id(), binding: leak.name.clone() }));
    }
    if told.iter().any(|leak| leak.way == Rotation::Settings) {
        found = found.fix(Fix::OpenSettings { app: id() });
    }
    found.fix(Fix::OpenLogs { app: id() })
}
