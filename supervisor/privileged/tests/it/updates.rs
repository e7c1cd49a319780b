//! Versions of the system: which are there, another one into the other slot, which is started, and the health gate.
//!
//! systemd-sysupdate and systemd-bless-boot need a machine that was started from its own disk: programs of a few lines stand
//! in for them here, and `tests/vm/updates.py` has the real ones.

use std::{fs, path::Path};

use orbitr_model::{Act, ActState, GateState, Slot, UpdateFacts};
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine, sh};

/// A machine that runs 0.2.0 from its first slot.
async fn machine() -> Machine {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    label(&machine, 2, "orbitr_0.2.0");
    label(&machine, 3, "orbitr_0.2.0_verity");
    fs::write(&machine.places.os_release, "NAME=\"Orbitr OS\"\nIMAGE_VERSION=0.2.0\n").unwrap();
    fs::create_dir_all(machine.places.esp.join("EFI/Linux")).unwrap();
    kernel(&machine, "orbitr_0.2.0+2-1.efi");
    fs::write(machine.places.updates.join("keyring.gpg"), "keys").unwrap();
    fs::create_dir(machine.places.updates.join("transfers")).unwrap();
    fs::write(machine.places.updates.join("transfers/20-root.transfer"), "[Source]\nPath=@SOURCE@\n").unwrap();
    machine
}

fn label(machine: &Machine, number: u32, label: &str) {
    let disk = &machine.disks[0].device;
    sh("sfdisk", &["-q", "--no-reread", "--no-tell-kernel", "--part-label", disk, &number.to_string(), label]).unwrap();
}

fn kernel(machine: &Machine, name: &str) {
    fs::write(machine.places.esp.join("EFI/Linux").join(name), "kernel").unwrap();
}

fn facts(machine: &Machine) -> UpdateFacts {
    serde_json::from_slice(&fs::read(machine.places.box_run.join("updates.json")).unwrap()).unwrap()
}

/// Puts a program in the place of another one. Copied by a process of its own, so that nobody else still has it open.
fn stand_in(machine: &Machine, at: &Path, lines: &str) {
    let text = machine.dir.path().join("program");
    fs::write(&text, format!("#!/bin/sh\nset -e\n{lines}\n")).unwrap();
    sh("install", &["-m", "755", text.to_str().unwrap(), at.to_str().unwrap()]).unwrap();
}

/// What systemd-sysupdate does, as far as it can be seen from outside: both partitions, then the kernel.
fn sysupdate(machine: &Machine, last: &str) {
    let (disk, esp) = (&machine.disks[0].device, machine.places.esp.display());
    let seen = machine.dir.path().join("seen").display().to_string();
    let name = "sfdisk -q --no-reread --no-tell-kernel --part-label";
    stand_in(
        machine,
        &machine.places.sysupdate,
        &format!(
            "echo \"$*\" >{seen}; cat \"${{1#*=}}\"/* >>{seen}\n\
             echo 'Got 50% of http://127.0.0.1:43211/orbitr_0.3.0.root.0f41.raw.xz. 1s left at 3M/s.' >&2\n\
             {name} {disk} 4 orbitr_0.3.0\n{name} {disk} 5 orbitr_0.3.0_verity\n\
             echo kernel >{esp}/EFI/Linux/orbitr_0.3.0+3-0.efi\n{last}"
        ),
    );
}

async fn install(machine: &Machine, target: &str, more: &serde_json::Value) -> Result<(), Error> {
    let mut request = json!({"version": 1, "id": "u", "target": target, "port": 43211});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    machine.ask(Act::InstallUpdate, &request);
    machine.act(Act::InstallUpdate).await
}

#[tokio::test]
async fn what_is_installed_and_what_came_back_is_told() {
    let machine = machine().await;
    label(&machine, 4, "orbitr_0.3.0");
    label(&machine, 5, "orbitr_0.3.0_verity");
    for name in ["orbitr_0.3.0+0-3.efi", "orbitr_0.1.0.efi", "somebodys.efi"] {
        kernel(&machine, name);
    }
    machine.act(Act::LookAtUpdates).await.unwrap();
    let facts = facts(&machine);
    assert_eq!(facts.running.unwrap().as_str(), "0.2.0");
    let installed: Vec<_> =
        facts.installed.iter().map(|known| (known.version.as_str(), known.slot, known.running)).collect();
    assert_eq!(installed, [("0.3.0", Slot::B, false), ("0.2.0", Slot::A, true)], "0.1.0 has no slot any more");
    assert_eq!((facts.installed[1].tries_left, facts.installed[1].tries_done), (Some(2), Some(1)));
    assert!(!facts.installed[1].blessed && facts.gate.is_none() && facts.default.is_none());
    assert_eq!(facts.returned.len(), 1);
    assert_eq!(facts.returned[0].version.as_str(), "0.3.0");

    // It never came so far as to say why, and another one takes its slot: it came back all the same.
    fs::remove_file(machine.places.esp.join("EFI/Linux/orbitr_0.3.0+0-3.efi")).unwrap();
    machine.act(Act::LookAtUpdates).await.unwrap();
    assert_eq!(self::facts(&machine).returned, facts.returned);
}

#[tokio::test]
async fn another_version_goes_into_the_other_slot() {
    let machine = machine().await;
    sysupdate(&machine, "");
    install(&machine, "0.3.0", &json!({})).await.unwrap();
    let report = machine.report(Act::InstallUpdate);
    assert_eq!((report.state, report.fraction), (ActState::Done, Some(1.0)));
    assert_eq!(report.value.unwrap()["version"], "0.3.0");
    let seen = fs::read_to_string(machine.dir.path().join("seen")).unwrap();
    assert!(seen.contains("--verify=yes update 0.3.0") && seen.contains("Path=http://127.0.0.1:43211/"), "{seen}");
    let facts = facts(&machine);
    assert_eq!(facts.installed.len(), 2);
    assert_eq!(facts.installed[0].tries_left, Some(3));
    // Once more: what is there is given up first, and written anew.
    sysupdate(&machine, "exit 1");
    assert!(install(&machine, "0.3.0", &json!({})).await.is_err());
    assert_eq!(machine.report(Act::InstallUpdate).problem.unwrap().code, "program-failed");
}

#[tokio::test]
async fn an_update_that_nobody_signed_is_refused_and_starts_nothing() {
    let machine = machine().await;
    stand_in(
        &machine,
        &machine.places.sysupdate,
        "echo 'DOWNLOAD INVALID: Signature verification failed.' >&2; exit 1",
    );
    assert!(matches!(install(&machine, "0.3.0", &json!({})).await, Err(Error::Untrusted(_))));
    assert_eq!(facts(&machine).installed.len(), 1);
    assert_eq!(machine.report(Act::InstallUpdate).problem.unwrap().code, "update-untrusted");
}

#[tokio::test]
async fn what_is_older_came_back_or_has_no_slot_is_not_installed() {
    let machine = machine().await;
    sysupdate(&machine, "");
    for target in ["0.1.0", "0.2.0"] {
        assert!(matches!(install(&machine, target, &json!({})).await, Err(Error::Version { .. })), "{target}");
    }
    for wrong in [json!({"port": 80}), json!({"target": "../0.3.0"}), json!({"source": "http://example.org/"})] {
        assert!(matches!(install(&machine, "0.3.0", &wrong).await, Err(Error::Request(_))), "{wrong}");
    }
    let failed = machine.places.esp.join("orbitr/failed");
    fs::create_dir_all(&failed).unwrap();
    let mark = json!({"version": "0.3.0", "at": "2026-01-01T00:00:00Z", "reason": null, "boot_id": null});
    fs::write(failed.join("0.3.0.json"), mark.to_string()).unwrap();
    assert!(matches!(install(&machine, "0.3.0", &json!({})).await, Err(Error::Version { .. })));
    assert!(!machine.dir.path().join("seen").exists(), "nothing was even asked");
    install(&machine, "0.3.0", &json!({"again": true})).await.unwrap();
    assert!(facts(&machine).returned.is_empty(), "the owner has lifted it");

    fs::remove_file(machine.places.updates.join("keyring.gpg")).unwrap();
    assert!(matches!(install(&machine, "0.3.1", &json!({})).await, Err(Error::NoKeys)));
    let bare = Machine::new(GIB);
    fs::write(&bare.places.os_release, "IMAGE_VERSION=0.2.0\n").unwrap();
    fs::create_dir_all(bare.places.esp.join("EFI/Linux")).unwrap();
    assert!(matches!(install(&bare, "0.3.0", &json!({})).await, Err(Error::Unfit { .. })));
}

#[tokio::test]
async fn only_a_version_that_is_there_can_be_chosen() {
    let machine = machine().await;
    for (target, fits) in [("0.2.0", true), ("0.1.0", false)] {
        machine.ask(Act::ChooseVersion, &json!({"version": 1, "id": "c", "target": target}));
        assert_eq!(machine.act(Act::ChooseVersion).await.is_ok(), fits, "{target}");
    }
    assert_eq!(machine.report(Act::ChooseVersion).problem.unwrap().code, "version-refused");
}

/// 0.2.0 runs and was kept; 0.1.0 is beside it.
async fn kept_beside_another() -> Machine {
    let machine = machine().await;
    fs::remove_file(machine.places.esp.join("EFI/Linux/orbitr_0.2.0+2-1.efi")).unwrap();
    kernel(&machine, "orbitr_0.2.0.efi");
    label(&machine, 4, "orbitr_0.1.0");
    label(&machine, 5, "orbitr_0.1.0_verity");
    kernel(&machine, "orbitr_0.1.0.efi");
    machine
}

async fn leave(machine: &Machine, target: &str, reason: &serde_json::Value) -> Result<(), Error> {
    machine.ask(Act::ChooseVersion, &json!({"version": 1, "id": "c", "target": target, "reason": reason}));
    machine.act(Act::ChooseVersion).await
}

#[tokio::test]
async fn a_version_that_is_left_for_a_reason_is_marked_and_not_started_again() {
    let machine = kept_beside_another().await;
    let reason =
        json!({"code": "health-apps", "title": "Apps were not healthy", "detail": "Shop: no answer\n  last line"});
    leave(&machine, "0.1.0", &reason).await.unwrap();
    let told = facts(&machine);
    let left = &told.returned[0];
    assert_eq!((left.version.as_str(), left.reason.as_ref().unwrap().code.as_str()), ("0.2.0", "health-apps"));
    assert!(left.at.is_some() && left.boot_id.is_some() && machine.places.esp.join("orbitr/failed/0.2.0.log").exists());
    let of = |version: &str| told.installed.iter().find(|known| known.version.as_str() == version).unwrap();
    assert_eq!((of("0.2.0").tries_left, of("0.1.0").blessed), (Some(0), true), "the loader passes over it by itself");
    let report = machine.report(Act::ChooseVersion);
    assert_eq!(report.value.unwrap()["kept"], false, "so nothing is chosen for ever, and a newer version can follow");

    // The job that asked goes on after the restart: what runs now is what was asked for, and is not marked.
    fs::write(&machine.places.os_release, "IMAGE_VERSION=0.1.0\n").unwrap();
    leave(&machine, "0.1.0", &reason).await.unwrap();
    assert_eq!(facts(&machine).returned.len(), 1);
}

#[tokio::test]
async fn a_reason_that_is_not_one_marks_nothing() {
    let machine = kept_beside_another().await;
    let with = |code: &str, title: &str, detail: &str| json!({"code": code, "title": title, "detail": detail});
    for wrong in [
        with("health-ui", "t", "d"),
        with("health-apps", &"t".repeat(201), "d"),
        with("health-apps", "two\nlines", "d"),
        with("health-apps", "t", &"d".repeat(16 * 1024 + 1)),
        with("health-apps", "t", "\u{1b}[31m"),
        json!({"code": "health-apps"}),
        json!("because"),
    ] {
        assert!(matches!(leave(&machine, "0.1.0", &wrong).await, Err(Error::Request(_))), "{wrong}");
    }
    let good = with("health-apps", "t", "d");
    assert!(matches!(leave(&machine, "0.0.9", &good).await, Err(Error::Version { .. })), "not there");
    kernel(&machine, "orbitr_0.1.0+3-0.efi");
    fs::remove_file(machine.places.esp.join("EFI/Linux/orbitr_0.1.0.efi")).unwrap();
    assert!(matches!(leave(&machine, "0.1.0", &good).await, Err(Error::Version { .. })), "never proved");
    fs::write(&machine.places.os_release, "IMAGE_VERSION=0.1.0\n").unwrap();
    assert!(matches!(leave(&machine, "0.2.0", &good).await, Err(Error::Version { .. })), "newer than what runs");
    assert!(facts(&machine).returned.is_empty() && !machine.places.esp.join("orbitr/failed").exists());
}

/// A gate that sees nobody answer, on a boot that counts or does not.
async fn gate(machine: &Machine, status: &str) -> Result<(), Error> {
    fs::write(machine.places.updates.join("gate-deadline"), "1\n").unwrap();
    let told = machine.dir.path().join("blessed").display().to_string();
    stand_in(machine, &machine.places.bless, &format!("[ \"$1\" = status ] && echo {status} || echo \"$1\" >>{told}"));
    fs::write(
        machine.places.box_run.join("data.json"),
        json!({"version": 1, "state": "none", "reason": null, "problem": null, "recorded": null, "open": null,
            "candidates": [], "boot_disk": null})
        .to_string(),
    )
    .unwrap();
    machine.act(Act::HealthGate).await
}

#[tokio::test]
async fn a_version_that_does_not_answer_is_given_up_where_there_is_another() {
    let machine = machine().await;
    label(&machine, 4, "orbitr_0.1.0");
    label(&machine, 5, "orbitr_0.1.0_verity");
    kernel(&machine, "orbitr_0.1.0.efi");
    let error = gate(&machine, "indeterminate").await.unwrap_err();
    assert!(matches!(error, Error::Unhealthy { code: "health-supervisor", .. }), "{error}");
    assert_eq!(fs::read_to_string(machine.dir.path().join("blessed")).unwrap(), "bad\n");
    let facts = facts(&machine);
    let gate = facts.gate.unwrap();
    assert_eq!((gate.state, gate.counted, gate.deadline_s), (GateState::Failed, true, 1));
    assert_eq!(gate.tiers.iter().map(|check| check.ok).collect::<Vec<_>>()[..4], [None, Some(true), None, Some(false)]);
    let returned = &facts.returned[0];
    assert_eq!(returned.version.as_str(), "0.2.0");
    assert_eq!(returned.reason.as_ref().unwrap().code, "health-supervisor");
    assert!(returned.at.is_some() && machine.places.esp.join("orbitr/failed/0.2.0.log").exists());
}

#[tokio::test]
async fn a_version_that_was_kept_or_is_alone_stays_whatever_the_gate_sees() {
    for (status, other) in [("indeterminate", false), ("good", true), ("clean", true)] {
        let machine = machine().await;
        if other {
            label(&machine, 4, "orbitr_0.1.0");
            label(&machine, 5, "orbitr_0.1.0_verity");
            kernel(&machine, "orbitr_0.1.0.efi");
        }
        assert_eq!(
            gate(&machine, status).await.is_ok(),
            status != "indeterminate",
            "who is not kept yet is not complete"
        );
        let facts = facts(&machine);
        assert_eq!(facts.gate.unwrap().state, GateState::Failed);
        assert!(facts.returned.is_empty() && !machine.dir.path().join("blessed").exists(), "{status}");
    }
}
