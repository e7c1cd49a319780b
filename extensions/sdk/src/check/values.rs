//! Single values with rules that their type does not carry.

use super::Checker;
use crate::{
    cron::Cron,
    nearest::suggest,
    secret::length_rule,
    sections::{ResultKind, TimeSpan},
};

/// The format's version.
const SCHEMA: u32 = 1;
/// Characters of a summary; more does not fit a card of the store.
const SUMMARY_CHARS: usize = 80;
/// Characters of a name.
const NAME_CHARS: usize = 60;
/// Between two runs by the clock, at least.
const SHORTEST_TIME: TimeSpan = TimeSpan::from_secs(60);
/// And at most.
const LONGEST_TIME: TimeSpan = TimeSpan::from_secs(366 * 24 * 3600);

pub(super) fn check(checker: &mut Checker<'_>) {
    let x = checker.x;
    if x.schema != SCHEMA {
        checker.error("schema", format!("this box reads format {SCHEMA}, not {}", x.schema));
    }
    if x.version.trim().is_empty() {
        checker.error("version", "it is empty");
    }
    if x.revision == 0 {
        checker.error("revision", "revisions count from 1");
    }
    if x.arch.is_empty() {
        checker.error("arch", "it is empty; write amd64, arm64 or both");
    }
    meta(checker);
    let memory = &x.resources.memory;
    if memory.recommended.is_some_and(|recommended| recommended < memory.min) {
        checker.error("resources.memory.recommended", "it is less than min");
    }
    for (name, secret) in &x.secrets {
        if let Err(rule) = length_rule(secret.kind, secret.length) {
            checker.error(&format!("secrets.{name}.length"), rule);
        }
    }
    jobs(checker);
    for (index, permission) in x.permissions.iter().enumerate() {
        if x.permissions.iter().take(index).any(|earlier| earlier.grant == permission.grant) {
            checker.error(&format!("permissions.{index}"), format!("«{}» stands here a second time", permission.grant));
        }
    }
    if let Some(upgrade) = &x.upgrade {
        for (index, migration) in upgrade.volumes_migrate.iter().enumerate() {
            let ways = [migration.rename.is_some(), migration.moved.is_some(), migration.chown.is_some()];
            if ways.iter().filter(|way| **way).count() != 1 {
                checker.error(&format!("upgrade.volumes_migrate.{index}"), "write one of rename, move and chown");
            }
        }
    }
}

/// What the clock does: actions that need no answer.
fn jobs(checker: &mut Checker<'_>) {
    let x = checker.x;
    for (name, job) in &x.jobs {
        if job.cron.is_some() == job.every.is_some() {
            checker.error(&format!("jobs.{name}"), "write one of cron and every");
        }
        if let Some(Err(problem)) = job.cron.as_ref().map(|cron| cron.parse::<Cron>()) {
            checker.error(&format!("jobs.{name}.cron"), problem.to_string());
        }
        if job.every.is_some_and(|every| every < SHORTEST_TIME || every > LONGEST_TIME) {
            checker.error(&format!("jobs.{name}.every"), "write a time from 1m to 366d");
        }
        let path = format!("jobs.{name}.action");
        let Some(action) = x.actions.get(&job.action) else {
            let known: Vec<&str> = x.actions.keys().map(|name| name.as_str()).collect();
            let message = format!("there is no action «{}»", job.action);
            checker.error_with(&path, message, suggest(job.action.as_str(), &known, "action"));
            continue;
        };
        if let Some((input, _)) = action.inputs.iter().find(|(_, input)| input.must_be_answered()) {
            let hint = Some(format!("give «{input}» a default"));
            checker.error_with(&path, "it asks for an answer, and nobody is there to give it", hint);
        }
        if action.result != ResultKind::Text {
            checker.error(&path, "nobody is there to look at what it gives");
        }
    }
}

fn meta(checker: &mut Checker<'_>) {
    let meta = &checker.x.meta;
    let length = meta.summary.chars().count();
    if length == 0 || length > SUMMARY_CHARS {
        checker.error("meta.summary", format!("it has {length} characters; write 1 to {SUMMARY_CHARS}"));
    }
    let length = meta.name.chars().count();
    if length == 0 || length > NAME_CHARS {
        checker.error("meta.name", format!("it has {length} characters; write 1 to {NAME_CHARS}"));
    }
    let spdx = |c: char| c.is_ascii_alphanumeric() || " .+()-".contains(c);
    if meta.license.is_empty() || !meta.license.chars().all(spdx) {
        let hint = Some("for example MIT, or Apache-2.0 OR MIT".to_owned());
        checker.error_with("meta.license", format!("«{}» is not an SPDX expression", meta.license), hint);
    }
    if !meta.icon.as_str().ends_with(".svg") {
        checker.error("meta.icon", "it is not an SVG file");
    }
}
