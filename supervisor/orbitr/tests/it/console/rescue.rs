//! What the menu does for a box that is new, on a stick, or badly broken.

use serde_json::json;

use super::*;
use crate::stand_in;

fn menu(box_: &Supervisor) -> Menu {
    let run = box_.dir.path().join("run");
    Menu::start(&socket(box_), "linux", &["--stand-in", run.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stick_is_installed_from_the_screen_and_says_when_it_may_be_pulled() {
    let dir = stand_in::machine("none");
    stand_in::found(dir.path(), "none", "usb");
    let targets = json!([
        {"disk": stand_in::disk("/dev/vda", "virtio"), "contents": ["ntfs «Windows», 100 GiB"], "unfinished": false},
        {"disk": stand_in::disk("/dev/vdb", "virtio"), "contents": [], "unfinished": false},
    ]);
    fs::write(dir.path().join("run/targets.json"), targets.to_string()).unwrap();
    let box_ = Supervisor::start_in(dir);
    let mut menu = menu(&box_);
    let screen = menu.shows("t Install to a disk");
    assert!(screen.contains("Installer") && screen.contains(&box_.printed("Setup code").unwrap()), "{screen}");
    menu.press("t");
    menu.until("both disks", |screen| screen.contains("on it: ntfs") && screen.contains("nothing on it"));
    menu.press("\r");
    menu.until("the warning", |screen| screen.contains("nothing brings it back") && screen.contains("S-devvda"));
    menu.press("\r\rS-devvda\r");
    let dir = box_.dir.path();
    let request = stand_in::take(dir, "orbitr/requests", "install").await;
    assert_eq!((&request["disk"], &request["serial"]), (&json!("/dev/vda"), &json!("S-devvda")));
    stand_in::report(dir, "install", &request["id"], "running", &json!({ "fraction": 0.42 }));
    menu.until("how far it is", |screen| screen.contains("42 %") && screen.contains("Copying the system"));
    stand_in::report(dir, "install", &request["id"], "done", &json!({"value": {"disk": {"device": "/dev/vda"}}}));
    menu.until("that it is done", |screen| screen.contains("read back") && screen.contains("Take the stick out now"));

    // Back to the list that it was chosen from.
    menu.press("\u{1b}");
    menu.shows("nothing on it");
    menu.press("\u{1b}[B\r");
    menu.shows("Nothing is on it");
    menu.press("\t\r");
    let problem = json!({"code": "install-unverified", "title": "The copy is not what was written", "detail": "", "fix": "Try again."});
    stand_in::root(dir, "orbitr/requests", "install", "failed", &json!({ "problem": problem })).await;
    menu.shows("The copy is not what was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_box_says_that_it_waits_and_makes_its_data_partition_from_the_screen() {
    let box_ = Supervisor::start_in(stand_in::machine("none"));
    let mut menu = menu(&box_);
    menu.until("that it waits", |screen| {
        screen.contains("Waits for its owner") && screen.contains("k Make data partition")
    });
    menu.press("k\t\r");
    let request = stand_in::root(box_.dir.path(), "orbitr/requests", "make-data", "done", &json!({})).await;
    assert_eq!(request["encrypt"], Value::Null);
    stand_in::found(box_.dir.path(), "open", "virtio");
    let (status, dir) = box_.ended();
    assert!(status.unwrap().success());
    let box_ = Supervisor::start_in(dir);
    menu.shows("The data partition is made");
    menu.press("\u{1b}");
    menu.until("it waits to be claimed", |screen| {
        screen.contains("Waiting to be claimed") && !screen.contains("k Make")
    });
    drop(box_);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_erased_with_the_supervisor_and_without_it() {
    let box_ = Supervisor::start_in(stand_in::machine("open"));
    claim(&box_).await;
    let mut menu = menu(&box_);
    menu.shows("f Factory reset");
    menu.press("f");
    menu.until("the danger", |screen| screen.contains("Nothing brings it back") && screen.contains(stand_in::SERIAL));
    menu.press("76543210\r");
    menu.shows("This is not the serial number");
    menu.press("\u{1b}");
    menu.shows("f Factory reset");
    menu.press("f");
    menu.shows(stand_in::SERIAL);
    menu.press("01234567\r");
    let problem =
        json!({"code": "data-not-found", "title": "The data partition is not there", "detail": "", "fix": ""});
    stand_in::root(box_.dir.path(), "orbitr/requests", "factory-reset", "failed", &json!({ "problem": problem })).await;
    menu.shows("The data partition is not there");
    let audit = box_.local_client().get("http://box/api/v1/audit").send().await.unwrap().text().await.unwrap();
    assert!(audit.contains("box.factory-reset"), "{audit}");
    menu.press("\u{1b}");

    let (_, dir) = box_.end(Signal::SIGKILL);
    menu.shows("supervisor down");
    menu.press("f");
    menu.until("the danger", |screen| screen.contains("Nothing brings it back") && screen.contains(stand_in::SERIAL));
    menu.press("01234567\r");
    let request = stand_in::root(dir.path(), "orbitr-console", "factory-reset", "done", &json!({})).await;
    assert_eq!(request["serial"], stand_in::SERIAL);
    menu.shows("The box restarts and erases itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_cannot_open_its_data_can_be_given_up() {
    let box_ = Supervisor::start_in(stand_in::machine("locked"));
    let mut menu = menu(&box_);
    menu.until("the trouble", |screen| screen.contains("Degraded") && screen.contains("f Factory reset"));
    menu.press("f");
    menu.shows(stand_in::SERIAL);
    menu.press("01234567\r");
    stand_in::root(box_.dir.path(), "orbitr-console", "factory-reset", "done", &json!({})).await;
    menu.shows("The box restarts and erases itself");
    // Nothing is there that could be erased.
    stand_in::found(box_.dir.path(), "none", "virtio");
    menu.press("\u{1b}");
    menu.shows("f Factory reset");
    menu.press("f");
    menu.shows("there is nothing to erase");
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_mode_is_turned_on_and_left_on_the_screen() {
    let box_ = Supervisor::start();
    claim(&box_).await;
    let mut menu = Menu::start(&socket(&box_), "linux", &[]);
    menu.shows("m Safe mode");
    menu.press("m\t\r");
    menu.shows("Safe mode is on: apps stay stopped");
    menu.press("\u{1b}");
    menu.shows("m Leave safe mode");
    menu.press("m\t\r");
    menu.shows("Safe mode is off");
    menu.press("\u{1b}");
    menu.until("as before", |screen| screen.contains("m Safe mode") && !screen.contains("apps stay stopped"));
}
