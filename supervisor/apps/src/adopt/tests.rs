use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::text::{Bound, Facts, Made, make, slug};

fn made(config: &Value) -> Made {
    let bound = BTreeMap::from([
        (PathBuf::from("/home/ada/shop/site"), Bound::Folder),
        (PathBuf::from("/home/ada/shop/site.conf"), Bound::Text("pays $5\n".to_owned())),
        (PathBuf::from("/etc/localtime"), Bound::Outside),
    ]);
    make(
        config,
        &Facts {
            name: "shop",
            arch: "amd64",
            mounts: &[],
            bound: &bound,
            digests: &BTreeMap::new(),
            ended: &BTreeSet::new(),
        },
    )
}

fn web(more: Value) -> Made {
    let mut service = json!({ "image": "nginx:1.28.0" });
    service.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made(&json!({ "services": { "web": service } }))
}

#[test]
fn ports_become_inputs_and_keep_their_address() {
    let port = |published: &str, protocol: &str| json!({ "published": published, "target": 80, "protocol": protocol, "host_ip": "127.0.0.1" });
    let found = web(json!({ "ports": [port("8080", "tcp"), port("53", "udp")] }));
    assert_eq!(found.ports, BTreeMap::from([("port".to_owned(), 8080), ("port_2".to_owned(), 53)]));
    let ports = &found.manifest["services"]["web"]["ports"];
    assert_eq!(*ports, json!(["127.0.0.1:${INPUT_PORT}:80/tcp", "127.0.0.1:${INPUT_PORT_2}:80/udp"]));
    assert_eq!(found.manifest["x-orbitr"]["health"]["port"], 80);
}

#[test]
fn a_password_leaves_the_text_wherever_it_stands_and_a_short_one_only_where_it_is_the_whole_value() {
    let found = web(json!({ "environment": {
        "DB_PASSWORD": "long-enough$$1", "URL": "pg://a:long-enough$$1@db", "PIN_TOKEN": "12", "COUNT": "12", "ROOM": "112",
        "TOKEN_FILE": "/run/token", "EMPTY_SECRET": "",
    } }));
    let text = found.manifest["services"]["web"]["environment"].to_string();
    assert!(!text.contains("long-enough"), "{text}");
    assert!(text.contains("pg://a:${INPUT_DB_PASSWORD}@db") && text.contains(r#""ROOM":"112""#), "{text}");
    assert!(text.contains(r#""COUNT":"${INPUT_PIN_TOKEN}""#) && text.contains("/run/token"), "{text}");
    assert_eq!(found.secrets["input/db_password"], "long-enough$1");
    assert_eq!(found.secrets.len(), 2);
}

#[test]
fn what_lies_in_the_projects_folder_is_the_apps_and_what_lies_elsewhere_stays() {
    let bind = |source: &str| json!({ "type": "bind", "source": source, "target": source });
    let all = ["/home/ada/shop/site", "/home/ada/shop/site.conf", "/etc/localtime"].map(bind);
    let found = web(json!({ "volumes": all }));
    let service = &found.manifest["services"]["web"];
    assert_eq!(service["volumes"][0]["source"], "site");
    assert_eq!(service["volumes"][1]["source"], "/etc/localtime");
    assert_eq!(service["configs"][0]["target"], "/home/ada/shop/site.conf");
    assert_eq!(found.manifest["configs"]["site-conf"]["content"], "pays $$5\n");
    assert_eq!(found.moves.len(), 1);
    assert_eq!(found.moves[0].from, Path::new("/home/ada/shop/site"));
}

#[test]
fn folders_of_one_name_are_two_volumes_and_one_folder_is_one() {
    let config = json!({ "services": { "web": { "image": "nginx:1.28.0", "volumes": [
        { "type": "volume", "source": "data", "target": "/a" }, { "type": "volume", "source": "data", "target": "/b" },
    ] } }, "volumes": { "data": { "name": "shop_data" } } });
    let bound = BTreeMap::from([]);
    let mount = |target: &str, source: &str| orbitr_docker::ForeignMount::new("web", Some("shop_data"), source, target);
    let look = |mounts: &[orbitr_docker::ForeignMount]| {
        let facts = Facts {
            name: "shop",
            arch: "amd64",
            mounts,
            bound: &bound,
            digests: &BTreeMap::new(),
            ended: &BTreeSet::new(),
        };
        make(&config, &facts).moves.len()
    };
    assert_eq!(look(&[mount("/a", "/v/one"), mount("/b", "/v/one")]), 1);
    assert_eq!(look(&[mount("/a", "/v/one"), mount("/b", "/v/two")]), 2);
}

#[test]
fn what_cannot_be_carried_over_is_said() {
    let cases = [
        (json!({ "services": { "web": { "build": "." } } }), "names no image"),
        (json!({ "services": {} }), "no services"),
        (json!({ "services": { "a": { "image": "x:1.0" } }, "networks": { "far": { "external": true } } }), "«far»"),
        (json!({ "services": { "a": { "image": "x:1.0" } }, "secrets": { "s": { "file": "/x" } } }), "Secrets"),
        (json!({ "services": { "a": { "image": "x:1.0" } }, "configs": { "c": { "file": "/x" } } }), "«c»"),
    ];
    for (config, word) in cases {
        let found = made(&config).obstacles;
        assert!(found.iter().any(|why| why.contains(word)), "{word}: {found:?}");
    }
    for odd in [json!(null), json!([]), json!({ "services": [] }), json!({ "services": { "a": 1 } })] {
        assert!(!made(&odd).obstacles.is_empty(), "{odd}");
    }
}

#[test]
fn any_projects_name_becomes_an_id() {
    for (name, id) in [("shop", "shop"), ("My_Shop", "my-shop"), ("1st", "app-1st"), ("_", "app-")] {
        assert!(slug(name).starts_with(id.trim_end_matches('-')), "{name}: {}", slug(name));
        assert!(slug(name).parse::<orbitr_model::AppId>().is_ok(), "{name}: {}", slug(name));
    }
}
