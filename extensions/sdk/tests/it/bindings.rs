//! What is required and what is provided.

use orbitr_sdk::{BindingChoice, Bindings, Manifest};

use crate::fixture::{errors, parse, with};

const REQUIRES: &str = "  requires:\n    db: {capability: postgres, version: \">=14 <18\"}\n  secrets:\n";

fn requiring(more: &str) -> String {
    let text = with("  secrets:\n", &REQUIRES.replace("\"}", &format!("\"{more}}}")));
    text.replace("      GREETING: ${INPUT_GREETING}", "      GREETING: ${INPUT_GREETING}\n      DB: ${BIND_DB_URL}")
}

fn require(manifest: &Manifest) -> &orbitr_sdk::Require {
    manifest.requires().values().next().unwrap()
}

#[test]
fn a_requirement_has_the_fields_of_its_contract_and_no_others() {
    let manifest = parse(&requiring(""));
    assert_eq!(manifest.services_that_use("db"), ["web"]);
    assert!(manifest.check_supported().is_ok());
    let text = requiring("").replace("BIND_DB_URL", "BIND_DB_COLOUR");
    insta::assert_snapshot!(errors(&text), @"extension.yaml:6:11: services.web.environment.DB: nothing declares ${BIND_DB_COLOUR}; known: BIND_DB_HOST, BIND_DB_PORT, BIND_DB_NAME, BIND_DB_USER, BIND_DB_PASSWORD, BIND_DB_URL");
    let text = requiring("").replace("capability: postgres", "capability: postgrse");
    insta::assert_snapshot!(errors(&text), @"extension.yaml:31:10: requires.db.capability: nobody knows what this hands over; did you mean «postgres»?");
}

#[test]
fn what_is_bundled_is_a_choice_and_whole() {
    insta::assert_snapshot!(errors(&requiring(", choices: [managed, bundled]")), @"extension.yaml:31:53: requires.db.choices: nothing is bundled; write it under bundled");
    insta::assert_snapshot!(errors(&requiring(", choices: [managed], default: external")), @"extension.yaml:31:73: requires.db.default: it is not one of the choices");
}

#[test]
fn the_usual_choice_comes_first_and_versions_must_fit() {
    let manifest = parse(&requiring(", default: external"));
    assert_eq!(require(&manifest).choices()[0], BindingChoice::External);
    assert!(require(&manifest).fits("17.9") && !require(&manifest).fits("18.1"));
    assert!(manifest.profiles(&Bindings::from([("db".to_owned(), BindingChoice::Bundled)])).is_empty());
}

#[test]
fn a_provider_says_all_of_its_contract_and_no_password_in_a_command() {
    let provides = |values: &str, run: &str| {
        let text = format!(
            "  provides:\n    db:\n      capability: postgres\n      values: {{{values}}}\n      provision:\n        create: {{service: web, run: [{run}]}}\n        drop: {{service: web, run: [drop]}}\n  secrets:\n"
        );
        with("  secrets:\n", &text)
    };
    let all = "name: \"${GRANT_NAME}\", user: \"${GRANT_USER}\", password: \"${GRANT_PASSWORD}\"";
    let manifest = parse(&provides(all, "create, \"${GRANT_NAME}\""));
    let filled = manifest.provides()["db"].provision.as_ref().unwrap().create.filled(&|_| Some("a b".to_owned()));
    assert_eq!(filled.run, ["create", "a b"]);
    insta::assert_snapshot!(errors(&provides("name: x, colour: red", "create")), @r"
    extension.yaml:32:7: provides.db.values: password is missing
    extension.yaml:32:7: provides.db.values: user is missing
    extension.yaml:32:25: provides.db.values.colour: the contract has no such field; known fields: port, name, user, password, url
    ");
    insta::assert_snapshot!(errors(&provides(all, "create, \"${GRANT_PASSWORD}\"")), @"extension.yaml:34:46: provides.db.provision.create.run.1: a secret is no word of a command; hand it over under env; other processes can read a command's words");
}
