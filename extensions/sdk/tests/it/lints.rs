//! What the lints refuse, and what they leave alone.

use orbitr_sdk::{Grant, Severity, lint, lint_update};

use crate::fixture::{SMALL, lints, parse, shown, with};

/// The lints' words for the small service with one more key.
fn with_key(key: &str) -> String {
    lints(&with("    healthcheck:", &format!("    {key}\n    healthcheck:")))
}

fn with_image(image: &str) -> String {
    lints(&with("example/web:1.2.3", image))
}

#[test]
fn a_good_manifest_is_only_warned_of_its_missing_digest() {
    let found = lint(&parse(SMALL));
    insta::assert_snapshot!(shown(&found), @r"
    extension.yaml:3:12: warning: services.web.image: the image has no digest; the index pins it when it is published; add @sha256:… to pin it here
    ");
    assert!(found.iter().all(|found| found.severity == Severity::Warning));
    let pinned = format!("example/web:1.2.3@sha256:{}", "ab".repeat(32));
    assert_eq!(with_image(&pinned), "");
}

#[test]
fn an_image_names_one_version() {
    insta::assert_snapshot!(with_image("example/web"), @r"
    extension.yaml:3:12: services.web.image: the image has no tag; write the exact version, as in postgres:17.9
    ");
    insta::assert_snapshot!(with_image("example/web:latest"), @r"
    extension.yaml:3:12: services.web.image: the tag «latest» moves from version to version; write the exact version, as in postgres:17.9
    ");
    insta::assert_snapshot!(with_image("example/web:17"), @r"
    extension.yaml:3:12: services.web.image: the tag «17» moves from version to version; write the exact version, as in postgres:17.9
    ");
    insta::assert_snapshot!(with_image("example/web:1.2@sha256:abc"), @r"
    extension.yaml:3:12: services.web.image: the digest is not sha256: and 64 hexadecimal digits; copy it whole
    ");
    insta::assert_snapshot!(with_image("example/web:${INPUT_GREETING}"), @r"
    extension.yaml:3:12: services.web.image: the image is made from variables; write the image out; another version is another release
    ");
}

#[test]
fn postgres_data_is_mounted_where_it_lies() {
    let postgres = |version: &str, folder: &str| {
        lints(
            &with("example/web:1.2.3", &format!("postgres:{version}")).replace("data:/data", &format!("data:{folder}")),
        )
    };
    assert_eq!(postgres("17.9", "/var/lib/postgresql/data"), "");
    assert_eq!(postgres("18.1-alpine", "/var/lib/postgresql"), "");
    insta::assert_snapshot!(postgres("18.1", "/var/lib/postgresql/data"), @r"
    extension.yaml:8:15: services.web.volumes: PostgreSQL 18 keeps its data in /var/lib/postgresql; it would be lost with the container; mount the volume at /var/lib/postgresql
    ");
    insta::assert_snapshot!(postgres("17.9", "/var/lib/postgresql"), @r"
    extension.yaml:8:15: services.web.volumes: PostgreSQL 17 keeps its data in /var/lib/postgresql/data; it would be lost with the container; mount the volume at /var/lib/postgresql/data
    ");
    insta::assert_snapshot!(postgres("18.1", "/data"), @r"
    extension.yaml:2:3: services.web.volumes: PostgreSQL 18 keeps its data in /var/lib/postgresql; it would be lost with the container; mount the volume at /var/lib/postgresql
    ");
}

#[test]
fn every_running_service_has_a_healthcheck() {
    let without = with("    healthcheck: {test: [CMD, \"true\"]}\n", "");
    insta::assert_snapshot!(lints(&without), @r"
    extension.yaml:2:3: services.web: the service has no healthcheck; add one; only services of role job and init need none
    ");
    insta::assert_snapshot!(lints(&with("{test: [CMD, \"true\"]}", "{disable: true}")), @r"
    extension.yaml:2:3: services.web: the service has no healthcheck; add one; only services of role job and init need none
    ");
    assert_eq!(lints(&without.replace("{web: main}", "{web: job}")), "");
}

#[test]
fn no_secret_stands_in_the_text() {
    insta::assert_snapshot!(lints(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}\n      DB_PASSWORD: tipi")), @r"
    extension.yaml:7:20: services.web.environment.DB_PASSWORD: a secret stands in the text; every box would share it; declare it under x-orbitr.secrets, or ask for it with an input of type password or secret
    ");
    insta::assert_snapshot!(lints(&with("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}\n      URL: postgres://me:tipi@db/x")), @r"
    extension.yaml:7:12: services.web.environment.URL: a password stands in the address; every box would share it; write the password as ${SECRET_<NAME>}
    ");
    for harmless in
        ["DB_PASSWORD: ${SECRET_KEY}", "PASSWORD_FILE: secrets/x", "SECRET_KEY_PATH: x", "USE_TOKEN: \"true\""]
    {
        assert_eq!(lints(&with("KEY: ${SECRET_KEY}", &format!("KEY: ${{SECRET_KEY}}\n      {harmless}"))), "");
    }
}

#[test]
fn no_secret_stands_in_arguments() {
    insta::assert_snapshot!(with_key("command: [serve, --key, \"${SECRET_KEY}\"]"), @r"
    extension.yaml:9:30: warning: services.web.command: a secret stands in a process's arguments, where every process sees it; hand it over as a variable, a Compose secret or a Compose config
    ");
}

#[test]
fn every_volume_is_named_and_classified() {
    insta::assert_snapshot!(lints(&with("volumes: {data: {class: data}}", "volumes: {}")), @r"
    extension.yaml:10:11: volumes.data: nothing says what this volume holds; add «data: {class: data}» to x-orbitr.volumes
    ");
    insta::assert_snapshot!(lints(&with("\"data:/data\"", "\"data:/data\", /cache")), @r"
    extension.yaml:8:29: services.web.volumes.1: a volume without a name is lost with its container; give it a name: «name:/path», and declare it
    ");
    insta::assert_snapshot!(lints(&with("\"data:/data\"", "\"data:/data\", \"other:/other\"")), @r"
    extension.yaml:8:29: services.web.volumes.1: this volume is not declared; add «other: {}» to the top-level volumes
    ");
    insta::assert_snapshot!(lints(&with("\"data:/data\"", "\"data:/data\", \"./conf:/conf\"")), @r"
    extension.yaml:8:29: services.web.volumes.1: an extension has no folder of its own on the box; use a named volume, an input of type path, or a Compose config
    ");
}

#[test]
fn a_folder_that_is_only_read_is_mounted_so() {
    let text = with("\"data:/data\"", "\"data:/data\", \"${PATH_FILES}:/files\"");
    let text = text.replace("  secrets:\n", "    files: {type: path, label: F, class: data, mode: ro}\n  secrets:\n");
    insta::assert_snapshot!(lints(&text), @r"
    extension.yaml:8:29: services.web.volumes.1: its input promises that the app only reads this folder; mount it with :ro, or let its input say mode: rw
    ");
    assert_eq!(lints(&text.replace(":/files", ":/files:ro")), "");
}

#[test]
fn a_profile_that_nothing_switches_on_is_refused() {
    insta::assert_snapshot!(with_key("profiles: [extra]"), @r"
    extension.yaml:9:16: services.web.profiles: nothing switches the profile «extra» on; name it in requires.<name>.bundled, or leave it out
    ");
}

#[test]
fn ports_are_assigned_not_written() {
    let text = with("\"${PORT_WEB}:80\"", "\"${PORT_WEB}:80\", \"9000:90\"");
    insta::assert_snapshot!(lints(&text), @r#"
    extension.yaml:7:31: services.web.ports.1: the port on the box is written down, so two apps can clash; declare it under x-orbitr.ports and write "${PORT_<NAME>}:<port in the container>"
    "#);
    insta::assert_snapshot!(lints(&with("\"${PORT_WEB}:80\"", "\"${PORT_WEB}:81\"")), @r"
    extension.yaml:7:13: services.web.ports.0: this is not what ports.web declares; service, target and protocol of the entry in x-orbitr.ports must say the same
    extension.yaml:34:3: health: the box cannot reach this port from outside; publish the port, or name another one in health.port
    ");
    insta::assert_snapshot!(lints(&with("\"${PORT_WEB}:80\"", "\"${INPUT_GREETING}:80\", \"${PORT_WEB}:80\"")), @r"
    extension.yaml:7:13: services.web.ports.0: this input cannot be a port; its input must be of type port and of the same protocol
    ");
}

#[test]
fn there_is_no_way_out_of_the_containers() {
    for key in [
        "build: .",
        "container_name: web",
        "extends: {service: other}",
        "env_file: .env",
        "volumes_from: [other]",
        "use_api_socket: true",
        "userns_mode: host",
        "cgroup_parent: /",
        "device_cgroup_rules: [\"a *:* rwm\"]",
        "runtime: nvidia",
        "post_start: [{command: id, privileged: true}]",
        "network_mode: container:other",
        "pid: \"${INPUT_GREETING}\"",
        "security_opt: [\"seccomp:unconfined\"]",
        "security_opt: [\"apparmor=unconfined\"]",
        "labels: {io.orbitr.app: x}",
        "labels: [\"com.docker.compose.project=x\"]",
        "logging: {driver: syslog}",
    ] {
        assert!(!with_key(key).is_empty(), "{key}");
    }
    for (from, to) in [
        ("volumes: {data: {}}", "volumes: {data: {driver_opts: {type: none, o: bind, device: /}}}"),
        ("volumes: {data: {}}", "volumes: {data: {external: true}}"),
        ("volumes: {data: {}}", "volumes: {data: {}}\nnetworks: {default: {external: true}}"),
        ("volumes: {data: {}}", "volumes: {data: {}}\nsecrets: {x: {file: /etc/shadow}}"),
        ("volumes: {data: {}}", "volumes: {data: {}}\nconfigs: {x: {file: /etc/shadow}}"),
        ("volumes: {data: {}}", "volumes: {data: {}}\ninclude: [other.yaml]"),
    ] {
        assert!(!lints(&with(from, to)).is_empty(), "{to}");
    }
    insta::assert_snapshot!(with_key("container_name: web"), @r"
    extension.yaml:9:5: services.web.container_name: the box names containers, so that an app can be installed twice; leave it out
    ");
    assert_eq!(with_key("security_opt: [\"no-new-privileges:true\"]\n    cap_drop: [ALL]\n    cap_add: [CHOWN]"), "");
}

#[test]
fn permissions_are_what_the_compose_part_takes() {
    let cases = [
        ("network_mode: host", "host_network"),
        ("pid: host", "host_pid"),
        ("ipc: host", "host_ipc"),
        ("privileged: true", "privileged"),
        ("privileged: \"${INPUT_GREETING}\"", "privileged"),
        ("cap_add: [NET_ADMIN]", "capability:NET_ADMIN"),
        ("cap_add: [CAP_SYS_ADMIN]", "capability:SYS_ADMIN"),
        ("devices: [\"/dev/ttyUSB0:/dev/ttyUSB0\"]", "device:/dev/ttyUSB0"),
        ("gpus: all", "gpu"),
        ("deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}", "gpu"),
        ("sysctls: {net.ipv4.ip_forward: 1}", "sysctl"),
        ("user: \"0:0\"", "root_user"),
    ];
    for (key, grant) in cases {
        let text = with("    healthcheck:", &format!("    {key}\n    healthcheck:"));
        let expected: Grant = grant.parse().unwrap();
        assert_eq!(parse(&text).computed_permissions(), std::slice::from_ref(&expected), "{key}");
        assert!(lints(&text).contains(&format!("takes the permission {grant}, which is not declared")), "{key}");
        let declared = text
            .replace("  tests: {}", &format!("  permissions: [{{grant: \"{grant}\", reason: needed}}]\n  tests: {{}}"));
        assert_eq!(lints(&declared), "", "{key}");
        assert_eq!(parse(&declared).score(), expected.score());
    }
    for (mount, grant) in [
        ("/srv/music:/music:ro", "host_path:/srv/music:ro"),
        ("/srv/music:/music", "host_path:/srv/music:rw"),
        ("/var/run/docker.sock:/var/run/docker.sock:ro", "docker_socket"),
    ] {
        let text = with("\"data:/data\"", &format!("\"data:/data\", \"{mount}\""));
        assert_eq!(parse(&text).computed_permissions(), [grant.parse::<Grant>().unwrap()], "{mount}");
    }
    insta::assert_snapshot!(with_key("network_mode: host"), @r#"
    extension.yaml:9:5: services.web.network_mode: this takes the permission host_network, which is not declared; add «{grant: "host_network", reason: …}» to x-orbitr.permissions
    "#);
}

#[test]
fn a_permission_that_nothing_takes_is_refused() {
    let declared = |grant: &str| {
        lints(&with("  tests: {}", &format!("  permissions: [{{grant: \"{grant}\", reason: why}}]\n  tests: {{}}")))
    };
    insta::assert_snapshot!(declared("privileged"), @r"
    extension.yaml:35:17: permissions.0: nothing in the Compose part takes privileged; leave it out
    ");
    assert_eq!(declared("docker_read"), "", "what a Compose file cannot show is only declared");
}

#[test]
fn what_gives_away_the_box_needs_typed_consent() {
    for grant in ["docker_socket", "privileged", "capability:ALL", "host_path:/:rw", "host_path:/etc/ssl:rw"] {
        assert!(grant.parse::<Grant>().unwrap().needs_typed_consent(), "{grant}");
    }
    for grant in ["host_network", "host_path:/srv/music:rw", "gpu", "docker_read"] {
        assert!(!grant.parse::<Grant>().unwrap().needs_typed_consent(), "{grant}");
    }
}

#[test]
fn nothing_with_an_error_is_installed() {
    let manifest = parse(&with("    healthcheck:", "    privileged: true\n    healthcheck:"));
    assert!(manifest.check_supported().is_ok(), "it could be run");
    assert!(manifest.installable().is_err(), "but it is not");
}

#[test]
fn an_update_leaves_nobody_behind() {
    let old = with("example/web:1.2.3", "example/db:17.9").replace("{web: main}", "{web: database}");
    let old = old.replace(
        "type: string, label: Greeting, default: hello",
        "type: enum, label: G, options: [{value: a}, {value: b}], default: a",
    );
    let new = old.replace("example/db:17.9", "example/db:18.1").replace("{value: a}, {value: b}", "{value: a}");
    let new = new
        .replace("  secrets:\n", "    name: {type: string, label: Name}\n  secrets:\n")
        .replace("KEY: ${SECRET_KEY}", "KEY: ${SECRET_KEY}${INPUT_NAME}");
    insta::assert_snapshot!(shown(&lint_update(&parse(&old), &parse(&new))), @r"
    extension.yaml:3:12: services.web.image: its major version changes and nothing says how the data gets across; add upgrade.database_major
    extension.yaml:28:5: inputs.greeting: the choice «b» is gone, so apps that use it could not be updated; map it under deprecated.map or upgrade.inputs_migrate
    extension.yaml:29:5: inputs.name: it is new and must be answered, so older apps could not be updated; give it a default, or add upgrade.inputs_migrate
    ");
    assert_eq!(lint_update(&parse(&old), &parse(&old)), []);
}
