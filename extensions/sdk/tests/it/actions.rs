//! What an action asks and runs, what the clock runs, and what people are told on the way to another version.

use std::collections::BTreeMap;

use orbitr_sdk::{Arch, Bindings, Cron, Manifest, NoticeLevel, ResolveContext, Resolved, system_random};
use serde_json::{Value, json};

use crate::{
    fixture::{errors, lints, parse, shown, with},
    variables::env,
};

/// The small manifest with one more part of its block.
fn and(part: &str) -> String {
    with("  tests: {}", &format!("{part}  tests: {{}}"))
}

const RESET: &str = "  actions:
    reset:
      label: Reset the password
      service: web
      inputs:
        name: {type: string, label: Name, default: root}
        password: {type: password, label: Password, generate: {length: 20}}
      run: [app, reset, \"--user=${ACTION_NAME}\", \"$${INPUT_GREETING}\", \"$HOME\", \"${APP_ID}\"]
      env: {NEW: \"${ACTION_PASSWORD}\", OLD: \"${SECRET_KEY}\"}
";

fn answered(manifest: &Manifest, given: &[(&str, Value)]) -> Result<Resolved, String> {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut cx = ResolveContext {
        arch: Arch::Amd64,
        timezone: "UTC",
        locale: "en",
        bindings: &Bindings::new(),
        is_timezone: &|_| true,
        pick_port: &mut |_| None,
        random: &mut system_random,
    };
    let action = manifest.action("reset").unwrap();
    action.resolve(&given, &mut cx).map_err(|wrong| {
        wrong.iter().map(|one| format!("{}: {}", one.field, one.message)).collect::<Vec<_>>().join("; ")
    })
}

#[test]
fn an_action_gets_its_answers_and_the_apps_values_and_a_doubled_dollar_is_one() {
    let manifest = parse(&and(RESET));
    assert_eq!(manifest.check_supported(), Ok(()));
    let answers = answered(&manifest, &[("password", json!("${APP_ID}-long"))]).unwrap();
    let secrets = BTreeMap::from([("key".to_owned(), orbitr_sdk::SecretText::new("k3y".to_owned()))]);
    let app = env(&manifest, &crate::fixture::answer(&manifest, &[]).unwrap(), &secrets);
    let command = manifest.action("reset").unwrap().command(&answers, app.as_map());
    assert_eq!(command.run, ["app", "reset", "--user=root", "${INPUT_GREETING}", "$HOME", "hello-2"]);
    assert_eq!(command.env["NEW"], "${APP_ID}-long", "an answer is not read again");
    assert_eq!(command.env["OLD"], "k3y");
    assert!(!format!("{command:?}").contains("k3y"));

    let generated = answered(&manifest, &[("password", json!(""))]).unwrap().secret();
    assert_eq!(generated["password"].expose().len(), 20);
    assert_eq!(
        answered(&manifest, &[("password", json!("short"))]).unwrap_err(),
        "inputs.password: write at least 8 characters"
    );
    assert_eq!(answered(&manifest, &[("nobody", json!("x"))]).unwrap_err(), "inputs.nobody: there is no such input");
}

#[test]
fn no_secret_stands_in_an_actions_arguments() {
    for variable in ["${ACTION_PASSWORD}", "${SECRET_KEY}"] {
        let text = and(RESET).replace("${APP_ID}\"]", &format!("{variable}\"]"));
        assert!(lints(&text).contains("actions.reset.run: a secret stands in a process's arguments"), "{variable}");
    }
    assert!(!lints(&and(RESET)).contains("actions.reset"));
}

#[test]
fn what_nobody_replaces_is_refused_in_every_command_of_an_upgrade() {
    let hook = "{service: web, run: [a, \"RUN\"], env: {B: \"ENV\"}}";
    for (run, value, part) in [("${APP_ID}", "b", "run"), ("a", "${SECRET_KEY}", "env")] {
        let hook = hook.replace("RUN", run).replace("ENV", value);
        let upgrade = format!("  upgrade: {{from: \">=1\", pre: [{hook}], post: [{hook}], settled: {hook}}}\n");
        let found = shown(&parse(&and(&upgrade)).check_supported().unwrap_err());
        let named: Vec<_> = found.lines().filter_map(|line| line.split("not supported yet: ").nth(1)).collect();
        let wanted = ["pre.0", "post.0", "settled"].map(|command| format!("upgrade.{command}.{part}"));
        assert_eq!(named, wanted, "{found}");
    }
}

#[test]
fn the_clock_runs_actions_that_need_nobody() {
    let action = "  actions:\n    sweep: {label: Sweep, service: web, run: [sweep]}\n";
    let job = |job: &str| errors(&and(&format!("{action}  jobs:\n    nightly: {{{job}}}\n")));
    assert_eq!(job("cron: \"30 4 * * *\", action: sweep"), "nothing is wrong");
    assert_eq!(job("every: 5m, action: sweep"), "nothing is wrong");
    for (text, wrong) in [
        ("action: sweep", "write one of cron and every"),
        ("cron: \"30 4 * * *\", every: 5m, action: sweep", "write one of cron and every"),
        ("cron: \"61 4 * * *\", action: sweep", "«61» is no minute"),
        ("every: 10s, action: sweep", "write a time from 1m to 366d"),
        ("every: 5m, action: swep", "there is no action «swep»"),
    ] {
        assert!(job(text).contains(wrong), "{text}: {}", job(text));
    }
    let asks = and(&format!("{RESET}  jobs:\n    nightly: {{every: 5m, action: reset}}\n"));
    assert_eq!(errors(&asks), "nothing is wrong", "everything that it asks has an answer");
    let asks = asks.replace("label: Name, default: root", "label: Name");
    assert!(errors(&asks).contains("it asks for an answer, and nobody is there to give it"), "{}", errors(&asks));
}

#[test]
fn five_cron_fields_and_nothing_else() {
    for text in ["* * * * *", "0 0 29 2 *", "*/5 1-5,22 1,15 jan-mar mon", "0 0 * * 7", "0 0 31 4,5 *"] {
        assert!(text.parse::<Cron>().is_ok(), "{text}");
    }
    for text in [
        "",
        "* * * *",
        "* * * * * *",
        "@daily",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "-1 * * * *",
        "1,, * * * *",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "+1 * * * *",
    ] {
        assert!(text.parse::<Cron>().is_err(), "{text}");
    }
    let sundays: Cron = "0 0 * * 7".parse().unwrap();
    assert!(sundays.on(1, 1, 0) && !sundays.on(1, 1, 6));
}

#[test]
fn people_are_told_what_lies_between_the_versions() {
    let notice = |at: &str, level: &str| format!("{{at: \"{at}\", level: {level}, text: notices/{at}.md}}");
    let notices = ["1.2.3", "1.2.4", "1.1", "0.9"].map(|at| notice(at, if at == "1.1" { "breaking" } else { "info" }));
    let upgrade = format!(
        "  upgrade: {{from: \">=0.1\", path: listed, hold: [\"1.0\"], steps: [{{version: \"1.0\", images: {{web: \"a/b:1\"}}, \
         notice: notices/step.md}}], notices: [{}]}}\n",
        notices.join(", ")
    );
    let manifest = parse(&and(&upgrade));
    assert_eq!(manifest.check_supported(), Ok(()));
    let told = |from: &str| manifest.told_from(from).iter().map(|told| told.at.to_owned()).collect::<Vec<_>>();
    assert_eq!(told("0.8"), ["0.9", "1.0", "1.1", "1.2.3"]);
    assert_eq!(told("1.1"), ["1.2.3"]);
    assert_eq!(told("1.2.3"), Vec::<String>::new(), "another revision of the same version tells nothing");
    assert_eq!(manifest.told_from("1.0").first().map(|told| told.level), Some(NoticeLevel::Breaking));
    assert_eq!((manifest.held_from("0.9"), manifest.held_from("1.0")), (Some("1.0"), None));
}

#[test]
fn a_permission_that_a_compose_file_shows_can_be_run() {
    let permission = |text: &str| {
        let text = and(&format!("  permissions: [{{{text}}}]\n"));
        parse(&text).check_supported().err().map_or_else(String::new, |found| shown(&found))
    };
    assert_eq!(permission("grant: host_network, reason: why"), "");
    assert!(permission("grant: docker_read, reason: why").contains("not supported yet: permissions.0.grant"));
    assert!(
        permission("grant: gpu, reason: why, optional: true").contains("not supported yet: permissions.0.optional")
    );
}
