//! `make-data`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use orbitr_model::{Act, ActState, DataReason, DataState};
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine};

#[tokio::test]
async fn a_first_start_finds_nothing_and_a_partition_is_made_and_opened_from_then_on() {
    let machine = Machine::new(GIB);
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.reason, facts.candidates.len()), (DataState::None, None, 0));
    assert_eq!(facts.boot_disk.unwrap().device, machine.disks[0].device);

    machine.make(usize::MAX).await.unwrap();
    let [(number, partuuid)] = &machine.disks[0].data_partitions()[..] else { panic!("one data partition") };
    assert_eq!(*number, 6, "after slot B");
    assert_eq!(machine.recorded().as_ref(), Some(partuuid));
    assert!(!machine.places.esp.join("orbitr/making").exists());
    let facts = machine.facts();
    assert_eq!(facts.state, DataState::Open);
    assert_eq!(facts.open.unwrap().device, machine.disks[0].part(6));
    let link = fs::read_link(machine.places.box_run.join("data-device")).unwrap();
    assert_eq!(link.to_str().unwrap(), machine.disks[0].part(6));
    let report = machine.report(Act::MakeData);
    assert_eq!((report.state, report.id.as_str(), report.problem), (ActState::Done, "m", None));

    machine.inside(&machine.disks[0].part(6), |top| {
        let mark: serde_json::Value = serde_json::from_slice(&fs::read(top.join("orbitr-data.json")).unwrap()).unwrap();
        assert_eq!((&mark["complete"], mark["partuuid"].as_str()), (&json!(true), Some(partuuid.as_str())));
        for (path, mode) in [("@orbitr", 0o700), ("@orbitr/apps", 0o700), ("@system", 0o755), ("@log/journal", 0o2755)]
        {
            assert_eq!(top.join(path).metadata().unwrap().permissions().mode() & 0o7777, mode, "{path}");
        }
        for subvolume in ["@docker", "@containerd", "@systemd", "@orbitr/apps", "@orbitr/snapshots"] {
            // The top of every subvolume has this number (btrfs(5)).
            assert_eq!(top.join(subvolume).metadata().unwrap().ino(), 256, "{subvolume} is a subvolume");
        }
    });

    machine.reboot();
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!(machine.facts().state, DataState::Open);
}

#[tokio::test]
async fn a_power_cut_at_every_step_ends_with_one_data_partition() {
    let mut finished = false;
    for cut in 1..40 {
        let machine = Machine::new(GIB);
        let done = machine.make(cut).await;
        finished = done.is_ok();
        machine.reboot();
        machine.act(Act::OpenData).await.unwrap();
        let facts = machine.facts();
        match (facts.state, facts.reason) {
            (DataState::Open, None) => {}
            (DataState::None, None) | (DataState::Choice, Some(DataReason::Unfinished)) => {
                machine.make(usize::MAX).await.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
        assert_eq!(machine.disks[0].data_partitions().len(), 1, "cut at {cut}");
        machine.reboot();
        machine.act(Act::OpenData).await.unwrap();
        assert_eq!(machine.facts().state, DataState::Open, "cut at {cut}");
        if finished {
            break;
        }
    }
    assert!(finished, "it never came to its end");
}

#[tokio::test]
async fn nothing_is_made_where_somebodys_data_are() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    assert!(matches!(machine.make(usize::MAX).await, Err(Error::Open)));
    machine.reboot();
    // The record is lost; the data are not.
    fs::remove_file(machine.places.esp.join("orbitr/data")).unwrap();
    machine.inside(&machine.disks[0].part(6), |top| fs::write(top.join("@orbitr/photo"), "holiday").unwrap());
    assert!(matches!(machine.make(usize::MAX).await, Err(Error::Occupied(_))));
    let report = machine.report(Act::MakeData);
    assert_eq!((report.state, report.problem.unwrap().code.as_str()), (ActState::Failed, "data-occupied"));
    machine.inside(&machine.disks[0].part(6), |top| assert!(top.join("@orbitr/photo").exists()));
}

#[tokio::test]
async fn a_partition_of_our_type_with_another_file_system_is_somebodys() {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    machine.reboot();
    fs::remove_file(machine.places.esp.join("orbitr/data")).unwrap();
    crate::disk::sh("mkfs.ext4", &["-q", "-F", &machine.disks[0].part(6)]).unwrap();
    assert!(matches!(machine.make(usize::MAX).await, Err(Error::Occupied(_))));
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!((machine.facts().state, machine.facts().reason), (DataState::Choice, Some(DataReason::Unrecorded)));
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_and_removed() {
    let machine = Machine::new(GIB);
    for wrong in [
        json!({"version": 2, "id": "x", "disk": null, "encrypt": null}),
        json!({"version": 1, "id": "x", "disk": null, "encrypt": null, "force": true}),
        json!({"version": 1, "id": "x", "disk": null, "encrypt": {"recovery_key": 7, "tpm2": false}}),
    ] {
        machine.ask(Act::MakeData, &wrong);
        assert!(matches!(machine.act(Act::MakeData).await, Err(Error::Request(_))), "{wrong}");
        assert!(!machine.places.requests.join("make-data.json").exists());
        assert_eq!(machine.report(Act::MakeData).id, "x");
    }
    machine.ask(Act::MakeData, &json!({"version": 1, "id": "x", "disk": "/dev/vda", "encrypt": null}));
    assert!(matches!(machine.act(Act::MakeData).await, Err(Error::Unfit { .. })), "another disk");
    assert!(machine.disks[0].data_partitions().is_empty());
}
