//! A support bundle onto a USB stick, from the box's own screen.

use serde_json::json;

use super::*;
use crate::stand_in;

const BUNDLE: &str = "run/orbitr-console/support-bundle.tar.gz";

/// A box on Orbitr OS with its menu, and whether a stick is plugged in.
async fn box_with_menu(stick: bool) -> (Supervisor, Menu) {
    let dir = stand_in::machine("open");
    if stick {
        fs::write(dir.path().join("run/stick"), "").unwrap();
    }
    let box_ = Supervisor::start_in(dir);
    claim(&box_).await;
    let menu = Menu::start(&socket(&box_), "linux", &["--stand-in", box_.dir.path().join("run").to_str().unwrap()]);
    menu.shows("b Support bundle");
    (box_, menu)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_support_bundle_is_written_onto_the_stick_and_the_screen_says_when_it_may_be_pulled() {
    let (box_, mut menu) = box_with_menu(true).await;
    let dir = box_.dir.path();
    menu.press("b");
    menu.shows("Plug one in now");
    menu.press("\t\r");
    menu.shows("Gathering");
    let request = stand_in::take(dir, "orbitr-console", "save-support").await;
    assert_eq!(request.as_object().unwrap().len(), 2, "neither a disk nor a file is named: {request}");
    // What waits there for root is the whole bundle, for nobody else to read.
    let list = Command::new("tar").arg("--list").arg("--gzip").arg("--file").arg(dir.join(BUNDLE)).output().unwrap();
    let names = String::from_utf8(list.stdout).unwrap();
    assert!(list.status.success() && names.contains("/about.json") && names.contains("/README.txt"), "{names}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(dir.join(BUNDLE)).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let step = json!({"step": "Writing onto Ultra Fit", "fraction": 0.42});
    stand_in::report(dir, "save-support", &request["id"], "running", &step);
    menu.until("how far it is", |screen| screen.contains("Writing onto Ultra Fit") && screen.contains("42 %"));
    assert!(!menu.screen().contains("Pull the stick out"));
    let value =
        json!({"value": {"file": "orbitr-support-atlas-20260101-000000.tar.gz", "stick": "Ultra Fit, 28.6 GiB"}});
    stand_in::report(dir, "save-support", &request["id"], "done", &value);
    menu.until("that it is done", |screen| {
        ["orbitr-support-atlas-20260101-000000.tar.gz", "on Ultra Fit", "Pull the stick out now"]
            .iter()
            .all(|text| screen.contains(text))
    });
    assert!(!dir.join(BUNDLE).exists(), "nothing is left behind");
    let audit = box_.local_client().get("http://box/api/v1/audit").send().await.unwrap().text().await.unwrap();
    assert!(audit.contains("box.support-bundle"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_root_says_of_the_stick_is_shown_and_the_bundle_is_taken_back() {
    let (box_, mut menu) = box_with_menu(true).await;
    menu.press("b\t\r");
    let problem = json!({"code": "stick-ambiguous", "title": "More than one USB stick could be meant",
        "detail": "it could go onto: A; B.", "fix": "Leave one plugged in."});
    let dir = box_.dir.path();
    stand_in::root(dir, "orbitr-console", "save-support", "failed", &json!({ "problem": problem })).await;
    menu.until("both sticks", |screen| {
        screen.contains("More than one USB stick") && screen.contains("Leave one plugged in")
    });
    assert!(!dir.join(BUNDLE).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stick_nothing_is_gathered_and_without_a_supervisor_nothing_is_offered() {
    let (box_, mut menu) = box_with_menu(false).await;
    menu.press("b\t\r");
    menu.until("what to do", |screen| {
        screen.contains("No USB stick is plugged in") && screen.contains("Plug one in that is")
    });
    let audit = box_.local_client().get("http://box/api/v1/audit").send().await.unwrap().text().await.unwrap();
    assert!(!audit.contains("box.support-bundle"), "{audit}");
    menu.press("\u{1b}");
    menu.shows("b Support bundle");
    let (_, dir) = box_.end(Signal::SIGKILL);
    menu.until("it is down", |screen| screen.contains("supervisor down") && !screen.contains("b Support bundle"));
    menu.press("?");
    menu.shows("A support bundle: Orbitr gathers it");
    drop(dir);
}
