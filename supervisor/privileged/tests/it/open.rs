//! `open-data`, and the end of a factory reset.

use std::fs;

use orbitr_model::{Act, DataReason, DataState};
use orbitr_privileged::Error;
use serde_json::json;

use crate::disk::{GIB, Machine, TestDisk, sh};

async fn made() -> Machine {
    let machine = Machine::new(GIB);
    machine.make(usize::MAX).await.unwrap();
    machine.reboot();
    machine
}

fn open(adopt: Option<&str>, device: Option<&str>) -> serde_json::Value {
    json!({"version": 1, "id": "o", "adopt": adopt, "device": device, "key": null})
}

#[tokio::test]
async fn a_disk_that_has_grown_is_used_to_its_end() {
    let machine = made().await;
    machine.disks[0].grow(2 * GIB);
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    let grown = facts.open.unwrap().grown_by;
    assert!(grown > GIB - (16 << 20) && grown <= GIB, "{grown}");
    machine.inside(&machine.disks[0].part(6), |top| {
        let bytes = sh("df", &["--block-size=1", "--output=size", top.to_str().unwrap()]).unwrap();
        let bytes: u64 = bytes.lines().nth(1).unwrap().trim().parse().unwrap();
        assert!(bytes > GIB + GIB / 2, "{bytes}");
    });
    machine.reboot();
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!(machine.facts().open.unwrap().grown_by, 0, "once is enough");
}

#[tokio::test]
async fn growing_that_was_cut_off_is_finished_by_the_next_start() {
    for cut in 1..6 {
        let machine = made().await;
        machine.disks[0].grow(2 * GIB);
        let _ = machine.act_cut(Act::OpenData, cut).await;
        machine.reboot();
        machine.act(Act::OpenData).await.unwrap();
        assert_eq!(machine.facts().state, DataState::Open);
        machine.inside(&machine.disks[0].part(6), |top| {
            let bytes = sh("df", &["--block-size=1", "--output=size", top.to_str().unwrap()]).unwrap();
            assert!(bytes.lines().nth(1).unwrap().trim().parse::<u64>().unwrap() > GIB + GIB / 2, "cut at {cut}");
        });
    }
}

#[tokio::test]
async fn a_data_partition_that_this_box_does_not_know_waits_for_the_owner() {
    let machine = made().await;
    let [(_, partuuid)] = &machine.disks[0].data_partitions()[..] else { panic!("one") };
    fs::remove_file(machine.places.esp.join("orbitr/data")).unwrap();
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.reason), (DataState::Choice, Some(DataReason::Unrecorded)));
    assert_eq!(facts.candidates[0].complete, Some(true));
    assert_eq!(facts.candidates[0].machine_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
    assert!(!machine.places.box_run.join("data-device").exists());

    machine.ask(Act::OpenData, &open(Some("0f410f90-ea92-4bcf-b701-b7503621b14f"), None));
    assert!(matches!(machine.act(Act::OpenData).await, Err(Error::NoPartition(_))));
    machine.ask(Act::OpenData, &open(Some(partuuid), None));
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!(machine.facts().state, DataState::Open);
    assert_eq!(machine.recorded().as_ref(), Some(partuuid));
}

#[tokio::test]
async fn a_recorded_partition_that_is_not_there_is_missed_and_nothing_is_made() {
    let mut machine = made().await;
    let other = Machine::new(GIB);
    other.make(usize::MAX).await.unwrap();
    other.reboot();
    // The disk with the data is another one than the one that boots, and it is unplugged.
    fs::write(machine.places.esp.join("orbitr/data"), format!("{}\n", other.recorded().unwrap())).unwrap();
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.reason), (DataState::Choice, Some(DataReason::Missing)));
    assert_eq!(facts.recorded.unwrap().to_string(), other.recorded().unwrap());

    machine.reboot();
    machine.plug(TestDisk::attach(other.disks[0].file.clone()));
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!(machine.facts().open.unwrap().device, machine.disks[1].part(6));
    assert_eq!(machine.facts().candidates.len(), 2, "the other one is listed and left alone");
}

#[tokio::test]
async fn of_two_copies_none_is_opened_until_the_owner_says_which() {
    let mut machine = made().await;
    let copy = machine.dir.path().join("copy");
    sh("cp", &["--sparse=always", machine.disks[0].file.to_str().unwrap(), copy.to_str().unwrap()]).unwrap();
    machine.plug(TestDisk::attach(copy));
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.reason, facts.open), (DataState::Choice, Some(DataReason::Ambiguous), None));
    assert_eq!(facts.candidates.iter().map(|twin| twin.complete).collect::<Vec<_>>(), [None, None]);

    let partuuid = machine.recorded().unwrap();
    machine.ask(Act::OpenData, &open(Some(&partuuid), None));
    assert!(matches!(machine.act(Act::OpenData).await, Err(Error::Twice(_))));
    machine.ask(Act::OpenData, &open(Some(&partuuid), Some(&machine.disks[1].part(6))));
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.reason), (DataState::Open, Some(DataReason::Ambiguous)), "and it goes on saying so");
    assert_eq!(facts.open.unwrap().device, machine.disks[1].part(6));

    machine.reboot();
    machine.unplug(1);
    machine.act(Act::OpenData).await.unwrap();
    assert_eq!((machine.facts().state, machine.facts().reason), (DataState::Open, None));
}

#[tokio::test]
async fn a_damaged_partition_is_told_of_and_left_as_it_is() {
    let machine = made().await;
    sh("mkfs.ext4", &["-q", "-F", &machine.disks[0].part(6)]).unwrap();
    assert!(matches!(machine.act(Act::OpenData).await, Err(Error::Foreign { .. })));
    let facts = machine.facts();
    assert_eq!((facts.state, facts.problem.unwrap().code.as_str()), (DataState::Failed, "data-unreadable"));
    assert!(sh("blkid", &["-p", &machine.disks[0].part(6)]).unwrap().contains("ext4"));
}

#[tokio::test]
async fn a_locked_partition_stays_locked_without_its_key() {
    let machine = made().await;
    let device = machine.disks[0].part(6);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let key = orbitr_model::RecoveryKey::new([7; 28]);
        let none = tokio_util::sync::CancellationToken::new();
        runtime.block_on(async {
            orbitr_host::disks::luks::format(std::path::Path::new(&device), "orbitr-data", &key, &none).await.unwrap();
            assert!(orbitr_host::disks::luks::try_key(std::path::Path::new(&device), &key, &none).await.unwrap());
        });
    })
    .join()
    .unwrap();
    machine.act(Act::OpenData).await.unwrap();
    let facts = machine.facts();
    assert_eq!((facts.state, facts.candidates[0].encrypted), (DataState::Locked, true));
    let wrong = orbitr_model::RecoveryKey::new([8; 28]);
    machine.ask(Act::OpenData, &json!({"version": 1, "id": "k", "adopt": null, "device": null, "key": wrong}));
    assert!(matches!(machine.act(Act::OpenData).await, Err(Error::Key(_))));
    assert_eq!(machine.facts().state, DataState::Locked);
    assert_eq!(machine.report(Act::OpenData).problem.unwrap().code, "recovery-key-wrong");
    assert!(matches!(machine.make(usize::MAX).await, Err(Error::Occupied(_))), "and nobody makes it anew");
}

#[tokio::test]
async fn a_factory_reset_erases_one_partition_and_is_finished_after_a_power_cut() {
    for cut in [1, 2, 3, 4, usize::MAX] {
        let machine = made().await;
        fs::write(machine.places.esp.join("orbitr/reset"), machine.recorded().unwrap()).unwrap();
        let _ = machine.act_cut(Act::OpenData, cut).await;
        machine.reboot();
        machine.act(Act::OpenData).await.unwrap();
        let facts = machine.facts();
        assert_eq!(facts.state, DataState::None, "cut at {cut}");
        assert!(machine.disks[0].data_partitions().is_empty());
        assert_eq!(machine.recorded(), None);
        assert!(!machine.places.esp.join("orbitr/reset").exists());
        machine.make(usize::MAX).await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_touches_no_copy_and_no_other_partition() {
    let mut machine = made().await;
    let copy = machine.dir.path().join("copy");
    sh("cp", &["--sparse=always", machine.disks[0].file.to_str().unwrap(), copy.to_str().unwrap()]).unwrap();
    machine.plug(TestDisk::attach(copy));
    fs::write(machine.places.esp.join("orbitr/reset"), machine.recorded().unwrap()).unwrap();
    assert!(matches!(machine.act(Act::OpenData).await, Err(Error::Twice(_))));
    assert_eq!(machine.facts().state, DataState::Failed);
    for disk in &machine.disks {
        assert_eq!(disk.data_partitions().len(), 1);
    }
}
