//! One diagnostic of each kind, as people read it.

use crate::fixture::{SMALL, errors, with};

#[test]
fn an_unknown_key_gets_the_nearest_known_one() {
    insta::assert_snapshot!(errors(&with("label: Greeting", "lable: Greeting")), @r"
    extension.yaml:28:30: unknown key «lable» in inputs.greeting, which is of type string; did you mean «label»?
    ");
    insta::assert_snapshot!(errors(&with("  revision: 1", "  revision: 1\n  colour: red")), @r"
    extension.yaml:16:3: unknown key «colour»; known keys: schema, id, version, revision, scheme, os, meta, arch, hardware, variants, resources, instances, services, inputs, secrets, requires, provides, implements, routes, ports, volumes, permissions, health, backup, upgrade, actions, jobs, first_run, metrics, logs, dashboard, i18n, docs, tests
    ");
    insta::assert_snapshot!(errors(&with("class: data", "class: data, ower: \"1:1\"")), @r"
    extension.yaml:33:33: unknown key «ower» in volumes.data; did you mean «owner»?
    ");
}

#[test]
fn a_key_of_another_type_is_unknown() {
    insta::assert_snapshot!(errors(&with("default: hello}", "default: hello, max: 3}")), @r"
    extension.yaml:28:63: unknown key «max» in inputs.greeting, which is of type string; known keys: default, pattern, message, min_length, max_length, label, help, group, advanced, required, example, when, on_change, secret, deprecated, type
    ");
}

#[test]
fn an_unknown_key_of_the_compose_part_is_told_too() {
    insta::assert_snapshot!(errors(&with("    volumes: [", "    volume: [")), @r"
    extension.yaml:8:5: unknown key «volume» in services.web; did you mean «volumes»?
    ");
    insta::assert_snapshot!(errors(&with("volumes: {data: {}}", "volumes: {data: {}}\nservice: {}")), @r"
    extension.yaml:11:1: unknown key «service»; did you mean «services»?
    ");
    insta::assert_snapshot!(errors(&with("{test: [CMD, \"true\"]}", "{tests: [CMD, \"true\"]}")), @r"
    extension.yaml:9:19: unknown key «tests» in services.web.healthcheck; did you mean «test»?
    ");
}

#[test]
fn a_double_key_is_an_error() {
    insta::assert_snapshot!(errors(&with("  revision: 1", "  revision: 1\n  revision: 2")), @r"
    extension.yaml:16:3: the key «revision» stands here a second time; keep one of them
    ");
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    insta::assert_snapshot!(errors(&with("version: \"1.2.3\"", "version: 1.2")), @r"
    extension.yaml:14:12: version: expected a text, found the number 1.2; put it in quotes
    ");
    insta::assert_snapshot!(errors(&with("arch: [amd64]", "arch: amd64")), @r"
    extension.yaml:24:9: arch: expected a list, found the text «amd64»
    ");
    insta::assert_snapshot!(errors(&with("preferred: 8080", "preferred: 80800")), @r"
    extension.yaml:32:48: ports.web.preferred: expected a whole number from 0 to 65535, found the number 80800
    ");
    insta::assert_snapshot!(errors(&with("min: 64Mi", "min: lots")), @r"
    extension.yaml:25:29: resources.memory.min: a size is a whole number with a unit such as 512Mi or 2Gi
    ");
    insta::assert_snapshot!(errors(&with("    greeting: {type: string, label: Greeting, default: hello}", "    greeting: [1]")), @r"
    extension.yaml:28:15: inputs.greeting: expected a map of keys
    ");
}

#[test]
fn a_word_that_is_no_choice_gets_the_choices() {
    insta::assert_snapshot!(errors(&with("class: data", "class: database2")), @r"
    extension.yaml:33:27: volumes.data.class: «database2» is not one of the choices; did you mean «database»?
    ");
    insta::assert_snapshot!(errors(&with("{type: string,", "{type: text_area,")), @r"
    extension.yaml:28:22: inputs.greeting.type: «text_area» is not one of the choices; known choices: string, text, password, secret, bool, int, float, size, duration, enum, multi, port, domain, url, email, ip, cidr, path, share, timezone, locale, cron, user, group, device, gpu, file, list, binding
    ");
}

#[test]
fn a_missing_key_is_named() {
    insta::assert_snapshot!(errors(&with("    summary: Says hello\n", "")), @"extension.yaml:18:5: the key «summary» is missing in meta");
    insta::assert_snapshot!(errors(&with("type: string, ", "")), @r"
    extension.yaml:28:15: the key «type» is missing in inputs.greeting
    ");
    insta::assert_snapshot!(errors(&with("label: Greeting, ", "")), @r"
    extension.yaml:28:5: the key «label» is missing in inputs.greeting
    ");
    insta::assert_snapshot!(errors("services: {a: {image: b}}\n"), @r"
    extension.yaml:1:1: the key «x-orbitr» is missing; a manifest is a Compose file with one x-orbitr block
    ");
}

#[test]
fn an_undeclared_variable_is_found_inside_its_text() {
    insta::assert_snapshot!(errors(&with("GREETING: ${INPUT_GREETING}", "GREETING: \"so: ${INPUT_GREETNG}\"\n      G: ${INPUT_GREETING}")), @r"
    extension.yaml:5:22: services.web.environment.GREETING: nothing declares ${INPUT_GREETNG}; did you mean ${INPUT_GREETING}?
    ");
    insta::assert_snapshot!(errors(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}${SECRET_OTHER}")), @r"
    extension.yaml:6:25: services.web.environment.KEY: nothing declares ${SECRET_OTHER}; add «other» to x-orbitr.secrets
    ");
    insta::assert_snapshot!(errors(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}${HOME}")), @r"
    extension.yaml:6:25: services.web.environment.KEY: nothing declares ${HOME}; names start with INPUT_, SECRET_, PATH_, PORT_, BIND_, ROUTE_, SYS_, APP_ or ACTION_
    ");
    insta::assert_snapshot!(errors(&with("KEY: ${SECRET_KEY}", "KEY: |\n        first line\n        é ${SYS_ZONE}\n      K: ${SECRET_KEY}")), @r"
    extension.yaml:8:11: services.web.environment.KEY: nothing declares ${SYS_ZONE}; known: SYS_ARCH, SYS_HOSTNAME, SYS_LOCALE, SYS_PROXY_CIDR, SYS_TIMEZONE
    ");
}

#[test]
fn a_dollar_that_compose_reads_otherwise_is_an_error() {
    insta::assert_snapshot!(errors(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}$HOME")), @r"
    extension.yaml:6:25: services.web.environment.KEY: Compose would replace «$HOME»; write a variable as ${HOME} and a plain dollar as $$
    ");
    insta::assert_snapshot!(errors(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY:-none}")), @r"
    extension.yaml:6:12: services.web.environment.KEY: «${SECRET_KEY:-no» is not a variable; write a variable as ${NAME}, its default where it is declared, a plain dollar as $$
    extension.yaml:30:5: secrets.key: it is declared and never used; write ${SECRET_KEY} where it belongs, or leave the entry out
    ");
    assert_eq!(errors(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}$$HOME $1 $")), "nothing is wrong");
}

#[test]
fn an_unused_declaration_is_an_error() {
    insta::assert_snapshot!(errors(&with("    key: {}", "    key: {}\n    other: {kind: hex}")), @r"
    extension.yaml:31:5: secrets.other: it is declared and never used; write ${SECRET_OTHER} where it belongs, or leave the entry out
    ");
    insta::assert_snapshot!(errors(&with("GREETING: ${INPUT_GREETING}", "GREETING: hello")), @r"
    extension.yaml:28:5: inputs.greeting: it is declared and never used; write ${INPUT_GREETING} where it belongs, or leave the entry out
    ");
    insta::assert_snapshot!(errors(&with("${PORT_WEB}:80", "8080:80")), @r"
    extension.yaml:32:5: ports.web: it is declared and never used; write ${PORT_WEB} where it belongs, or leave the entry out
    ");
}

#[test]
fn a_name_that_leads_nowhere_is_an_error() {
    insta::assert_snapshot!(errors(&with("health: {service: web,", "health: {service: wep,")), @r"
    extension.yaml:34:12: health.service: there is no Compose service «wep»; did you mean «web»?
    ");
    insta::assert_snapshot!(errors(&with("services: {web: main}", "services: {}")), @r"
    extension.yaml:2:3: services.web: nothing says what this service is for; add «web: main» (or sidecar, worker, database, job, init) to x-orbitr.services
    ");
    insta::assert_snapshot!(errors(&with("volumes: {data: {class: data}}", "volumes: {data: {class: data}, date: {class: logs}}")), @r"
    extension.yaml:33:34: volumes.date: this is neither a volume of the Compose part nor an input of type path; did you mean «data»?
    ");
    insta::assert_snapshot!(errors(&with("health: {service: web, port: 80, path: /}", "health: {path: /}")), @"extension.yaml:34:3: health: write one of route and service");
    insta::assert_snapshot!(errors(&with("tests: {}", "tests: {install: {greting: hi}}")), @r"
    extension.yaml:35:21: tests.install.greting: there is no input «greting»; did you mean «greeting»?
    ");
}

#[test]
fn a_condition_must_read_and_ask_about_earlier_answers() {
    let input = |when: &str| with("default: hello}", &format!("default: hello, when: \"{when}\"}}"));
    insta::assert_snapshot!(errors(&input("input.a == ")), @r"
    extension.yaml:28:69: inputs.greeting.when: the condition «input.a == » does not read: a value is missing at the end
    ");
    insta::assert_snapshot!(errors(&input("input.gone")), @r"
    extension.yaml:28:63: inputs.greeting.when: there is no input «gone»; the only input is greeting
    ");
    insta::assert_snapshot!(errors(&input("input.greeting == x")), @r"
    extension.yaml:28:63: inputs.greeting.when: «greeting» is asked later; move «greeting» before it
    ");
    insta::assert_snapshot!(errors(&input("env.HOME == x")), @r"
    extension.yaml:28:69: inputs.greeting.when: the condition «env.HOME == x» does not read: «env.HOME» is not a name; write input.<name>, binding.<name> or sys.arch
    ");
}

#[test]
fn a_default_must_pass_its_own_rules() {
    insta::assert_snapshot!(errors(&with("default: hello}", "default: hello, pattern: \"[A-Z]+\"}")), @r"
    extension.yaml:28:47: inputs.greeting.default: it must match [A-Z]+
    ");
    insta::assert_snapshot!(errors(&with("default: hello}", "pattern: \"(\"}")), @r"
    extension.yaml:28:47: inputs.greeting.pattern: this is not a regular expression of this box: no look-around, no back-references
    ");
    insta::assert_snapshot!(errors(&with("type: string, label: Greeting, default: hello", "type: int, label: G, min: 3, max: 1")), @r"
    extension.yaml:28:5: inputs.greeting: its least is more than its most
    ");
    insta::assert_snapshot!(errors(&with("type: string, label: Greeting, default: hello", "type: password, label: G, default: secret")), @r"
    extension.yaml:28:42: unknown key «default» in inputs.greeting, which is of type password; known keys: generate, min_length, max_length, pattern, message, reveal, label, help, group, advanced, required, example, when, on_change, secret, deprecated, type
    ");
    insta::assert_snapshot!(errors(&with("    key: {}", "    key: {kind: alnum, length: 4}")), @r"
    extension.yaml:30:24: secrets.key.length: write 8 to 256 for this kind
    ");
}

#[test]
fn a_file_that_is_no_yaml_says_where() {
    insta::assert_snapshot!(errors("services:\n  a: [1\nb: 2\n"), @r"
    extension.yaml:3:2: this is not YAML: illegal placement of ':' indicator
    ");
    insta::assert_snapshot!(errors("- a\n- b\n"), @r"
    extension.yaml:1:1: a manifest is a map of keys; begin with services: and x-orbitr:
    ");
    insta::assert_snapshot!(errors("a: 1\n---\nb: 2\n"), @r"
    extension.yaml:3:1: a second YAML document starts here; one file holds one manifest
    ");
    insta::assert_snapshot!(errors("a: *b\n"), @r"
    extension.yaml:1:4: this alias points to an anchor that is not there
    ");
    insta::assert_snapshot!(errors(""), @r"
    extension.yaml:1:1: a manifest is a map of keys; begin with services: and x-orbitr:
    ");
    insta::assert_snapshot!(errors("a: !include b\n"), @r"
    extension.yaml:1:13: this is not YAML: unsupported tag `!include`
    ");
}

#[test]
fn a_bomb_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let earlier = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", earlier.trim_end_matches(", ")));
    }
    insta::assert_snapshot!(errors(&bomb), @r"
    extension.yaml:5:10: the file is larger inside than a manifest may be; 20000 values, 48 levels, 500 aliases are the most
    ");
    insta::assert_snapshot!(errors(&"[".repeat(10_000)), @r"
    extension.yaml:1:256: the file is larger inside than a manifest may be; 20000 values, 48 levels, 500 aliases are the most
    ");
    insta::assert_snapshot!(errors(&format!("a: {}", "x".repeat(300_000))), @r"
    extension.yaml:1:1: the file has 300003 bytes; 262144 are the most; move long texts into side files under docs/
    ");
}

#[test]
fn everything_wrong_is_told_at_once_and_in_order() {
    let text = SMALL
        .replace("label: Greeting", "lable: Greeting")
        .replace("class: data", "class: date")
        .replace("preferred: 8080", "preferred: none")
        .replace("    key: {}", "    key: {legnth: 3}")
        .replace("    ports: [", "    prots: [");
    insta::assert_snapshot!(errors(&text), @r"
    extension.yaml:7:5: unknown key «prots» in services.web; did you mean «ports»?
    extension.yaml:28:30: unknown key «lable» in inputs.greeting, which is of type string; did you mean «label»?
    extension.yaml:30:11: unknown key «legnth» in secrets.key; did you mean «length»?
    extension.yaml:32:48: ports.web.preferred: expected a whole number from 0 to 65535, found the text «none»
    extension.yaml:33:27: volumes.data.class: «date» is not one of the choices; did you mean «data»?
    ");
}

#[test]
fn a_misspelt_key_is_not_called_missing_as_well() {
    insta::assert_snapshot!(errors(&with("  version: ", "  verison: ")), @r"
    extension.yaml:14:3: unknown key «verison»; did you mean «version»?
    ");
}
