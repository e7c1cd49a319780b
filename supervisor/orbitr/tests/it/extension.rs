//! `orbitr ext`: for authors of extensions, without a box.
#![allow(clippy::disallowed_methods, reason = "the program under test is the child")]

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// How it ended, and what it said on standard output and standard error.
fn ext(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orbitr"));
    let output = command.arg("ext").args(args).current_dir(dir).env_clear().output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_new_extension_passes_the_check_and_installs_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said, err) = ext(dir.path(), &["new", "guest-book"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(said.contains("orbitr ext check guest-book"), "{said}");
    let (code, said, err) = ext(dir.path(), &["check", "guest-book"]);
    assert_eq!(code, Some(0), "{said}{err}");
    assert!(said.ends_with("1 extension: 0 errors, 1 warning\n"), "{said}");
    let catalog = orbitr_catalog::Catalog::default().with_folder(dir.path());
    let entry = catalog.get(&"local/guest-book".parse().unwrap()).unwrap();
    assert_eq!(entry.manifest.installable(), Ok(()));
}

#[test]
fn a_folder_that_is_there_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("mine")).unwrap();
    let (code, _, err) = ext(dir.path(), &["new", "mine"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("mine is there already; nothing was changed"), "{err}");
    assert!(fs::read_dir(dir.path().join("mine")).unwrap().next().is_none());
}

#[test]
fn a_name_that_can_be_no_id_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["Guest Book", "9lives", "x", "..", "/"] {
        let (code, _, err) = ext(dir.path(), &["new", name]);
        assert_eq!(code, Some(2), "{name}: {err}");
        assert!(err.contains("extension's id"), "{name}: {err}");
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(ext(dir.path(), &["new", "broken"]).0, Some(0));
    let file = dir.path().join("broken/extension.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|line| line.contains("label: Port")).unwrap() + 1;
    fs::write(&file, text.replace("label: Port", "lable: Port")).unwrap();
    let (code, said, _) = ext(dir.path(), &["check", "broken"]);
    assert_eq!(code, Some(2));
    assert!(said.contains(&format!("broken/extension.yaml:{line}:7: ")), "{said}");
    assert!(said.contains("label"), "{said}");
    let (code, said, _) = ext(dir.path(), &["check", "broken", "--json"]);
    assert_eq!(code, Some(2));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["problems"][0]["line"], line, "{said:#}");
    assert_ne!(said["errors"], 0);
}

#[test]
fn what_is_no_extension_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(ext(dir.path(), &["check", "nowhere"]).0, Some(2));
    fs::create_dir(dir.path().join("empty")).unwrap();
    let (code, said, _) = ext(dir.path(), &["check", "empty"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("there is no extension.yaml"), "{said}");
}

#[test]
fn the_schema_is_the_one_of_the_format() {
    let (code, said, _) = ext(Path::new("."), &["schema"]);
    assert_eq!(code, Some(0));
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["$id"], "urn:orbitr:schema:extension:1");
}
